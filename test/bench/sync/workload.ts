/**
 * What a peer does in the sync cases, whichever contender it is: writes records, watches for those of others, and
 * notes when they came. Times are of the machine's monotonic clock, so that two processes can be compared.
 */

import { connect, createServer, type Socket } from 'node:net';
import type * as Y from 'yjs';
import { sharedClockMs } from '../statistics.ts';
import { RECORDS_ROOT, type SyncPeer, TEXT_ROOT } from './contender.ts';
import type { TextEdit } from './trace.ts';

/** Keys that the latency workload writes over and over. */
const LATENCY_KEYS = 64;
/** Edits of the trace in one transaction, and transactions in one tick. */
const TRACE_BATCH = 1000;
const PADDING = 'x'.repeat(40);

/** About 200 bytes: what a conditional breakpoint looks like. */
function record(n: number, at = 0): object {
  return {
    id: `bp-${n}`,
    file: 'src/app/server/handlers/session.ts',
    line: n % 997,
    enabled: true,
    cond: 'user.id === 42 && retries > 3',
    by: 'alice',
    t: at,
    log: PADDING,
  };
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Watches a peer's documents for what others write. */
export class Watch {
  readonly #peer: SyncPeer;
  #text: Y.Text | undefined;
  readonly #seen = new Set<string>();
  readonly #waiting = new Set<() => void>();
  onRecord: ((key: string, value: unknown) => void) | undefined;

  constructor(peer: SyncPeer) {
    this.#peer = peer;
    this.#attach();
    peer.onReplaced?.(() => {
      for (const key of this.#attach().keys()) this.#seen.add(key);
      this.#look();
    });
  }

  #attach(): Y.Map<unknown> {
    const records = this.#peer.doc('records').getMap(RECORDS_ROOT);
    records.observe((event) => {
      if (event.transaction.local) return;
      for (const key of event.keysChanged) {
        this.#seen.add(key);
        this.onRecord?.(key, records.get(key));
      }
      this.#look();
    });
    this.#text = this.#peer.doc('text').getText(TEXT_ROOT);
    this.#text.observe(() => this.#look());
    return records;
  }

  forget(): void {
    this.#seen.clear();
  }

  /** @returns when `count` different keys of others had been seen */
  records(count: number): Promise<number> {
    return this.#until(() => this.#seen.size >= count);
  }

  /** @returns when the text was `length` long */
  text(length: number): Promise<number> {
    return this.#until(() => (this.#text?.length ?? 0) >= length);
  }

  #until(test: () => boolean): Promise<number> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!test()) return;
        this.#waiting.delete(look);
        resolve(sharedClockMs());
      };
      this.#waiting.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

/** Writes `count` new keys, so many in a tick, each its own transaction. @returns when the first was written */
export async function writeRecords(
  peer: SyncPeer,
  options: { count: number; prefix: string; perTick: number },
): Promise<number> {
  const started = sharedClockMs();
  for (let n = 0; n < options.count; n++) {
    peer.edit('records', (doc) => doc.getMap(RECORDS_ROOT).set(options.prefix + n, record(n)));
    if ((n + 1) % options.perTick === 0) await nextTick();
  }
  return started;
}

/** Writes `count` new keys, a hundred in a transaction: what was there before a joiner came. */
export async function seedRecords(peer: SyncPeer, count: number): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    peer.edit('records', (doc) => {
      const records = doc.getMap(RECORDS_ROOT);
      for (let n = from; n < Math.min(count, from + 100); n++) records.set(`r${n}`, record(n));
    });
    await nextTick();
  }
}

/** Types the trace. */
export async function typeTrace(peer: SyncPeer, edits: readonly TextEdit[]): Promise<void> {
  for (let from = 0; from < edits.length; from += TRACE_BATCH) {
    peer.edit('text', (doc) => {
      const text = doc.getText(TEXT_ROOT);
      for (const [at, remove, insert] of edits.slice(from, from + TRACE_BATCH)) {
        if (remove > 0) text.delete(at, remove);
        if (insert !== '') text.insert(at, insert);
      }
    });
    await nextTick();
  }
}

/** Answers every record of the latency workload by one byte over a Unix socket. */
export async function acknowledge(watch: Watch, socketPath: string): Promise<readonly number[]> {
  const socket = connect(socketPath);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const latencies: number[] = [];
  watch.onRecord = (_key, value) => {
    const written = Number((value as { t: number }).t);
    latencies.push(sharedClockMs() - written);
    socket.write('a');
  };
  return latencies;
}

/** One record after the other, each once the one before was acknowledged by the other side. */
export async function writeClosedLoop(peer: SyncPeer, acks: AckListener, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const acknowledged = acks.next();
    const key = `w:${n % LATENCY_KEYS}`;
    peer.edit('records', (doc) => doc.getMap(RECORDS_ROOT).set(key, record(n, sharedClockMs())));
    await acknowledged;
    await nextTick();
  }
}

/** The writer's end of the acknowledgements. */
export class AckListener {
  #resolve: (() => void) | undefined;

  async listen(socketPath: string): Promise<void> {
    const server = createServer((socket: Socket) => {
      socket.on('data', () => this.#resolve?.());
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
