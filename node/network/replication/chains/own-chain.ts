/**
 * A chain written here: seals drafts in order, each declaring what was seen of others since the one before. The daemon's
 * own chain has seen whatever arrived; a page's only what it was told to refer to.
 */

import { joinPositions } from '#protocol/control-position.ts';
import type { Crypto, Signer } from '#protocol/crypto.ts';
import {
  type ControlPosition,
  compareDeps,
  type Dep,
  type Envelope,
  EnvelopeKind,
  MAX_DEPS,
  sealEnvelope,
} from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Draft } from '../documents/local-edits.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Point } from './knowledge.ts';
import type { LineIds } from './line-ids.ts';

export interface OwnChainParts {
  readonly sandbox: SandboxId;
  readonly chain: Chain;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** Of all authors: it may not have declared everything of them. */
  readonly chains: ChainStore;
  readonly lineIds: LineIds;
  /** Everything that is accepted here, or only what {@link OwnChain.saw} is told. */
  readonly sees: 'everything' | 'references';
}

/** A sealed envelope. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
  /** Whether it holds the draft. */
  readonly last: boolean;
}

const NOTHING = new Uint8Array(0);

export class OwnChain {
  readonly chain: Chain;
  readonly #parts: OwnChainParts;
  /** Seen since the last envelope sealed, and up to which seq; without an end: up to the head. */
  #news: Map<Chain, number>;
  /** Control position of what it stands on: no envelope may fall below, even while a forked log has less effect. */
  #reached: ControlPosition;

  constructor(parts: OwnChainParts) {
    this.chain = parts.chain;
    this.#parts = parts;
    const { chain } = parts;
    const seen = parts.sees === 'everything' ? [...parts.chains.all()] : [];
    const news = seen.filter((other) => other.client !== chain.client);
    const unknown = news.filter((other) => !chain.knowledge.has({ chain: other, seq: other.seq }));
    this.#news = new Map(unknown.map((other) => [other, Number.POSITIVE_INFINITY]));
    this.#reached = chain.controlAt(chain.seq);
    for (const other of seen) this.#reached = joinPositions(this.#reached, other.controlAt(other.seq));
  }

  /** Another chain grew. */
  saw(chain: Chain): void {
    this.#news.set(chain, Number.POSITIVE_INFINITY);
    this.#reached = joinPositions(this.#reached, chain.controlAt(chain.seq));
  }

  /** What is sealed next refers to an envelope of another chain. */
  refersTo(point: Point): void {
    const { chain, seq } = point;
    if (this.chain.knowledge.has(point) || (this.#news.get(chain) ?? 0) >= seq) return;
    this.#news.set(chain, seq);
    this.#reached = joinPositions(this.#reached, chain.controlAt(seq));
  }

  /**
   * The next envelope; {@link sealed} must follow once it was entered. When more was seen than one envelope can declare,
   * it is a declaration, and the draft is still to be sealed.
   */
  seal(draft: Draft, position: ControlPosition): Sealed {
    const { sandbox, chain, signer, crypto } = this.#parts;
    const last = this.#news.size <= MAX_DEPS;
    const deps = this.#deps();
    const fields = {
      sandbox,
      member: chain.member,
      incarnation: chain.incarnation,
      seq: chain.seq + 1,
      previous: chain.hash,
      control: joinPositions(position, this.#reached),
      deps,
      document: draft.document,
      kind: last ? draft.kind : EnvelopeKind.declaration,
      clock: last ? draft.clock : 0,
    };
    const payload = last ? this.#outgoing(draft, deps) : NOTHING;
    return { ...sealEnvelope(fields, payload, signer, crypto), last };
  }

  /** The payload under the clientIDs by which readers know what it refers to. */
  #outgoing({ document, kind, payload }: Draft, deps: readonly Dep[]): Uint8Array {
    const { chain, chains, lineIds } = this.#parts;
    if (!chains.forked || kind !== EnvelopeKind.update) return payload;
    const knowledge = chain.knowledge.extend();
    for (const { member, incarnation, seq, hash } of deps) {
      const other = chains.find(member, incarnation, seq, hash);
      if (other !== undefined) knowledge.declare({ chain: other, seq });
    }
    return lineIds.outgoing(document, payload, knowledge);
  }

  /** The envelope last sealed counts: what it declared is declared. */
  sealed(): void {
    if (this.#news.size <= MAX_DEPS) this.#news.clear();
    else
      this.#news = new Map(
        this.#sorted()
          .slice(MAX_DEPS)
          .map(({ chain, upTo }) => [chain, upTo]),
      );
  }

  #deps(): Dep[] {
    if (this.#news.size === 0) return [];
    return this.#sorted()
      .slice(0, MAX_DEPS)
      .map(({ head }) => ({ ...head, hash: head.hash.slice() }));
  }

  #sorted(): { readonly chain: Chain; readonly upTo: number; readonly head: Head }[] {
    const heads = [...this.#news].map(([chain, upTo]) => ({ chain, upTo, head: headAt(chain, upTo) }));
    return heads.sort((a, b) => compareDeps(a.head, b.head));
  }
}

function headAt(chain: Chain, upTo: number): Head {
  if (upTo >= chain.seq) return chain.head;
  const { member, incarnation } = chain;
  return { member, incarnation, seq: upTo, hash: chain.shortHash(upTo) };
}
