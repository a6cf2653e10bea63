/**
 * Serves pulls over one link: envelopes in the order they were accepted here, which is a causal order, in chunks that
 * wait for the link to drain and for other work to run in between. One answer has a limit: whoever wants more asks
 * again, when it has digested what it got.
 */

import type { PrunedChain } from '#protocol/blob-messages.ts';
import type { Want } from '#protocol/replication-messages.ts';
import type { Chain } from '../chains/chain.ts';
import { leadsThrough } from '../chains/knowledge.ts';
import type { SyncHost } from './sync-host.ts';

const CHUNK_BYTES = 256 * 1024;
/** Of one answer. */
const ANSWER_BYTES = 4 * 1024 * 1024;

export interface EnvelopeSenderParts {
  readonly host: SyncHost;
  /** @returns false when the link asks to wait for `drain` */
  send(envelopes: readonly Uint8Array[]): boolean;
  /** Everything asked for is sent, or the limit is reached. */
  finish(): void;
}

export class EnvelopeSender {
  readonly #parts: EnvelopeSenderParts;
  /** Positions in the log, ascending; those before `#next` are sent. */
  #queue: number[] = [];
  #next = 0;
  #sent = 0;
  #busy = false;
  #blocked = false;
  #scheduled = false;
  #stopped = false;

  constructor(parts: EnvelopeSenderParts) {
    this.#parts = parts;
  }

  /** The link asked to wait for `drain`. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Records what a send returned, and passes it on. */
  note(accepted: boolean): boolean {
    if (!accepted) this.#blocked = true;
    return accepted;
  }

  /**
   * What is asked for while an answer is under way joins it.
   *
   * @returns chains of which the asker lacks envelopes that are not here any more: a checkpoint stands for them
   */
  serve(wants: readonly Want[]): PrunedChain[] {
    const positions = new Set(this.#queue.slice(this.#next));
    const pruned: PrunedChain[] = [];
    for (const want of wants) {
      const chain = this.#parts.host.chains.find(want.member, want.incarnation, want.seq, want.hash);
      if (chain === undefined) continue;
      const from = this.#firstMissing(want, chain);
      const { member, incarnation, pruned: base } = chain;
      if (from <= base) pruned.push({ member, incarnation, seq: base });
      for (let seq = Math.max(from, base + 1); seq <= want.seq; seq++) positions.add(chain.positionAt(seq) as number);
    }
    this.#queue = [...positions].sort((a, b) => a - b);
    this.#next = 0;
    if (!this.#busy) this.#sent = 0;
    this.#busy = true;
    this.#schedule();
    return pruned;
  }

  resume(): void {
    this.#blocked = false;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
  }

  /** Seq after the latest envelope of a line that the asker has. */
  #firstMissing({ member, incarnation, seq, have }: Want, chain: Chain): number {
    let from = 1;
    for (const known of have) {
      if (known.seq < from || known.seq > seq) continue;
      const line = this.#parts.host.chains.find(member, incarnation, known.seq, known.hash);
      if (line === undefined || !leadsThrough({ chain, seq }, { chain: line, seq: known.seq })) continue;
      from = known.seq + 1;
    }
    return from;
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || !this.#busy) return;
    this.#scheduled = true;
    this.#parts.host.environment.defer(() => {
      this.#scheduled = false;
      if (this.#stopped || this.#blocked) return;
      this.#sendChunk();
      this.#schedule();
    });
  }

  #sendChunk(): void {
    const chunk: Uint8Array[] = [];
    let bytes = 0;
    while (this.#next < this.#queue.length && bytes < CHUNK_BYTES && this.#sent < ANSWER_BYTES) {
      const envelope = this.#parts.host.envelopeBytes(this.#queue[this.#next++] as number);
      // The log has moved to a checkpoint since, or the disk is full: whoever asks again is told.
      if (envelope === undefined) continue;
      chunk.push(envelope);
      bytes += envelope.length;
      this.#sent += envelope.length;
    }
    if (chunk.length > 0) this.#parts.send(chunk);
    if (this.#next < this.#queue.length && this.#sent < ANSWER_BYTES) return;
    this.#queue = [];
    this.#next = 0;
    this.#busy = false;
    this.#parts.finish();
  }
}
