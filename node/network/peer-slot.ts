/**
 * The one conversation with one peer about one sandbox: dials when there is none, for ever, and settles the tie when
 * both sides dial at once. The rule both follow: the stream that the smaller device key opened wins; a newer stream of
 * the same opener replaces the older one, which that opener has lost.
 */

import type { Connection, Stream } from '@libp2p/interface';
import { SandboxError } from '#shared/errors.ts';
import { Backoff } from './backoff.ts';
import type { PeerHost } from './peer-host.ts';
import { type Hello, PEER_PROTOCOL, PeerStream } from './peer-stream.ts';
import type { Timers } from './timers.ts';

/** From our hello to the peer's: it checks no more than that it knows the sandbox. */
const HELLO_TIMEOUT_MS = 5000;
const OPEN_TIMEOUT_MS = 5000;
/** A stream that should be alive answers a ping within this, or the one that waits takes its place. */
const PROBE_TIMEOUT_MS = 1500;
/** A conversation that was level for this long forgives the failures before it; a shorter one may fail for a reason. */
const STEADY_MS = 5000;

export interface SlotOptions {
  readonly peerKey: Uint8Array;
  /** Our device key is smaller than the peer's, byte by byte: our stream wins a tie. */
  readonly selfWins: boolean;
  readonly host: PeerHost;
  readonly timers: Timers;
  readonly hello: () => Hello;
  readonly addresses: () => readonly string[];
  /** A session took the slot. Called before anything it carries is handed on. */
  readonly onSession: (session: PeerStream, hello: Hello) => void;
  /** The session of the slot ended. */
  readonly onLost: (session: PeerStream, reason: SandboxError) => void;
}

export class PeerSlot {
  readonly #options: SlotOptions;
  readonly #backoff = new Backoff();
  #current: PeerStream | undefined;
  /** Opened by us, our hello sent, the peer's awaited. */
  #attempt: PeerStream | undefined;
  /** Opened by the peer while ours has precedence; takes over when ours fails. */
  #held: { session: PeerStream; hello: Hello } | undefined;
  #dialing: AbortController | undefined;
  #cancelRetry: (() => void) | undefined;
  #settledAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get peerKey(): Uint8Array {
    return this.#options.peerKey;
  }

  get current(): PeerStream | undefined {
    return this.#current;
  }

  /** Dials now, unless a session or a dial is there. Call it when an address was learned or the network changed. */
  wake(): void {
    if (this.#stopped || this.#current !== undefined || this.#dialing !== undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#options.addresses().length === 0) return;
    const controller = new AbortController();
    this.#dialing = controller;
    this.#dial(controller.signal)
      // Unreachable is a member's normal state; what matters is only that it is tried again.
      .catch(() => undefined)
      .finally(() => {
        if (this.#dialing === controller) this.#dialing = undefined;
        if (this.#current === undefined) this.#retryLater();
      });
  }

  /** Failures of the past say nothing any more. */
  startOver(): void {
    this.#backoff.reset();
    this.wake();
  }

  /** The peer has proven to be a level member. If that lasts, its loss is a blip and is retried soon. */
  settled(): void {
    this.#settledAt = this.#options.timers.now();
  }

  /** A stream that the peer opened and greeted on. */
  offer(session: PeerStream, hello: Hello): void {
    const { selfWins } = this.#options;
    const rival = this.#current ?? this.#attempt;
    if (rival?.openedBySelf !== true || !selfWins) return this.#accept(session, hello);
    this.#held?.session.cut('replaced by a newer stream');
    this.#held = { session, hello };
    // The peer may dial because it has lost a stream that still looks alive here.
    if (rival === this.#current) this.#probe(rival);
  }

  /** Ends the conversation for good. Safe to call twice. */
  stop(reason: string): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#dialing?.abort(new SandboxError('CANCELLED', reason));
    this.#attempt?.cut(reason);
    this.#held?.session.cut(reason);
    this.#current?.close(reason);
  }

  #accept(session: PeerStream, hello: Hello): void {
    session.hello(this.#options.hello());
    this.#install(session, hello);
  }

  #install(session: PeerStream, hello: Hello): void {
    const loser = this.#attempt;
    this.#attempt = undefined;
    if (loser !== session) loser?.cut('the peer opened the stream that counts');
    this.#dialing?.abort(new SandboxError('CANCELLED', 'a stream is there'));
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const old = this.#current;
    this.#current = undefined;
    old?.cut('replaced by a newer stream');
    if (session.closed) return this.#retryLater();
    this.#current = session;
    session.events.on('close', (reason) => this.#lost(session, reason));
    this.#options.onSession(session, hello);
  }

  #lost(session: PeerStream, reason: SandboxError): void {
    this.#options.onLost(session, reason);
    if (this.#current !== session) return;
    this.#current = undefined;
    if (this.#options.timers.now() - this.#settledAt > STEADY_MS) this.#backoff.reset();
    this.#settledAt = Number.POSITIVE_INFINITY;
    if (!this.#takeHeld()) this.#retryLater();
  }

  #takeHeld(): boolean {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || held.session.closed || this.#stopped) return false;
    this.#accept(held.session, held.hello);
    return true;
  }

  async #dial(signal: AbortSignal): Promise<void> {
    const { host, peerKey, addresses } = this.#options;
    const connection = await host.dial(peerKey, addresses(), signal);
    const stream = await this.#openStream(connection, signal);
    // No await from here to the hello: the tie rule relies on it.
    if (signal.aborted || this.#current !== undefined) return stream.abort(new Error('not needed any more'));
    await this.#greet(stream, connection);
  }

  async #openStream(connection: Connection, signal: AbortSignal): Promise<Stream> {
    // A connection that is handed out again may have died without a word.
    const cancel = this.#options.timers.after(OPEN_TIMEOUT_MS, () => connection.abort(new Error('no stream in time')));
    try {
      return await connection.newStream(PEER_PROTOCOL, { signal });
    } finally {
      cancel();
    }
  }

  async #greet(stream: Stream, connection: Connection): Promise<void> {
    const { peerKey, timers, hello } = this.#options;
    const session = new PeerStream({ stream, connection, peerKey, openedBySelf: true, timers });
    this.#attempt = session;
    const cancel = timers.after(HELLO_TIMEOUT_MS, () => session.cut('it did not answer our hello'));
    const ended = session.events.next('close');
    session.hello(hello());
    const answer = await Promise.race([session.events.next('hello'), ended]);
    cancel();
    if (this.#attempt !== session) return;
    if (answer instanceof SandboxError) {
      this.#attempt = undefined;
      this.#takeHeld();
      return;
    }
    this.#held?.session.cut('our stream counts');
    this.#held = undefined;
    this.#install(session, answer);
  }

  #probe(session: PeerStream): void {
    let alive = false;
    const off = session.events.on('heard', () => {
      alive = true;
    });
    session.ping();
    this.#options.timers.after(PROBE_TIMEOUT_MS, () => {
      off();
      if (!alive) return session.cut('it lost this stream and opened another');
      if (this.#current !== session) return;
      this.#held?.session.cut('the older stream is alive');
      this.#held = undefined;
    });
  }

  #retryLater(): void {
    if (this.#stopped || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.timers.after(this.#backoff.next(), () => {
      this.#cancelRetry = undefined;
      this.wake();
    });
  }
}
