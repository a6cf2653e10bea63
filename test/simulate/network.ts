/**
 * The network: links between daemons that keep order and boundaries as one stream does, take their time, break with
 * what is on its way, go silent before they break, and do not come up across a partition.
 */

import { crc32 } from 'node:zlib';
import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** A link holds more than this: its sender is asked to wait. */
const CONGESTED_BYTES = 128 * 1024;
const TEND_MS = 100;
/** How long an end may not notice that its link is gone: keepalive finds out by then. */
const SILENCE_MS = 8_000;

/** Somebody with a key that links can lead to. */
export interface Endpoint {
  readonly name: string;
  readonly publicKey: Uint8Array;
  /** The process that runs there now: links belong to it and end with it. */
  readonly process: object | undefined;
  /** Asked before each message: false when the process is dead, or dies of this very one. */
  sends(message?: Uint8Array): boolean;
  accept(link: ReplicationLink): void;
}

export interface Closing {
  readonly by: Endpoint;
  readonly to: Endpoint;
  readonly reason: string;
}

interface Pair {
  readonly a: Endpoint;
  readonly b: Endpoint;
  wires: Wire[];
  retryAt: number;
}

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #onClosing: (closing: Closing) => void;
  readonly #pairs: Pair[] = [];
  #groups: ReadonlyMap<Endpoint, number> | undefined;

  /** @param onClosing an end dropped its peer, and why */
  constructor(scheduler: Scheduler, random: Random, onClosing: (closing: Closing) => void) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#onClosing = onClosing;
    this.#tend();
  }

  /** Two who dial each other whenever they can. */
  introduce(a: Endpoint, b: Endpoint): void {
    if (this.#pairs.some((pair) => (pair.a === a && pair.b === b) || (pair.a === b && pair.b === a))) return;
    this.#pairs.push({ a, b, wires: [], retryAt: this.#scheduler.now + this.#random.between(0, 300) });
  }

  /** Only members of one group reach each other from now on; undefined ends it. */
  partition(groups: ReadonlyMap<Endpoint, number> | undefined): void {
    this.#groups = groups;
    for (const pair of this.#pairs) if (!this.#reach(pair)) this.#break(pair, this.#random.chance(0.5));
  }

  /** Breaks what links the two. @param silently first everything sent vanishes, for a while */
  cut(a: Endpoint, b: Endpoint, silently: boolean): void {
    for (const pair of this.#pairs) {
      if ((pair.a === a && pair.b === b) || (pair.a === b && pair.b === a)) this.#break(pair, silently);
    }
  }

  /** The process of an endpoint is gone. */
  drop(endpoint: Endpoint): void {
    for (const pair of this.#pairs) if (pair.a === endpoint || pair.b === endpoint) this.#break(pair, false);
  }

  /** No link comes up any more. */
  close(): void {
    for (const pair of this.#pairs) this.#break(pair, false);
    this.#pairs.length = 0;
  }

  #reach({ a, b }: Pair): boolean {
    return a.process !== undefined && b.process !== undefined && this.#groups?.get(a) === this.#groups?.get(b);
  }

  #break(pair: Pair, silently: boolean): void {
    for (const wire of pair.wires) wire.cut(silently ? this.#random.between(100, SILENCE_MS) : 0);
    pair.wires = [];
    pair.retryAt = this.#scheduler.now + this.#random.skewed(50, 3_000);
  }

  #tend(): void {
    this.#scheduler.after(TEND_MS, '', () => {
      for (const pair of this.#pairs) this.#dial(pair);
      this.#tend();
    });
  }

  #dial(pair: Pair): void {
    pair.wires = pair.wires.filter((wire) => wire.open);
    // Both may dial at once, so that two links lead to one peer for a while.
    const wanted = pair.wires.length === 0 || (pair.wires.length === 1 && this.#random.chance(0.002));
    if (!wanted || this.#scheduler.now < pair.retryAt || !this.#reach(pair)) return;
    pair.retryAt = this.#scheduler.now + this.#random.skewed(200, 4_000);
    const wire = new Wire(pair.a, pair.b, this.#scheduler, this.#random, this.#onClosing);
    pair.wires.push(wire);
    wire.start();
  }
}

/** One stream between two. */
class Wire {
  open = true;
  readonly #ends: readonly [End, End];
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #onClosing: (closing: Closing) => void;
  /** Of this link, in ms: some are slow. */
  readonly #latency: number;
  #silent = false;

  constructor(a: Endpoint, b: Endpoint, scheduler: Scheduler, random: Random, onClosing: (closing: Closing) => void) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#onClosing = onClosing;
    this.#latency = random.skewed(0.2, 80);
    const left = new End(a, b, this);
    const right = new End(b, a, this);
    left.other = right;
    right.other = left;
    this.#ends = [left, right];
  }

  start(): void {
    const [left, right] = this.#ends;
    for (const end of this.#random.chance(0.5) ? [left, right] : [right, left]) {
      this.#scheduler.after(this.#random.between(0, 2), `${end.owner.name} links ${end.peer.name}`, () => {
        if (this.open && end.usable) end.begin();
      });
    }
  }

  /** Nothing sent from now on arrives; both ends notice `afterMs` later, each in its own time. */
  cut(afterMs: number): void {
    this.open = false;
    this.#silent = true;
    for (const end of this.#ends) {
      const notice = afterMs === 0 ? this.#random.between(0, 5) : afterMs * this.#random.between(0.5, 1);
      this.#scheduler.after(notice, `${end.owner.name} lost ${end.peer.name}`, () => end.lost());
    }
  }

  transmit(from: End, message: Uint8Array): void {
    if (this.#silent) return;
    const to = from.other;
    const now = this.#scheduler.now;
    const delay = this.#latency * this.#random.between(0.5, 2) + message.length / 5_000;
    from.lastArrival = Math.max(from.lastArrival, now + delay);
    from.queuedBytes += message.length;
    const what = `${from.owner.name}>${to.owner.name} ${message[0]} ${message.length} ${crc32(message).toString(16)}`;
    this.#scheduler.after(from.lastArrival - now, what, () => {
      const before = from.queuedBytes;
      from.queuedBytes -= message.length;
      if (!this.#silent) to.deliver(message);
      if (before > CONGESTED_BYTES && from.queuedBytes <= CONGESTED_BYTES && this.open) from.drained();
    });
  }

  /** One end hangs up: the other hears of it after what is on its way, or before it. */
  hangUp(by: End, reason: string): void {
    this.#onClosing({ by: by.owner, to: by.peer, reason });
    this.open = false;
    by.lost();
    const { other } = by;
    const graceful = this.#random.chance(0.7);
    const at = graceful ? Math.max(by.lastArrival, this.#scheduler.now) : this.#scheduler.now;
    if (!graceful) this.#silent = true;
    this.#scheduler.after(at - this.#scheduler.now + 0.1, `${other.owner.name} hears ${by.owner.name} hang up`, () => {
      this.#silent = true;
      other.lost();
    });
  }
}

