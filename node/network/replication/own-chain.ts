/**
 * This daemon's chain: seals drafts in order, each declaring what arrived from others since the one before.
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
import type { SandboxId } from '#shared/ids.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { LineIds } from './line-ids.ts';
import type { Draft } from './local-edits.ts';

export interface OwnChainParts {
  readonly sandbox: SandboxId;
  readonly chain: Chain;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** Of all authors: it may not have declared everything of them. */
  readonly chains: ChainStore;
  readonly lineIds: LineIds;
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
  /** Grew since the last envelope sealed. */
  #news: Set<Chain>;
  /** Control position of what it stands on: no envelope may fall below, even while a forked log has less effect. */
  #reached: ControlPosition;

  constructor(parts: OwnChainParts) {
    this.chain = parts.chain;
    this.#parts = parts;
    const { chain } = parts;
    const seen = [...parts.chains.all()];
    const news = seen.filter((other) => other.client !== chain.client);
    this.#news = new Set(news.filter((other) => !chain.knowledge.has({ chain: other, seq: other.seq })));
    this.#reached = chain.controlAt(chain.seq);
    for (const other of seen) this.#reached = joinPositions(this.#reached, other.controlAt(other.seq));
  }

  /** Another chain grew. */
  saw(chain: Chain): void {
    this.#news.add(chain);
    this.#reached = joinPositions(this.#reached, chain.controlAt(chain.seq));
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
    else this.#news = new Set(this.#sorted().slice(MAX_DEPS));
  }

  #deps(): Dep[] {
    if (this.#news.size === 0) return [];
    return this.#sorted()
      .slice(0, MAX_DEPS)
      .map(({ member, incarnation, head }) => ({ member, incarnation, seq: head.seq, hash: head.hash.slice() }));
  }

  #sorted(): Chain[] {
    return [...this.#news].sort((a, b) => compareDeps(a.head, b.head));
  }
}
