/**
 * Serves pulls over one link: envelopes in the order they were accepted here, which is a causal order, in chunks that
 * wait for the link to drain and for other work to run in between.
 */

import type { PullRange } from '#protocol/replication-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SyncHost } from './sync-host.ts';

const CHUNK_BYTES = 256 * 1024;
/** Envelopes one peer may have asked for and not got. */
const MAX_QUEUED = 4_000_000;

export class EnvelopeSender {
  readonly #host: SyncHost;
  readonly #send: (envelopes: readonly Uint8Array[]) => boolean;
  /** Positions in the log, ascending; those before `#next` are sent. */
  #queue: number[] = [];
  #next = 0;
  #blocked = false;
  #scheduled = false;
  #stopped = false;

  constructor(host: SyncHost, send: (envelopes: readonly Uint8Array[]) => boolean) {
    this.#host = host;
    this.#send = send;
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

  /** @throws {SandboxError} LIMIT_EXCEEDED */
  enqueue(ranges: readonly PullRange[]): void {
    const rest = this.#queue.slice(this.#next);
    for (const range of ranges) {
      const chain = this.#host.chains.get(range.member, range.incarnation);
      const to = Math.min(range.to, chain?.seq ?? 0);
      // Below its base a checkpoint stands for the chain: the peer is led to that.
      const from = Math.max(range.from, (chain?.base ?? 0) + 1);
      for (let seq = from; seq <= to; seq++) rest.push(chain?.positionAt(seq) as number);
      if (rest.length > MAX_QUEUED)
        throw new SandboxError('LIMIT_EXCEEDED', 'Cannot serve a pull: it asks for too much');
    }
    rest.sort((a, b) => a - b);
    this.#queue = rest;
    this.#next = 0;
    this.#schedule();
  }

  resume(): void {
    this.#blocked = false;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || this.#next >= this.#queue.length) return;
    this.#scheduled = true;
    this.#host.environment.defer(() => {
      this.#scheduled = false;
      if (this.#stopped || this.#blocked) return;
      this.#sendChunk();
      this.#schedule();
    });
  }

  #sendChunk(): void {
    const chunk: Uint8Array[] = [];
    let bytes = 0;
    while (this.#next < this.#queue.length && bytes < CHUNK_BYTES) {
      const envelope = this.#host.envelopeBytes(this.#queue[this.#next++] as number);
      chunk.push(envelope);
      bytes += envelope.length;
    }
    if (this.#next >= this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    }
    if (chunk.length > 0) this.#send(chunk);
  }
}
