/** The owner's checkpoints as the control logs stand, against the one that a replica stands on. */

import type { CheckpointFact } from '#protocol/control-fold.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { OWNER_LOG } from '#protocol/control-position.ts';
import { chainKey } from '#protocol/envelope.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { CheckpointHeads } from './checkpoint-builder.ts';
import type { CheckpointFile } from './checkpoint-file.ts';

export class OwnerCheckpoints {
  readonly #control: ControlLog;
  readonly #ledger: Ledger;

  constructor(control: ControlLog, ledger: Ledger) {
    this.#control = control;
    this.#ledger = ledger;
  }

  /**
   * Whether this replica stands on a checkpoint that nobody else takes over: it was made where the owner's log forked,
   * and the recovery key named another branch. What it includes is not to be had from here as envelopes any more.
   */
  get isStranded(): boolean {
    const { base } = this.#ledger;
    if (base === undefined || this.#control.state.forks.some(({ log }) => log === OWNER_LOG)) return false;
    return !this.#all().some(({ blob }) => blob === base.name);
  }

  /** Those beyond the one this replica stands on, the last one first. */
  *beyond(): Iterable<CheckpointFact> {
    const manifest = this.#ledger.base?.manifest;
    const isStranded = this.isStranded;
    for (const fact of this.#all().reverse()) {
      if (isStranded) {
        if (!this.#reachesBase(fact.heads)) continue;
      } else if (fact.place.seq - 1 <= (manifest?.position[0] ?? 0)) return;
      if (this.covers(fact.heads, fact.place.seq)) yield fact;
    }
  }

  /**
   * Whether heads reach what every checkpoint of the owner before some entry includes. Members may hold the effect of
   * that without its bytes: a checkpoint with less, made where a disk was damaged, would take it from them.
   */
  covers(heads: CheckpointHeads, before = Number.POSITIVE_INFINITY): boolean {
    return this.#all()
      .filter(({ place }) => place.seq < before)
      .every((earlier) => [...earlier.heads].every(([key, seq]) => (heads.get(key) ?? 0) >= seq));
  }

  #reachesBase(heads: CheckpointHeads): boolean {
    const chains = this.#ledger.base?.manifest.chains ?? [];
    return chains.every(({ member, incarnation, seq }) => (heads.get(chainKey(member, incarnation)) ?? 0) >= seq);
  }

  #all(): CheckpointFact[] {
    return this.#control.state.checkpoints.filter(({ place }) => place.log === OWNER_LOG);
  }
}

/** Whether a blob says of itself what the control entry says of it. */
export function isSaidBy(fact: CheckpointFact, { manifest }: CheckpointFile, sandbox: string): boolean {
  const same = manifest.sandbox === sandbox && manifest.position.join() === fact.position.join();
  if (!same || manifest.chains.length !== fact.heads.size) return false;
  return manifest.chains.every(({ member, incarnation, seq }) => fact.heads.get(chainKey(member, incarnation)) === seq);
}