class End implements ReplicationLink {
  readonly owner: Endpoint;
  readonly peer: Endpoint;
  other: End = this;
  lastArrival = 0;
  queuedBytes = 0;
  readonly #process: object | undefined;
  readonly #wire: Wire;
  readonly #messages: ((message: Uint8Array) => void)[] = [];
  readonly #drains: (() => void)[] = [];
  readonly #closes: (() => void)[] = [];
  /** What came before its owner had taken it over. */
  #early: Uint8Array[] | undefined = [];
  #over = false;

  constructor(owner: Endpoint, peer: Endpoint, wire: Wire) {
    this.owner = owner;
    this.peer = peer;
    this.#process = owner.process;
    this.#wire = wire;
  }

  /** Whether it is up and the process that held it still runs. */
  get usable(): boolean {
    return !this.#over && this.#process !== undefined && this.owner.process === this.#process;
  }

  get peerKey(): Uint8Array {
    return this.peer.publicKey;
  }

  send(message: Uint8Array): boolean {
    if (!this.usable || !this.owner.sends(message)) return true;
    this.#wire.transmit(this, message.slice());
    return this.queuedBytes <= CONGESTED_BYTES;
  }
  onMessage(listener: (message: Uint8Array) => void): void {
    this.#messages.push(listener);
  }
  onDrain(listener: () => void): void {
    this.#drains.push(listener);
  }
  onClose(listener: () => void): void {
    this.#closes.push(listener);
  }
  close(reason: string): void {
    if (this.usable && this.owner.sends()) this.#wire.hangUp(this, reason);
  }

  /** Its owner takes it over, with what arrived meanwhile. */
  begin(): void {
    this.owner.accept(this);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.deliver(message);
  }

  deliver(message: Uint8Array): void {
    if (!this.usable) return;
    if (this.#early !== undefined) return void this.#early.push(message);
    for (const listener of this.#messages) listener(message);
  }
  drained(): void {
    if (!this.usable) return;
    for (const listener of this.#drains) listener();
  }
  lost(): void {
    const { usable } = this;
    this.#over = true;
    if (!usable) return;
    for (const listener of this.#closes) listener();
  }
}
