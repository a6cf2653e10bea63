/** A chain that a rogue writes by hand: whatever it likes in the header, and updates made with Yjs itself. */

import * as Y from 'yjs';
import type { Crypto, Signer } from '#protocol/crypto.ts';
import { chainKey, type Dep, type EnvelopeHeader, type EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { encodeLocalUpdates, mergeDeletes } from '#shared/documents/local-update.ts';
import type { DeleteRange } from '#shared/documents/update-reader.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

export interface ForgedChainParts {
  readonly sandbox: SandboxId;
  readonly member: MemberId;
  readonly incarnation: number;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** The position in all control logs that goes with one in the owner's. */
  position(ownerSeq: number): readonly number[];
}

export interface Draft {
  readonly document: string;
  readonly control: number;
  readonly kind: EnvelopeKind;
  readonly clock: number;
  readonly payload: Uint8Array;
  /** Heads it says it has seen; those it has declared before are left out by itself. */
  readonly deps: readonly Dep[];
}

export class ForgedChain {
  readonly client: number;
  readonly #parts: ForgedChainParts;
  readonly #seen = new Map<string, number>();
  #seq = 0;
  #previous: Uint8Array = new Uint8Array(0);
  /** The last position it wrote under: it may not fall. */
  control = 0;

  constructor(parts: ForgedChainParts) {
    this.#parts = parts;
    this.client = clientIdOf(parts.member, parts.incarnation);
  }

  get key(): string {
    return chainKey(this.#parts.member, this.#parts.incarnation);
  }

  /** Changes `doc` as this chain's client. @returns what to put into an envelope; undefined when nothing changed */
  update(doc: Y.Doc, change: (doc: Y.Doc) => void): { clock: number; payload: Uint8Array } | undefined {
    doc.clientID = this.client;
    const clock = Y.getState(doc.store, this.client);
    const deletes: DeleteRange[] = [];
    const note = (transaction: Y.Transaction): void => {
      for (const [client, ranges] of transaction.deleteSet.clients) {
        for (const range of ranges) deletes.push({ client, clock: range.clock, length: range.len });
      }
    };
    doc.on('afterTransaction', note);
    doc.transact(() => change(doc));
    doc.off('afterTransaction', note);
    return encodeLocalUpdates(doc, this.client, clock, mergeDeletes(deletes), 60_000)[0];
  }

  /** The next envelope of the chain. */
  seal(draft: Draft, override: Partial<EnvelopeHeader> = {}, signer: Signer = this.#parts.signer): Uint8Array {
    const { bytes, envelope } = this.#sealed(draft, override, signer);
    this.#seq = envelope.header.seq;
    this.#previous = envelope.hash.slice();
    this.control = draft.control;
    for (const dep of envelope.header.deps) this.#seen.set(chainKey(dep.member, dep.incarnation), dep.seq);
    return bytes;
  }

  /** A second line of the same chain: what either seals next goes into the same slot. */
  fork(): ForgedChain {
    const other = new ForgedChain(this.#parts);
    other.#seq = this.#seq;
    other.#previous = this.#previous;
    other.control = this.control;
    for (const [key, seq] of this.#seen) other.#seen.set(key, seq);
    return other;
  }

  #sealed(draft: Draft, override: Partial<EnvelopeHeader>, signer: Signer) {
    const { sandbox, member, incarnation, crypto, position } = this.#parts;
    const { payload, control, deps, ...rest } = draft;
    const news = deps.filter((dep) => {
      const key = chainKey(dep.member, dep.incarnation);
      return key !== this.key && dep.seq > (this.#seen.get(key) ?? 0);
    });
    const fields = {
      sandbox,
      member,
      incarnation,
      seq: this.#seq + 1,
      previous: this.#previous,
      control: position(control),
      deps: news,
      ...rest,
      ...override,
    };
    return sealEnvelope(fields, payload, signer, crypto);
  }
}
