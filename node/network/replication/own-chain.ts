/**
 * This daemon's chain: seals drafts in order, each declaring what arrived from others since the one before.
 */

import { joinPositions } from '#protocol/control-position.ts';
import type { Crypto, Signer } from '#protocol/crypto.ts';
import {
  type ControlPosition,
  compareChains,
  type Dep,
  type Envelope,
  MAX_DEPS,
  sealEnvelope,
} from '#protocol/envelope.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Chain } from './chain-store.ts';
import type { Draft } from './local-edits.ts';

export interface OwnChainParts {
  readonly sandbox: SandboxId;
  readonly chain: Chain;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** Chains of which it may not have declared everything. */
  readonly seen: Iterable<Chain>;
}

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
    const { chain, seen } = parts;
    this.#news = new Set([...seen].filter((other) => other !== chain && (chain.seen.get(other) ?? 0) < other.seq));
    this.#reached = chain.controlAt(chain.seq);
    for (const other of seen) this.#reached = joinPositions(this.#reached, other.controlAt(other.seq));
  }

  /** Another chain grew. */
  saw(chain: Chain): void {
    this.#news.add(chain);
    this.#reached = joinPositions(this.#reached, chain.controlAt(chain.seq));
  }

  /** The next envelope; {@link sealed} must follow once it was entered. */
  seal(draft: Draft, position: ControlPosition): { bytes: Uint8Array; envelope: Envelope } {
    const { sandbox, chain, signer, crypto } = this.#parts;
    const fields = {
      sandbox,
      member: chain.member,
      incarnation: chain.incarnation,
      seq: chain.seq + 1,
      previous: chain.hash,
      control: joinPositions(position, this.#reached),
      deps: this.#deps(),
      document: draft.document,
      kind: draft.kind,
      clock: draft.clock,
    };
    return sealEnvelope(fields, draft.payload, signer, crypto);
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
    return [...this.#news].sort(compareChains);
  }
}
