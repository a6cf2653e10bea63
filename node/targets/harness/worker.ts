/**
 * The harness worker: a thread of the program that connects to the daemon's target socket, offers the program as a
 * target and relays CDP between the two. Decides when the held main thread may start, and that nothing that happens
 * to the daemon ever keeps the program from running.
 */

import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import { gatherWrites } from '../../gather-writes.ts';
import { pidNamespace } from '../pid-namespace.ts';
import { CdpAssembler, encodeCdp, MAX_MESSAGE_BYTES } from './cdp-frames.ts';
import type { FromHarness, ToHarness } from './harness-messages.ts';
import { type CdpRequest, MainSession } from './main-session.ts';
import { type HarnessWorkerData, type LeavingMessage, Phase, SessionState, Slot } from './shared-state.ts';

/** From the worker's start until the daemon must have answered; its answer takes about 1 ms. */
const WELCOME_LIMIT_MS = 2_000;
const RETRY_MS = 300;
/** Unsent bytes from which console calls are dropped, and from which the daemon counts as gone. */
const BEHIND_BYTES = 8 * 1024 * 1024;
const GONE_BYTES = 2 * MAX_MESSAGE_BYTES;
/** What the program said last is worth this much of its exit. */
const SETTLE_LIMIT_MS = 200;

/**
 * A paused main thread takes the session's end as a message from this thread; measured, it stays paused for ever when
 * the thread is gone by then.
 */
const LINGER_MS = 1_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class HarnessWorker {
  readonly #facts: HarnessWorkerData['facts'];
  readonly #state: Int32Array;
  #socket: Socket | undefined;
  #session: MainSession | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ buffer, facts }: HarnessWorkerData) {
    this.#facts = facts;
    this.#state = new Int32Array(buffer);
  }

  start(): void {
    // fails when the main thread gave up waiting for this thread
    Atomics.compareExchange(this.#state, Slot.phase, Phase.starting, Phase.held);
    this.#holdTimer = setTimeout(() => this.#release(), WELCOME_LIMIT_MS);
    this.#connect();
  }

  /**
   * The program is in its `exit` event, or about to signal itself (code null), and waits, bounded, for the session to
   * be gone.
   */
  async leave(code: number | null): Promise<void> {
    this.#stopped = code !== null;
    const limit = new Promise((resolve) => setTimeout(resolve, SETTLE_LIMIT_MS));
    await Promise.race([this.#session?.settle(), limit]);
    if (code !== null) this.#control({ type: 'bye', code });
    // the process may end as soon as the session is gone, and with it what the daemon's socket has not taken by then
    await Promise.race([this.#endSocket(), limit]);
    if (code !== null) return this.stop();
    // if it survives, it is offered anew like after any loss
    this.#disconnectSession();
  }

  /** Lets everything go, for good: this thread ends. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#release();
    this.#disconnectSession();
    this.#socket?.end();
    setTimeout(() => parentPort?.close(), LINGER_MS);
  }

  #connect(): void {
    const socket = connect(this.#facts.socket);
    const frames = new FrameDecoder();
    const assembler = new CdpAssembler();
    this.#socket = socket;
    socket.on('connect', () => this.#hello());
    socket.on('data', (chunk: Uint8Array) => {
      try {
        for (const frame of frames.push(chunk)) this.#receive(frame, assembler);
      } catch (error) {
        // whatever speaks there is no daemon we understand: its loss is handled like any other
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    // 'close' follows and does what there is to do
    socket.on('error', () => undefined);
    socket.on('close', () => this.#lost());
  }

  /** The daemon is not there, or no longer: at once, the program is on its own. */
  #lost(): void {
    this.#socket = undefined;
    this.#release();
    this.#disconnectSession();
    if (!this.#stopped) this.#retryTimer = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #hello(): void {
    const { launch, argv, execArgv, cwd, entry, nodeEnv, startedAt } = this.#facts;
    this.#control({
      type: 'hello',
      protocol: 1,
      launch,
      pid: process.pid,
      ppid: process.ppid,
      pidNamespace: pidNamespace(),
      startedAt,
      argv: [...argv],
      execArgv: [...execArgv],
      cwd,
      ...(entry === undefined ? {} : { entry }),
      nodeVersion: process.version,
      ...(nodeEnv === undefined ? {} : { nodeEnv }),
      held: this.#isHeld(),
    });
  }

  #receive(frame: Frame, assembler: CdpAssembler): void {
    if (frame.type === FrameType.sync) {
      const json = assembler.push(frame.payload);
      if (json !== undefined) this.#session?.post(JSON.parse(json) as CdpRequest);
      return;
    }
    const message = JSON.parse(decoder.decode(frame.payload)) as ToHarness;
    switch (message.type) {
      case 'welcome':
        return this.#welcomed(message.holdLimitMs);
      case 'release':
        return this.#release();
      case 'refuse':
      case 'detach':
        return this.stop();
      default:
        message satisfies never;
    }
  }

  #welcomed(holdLimitMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#holdTimer);
    const previous = Atomics.compareExchange(this.#state, Slot.session, SessionState.none, SessionState.connected);
    // the program is leaving: a session now would only delay it
    if (previous !== SessionState.none) return;
    const session = new MainSession({
      send: (json) => this.#sendCdp(json),
      onDropped: (count) => this.#control({ type: 'dropped', count }),
      wake: () => this.#wake(),
      isBehind: () => (this.#socket?.writableLength ?? 0) > BEHIND_BYTES,
      ownFiles: this.#facts.ownFiles,
    });
    session.connect();
    this.#session = session;
    // it took the daemon so long that the program was let go: correct what `hello` said
    if (!this.#isHeld()) this.#control({ type: 'released' });
    if (holdLimitMs > 0 && this.#isHeld()) {
      this.#holdTimer = setTimeout(() => {
        this.#control({ type: 'released' });
        this.#release();
      }, holdLimitMs);
    }
  }

  #isHeld(): boolean {
    return Atomics.load(this.#state, Slot.phase) !== Phase.running;
  }

  #release(): void {
    clearTimeout(this.#holdTimer);
    Atomics.store(this.#state, Slot.phase, Phase.running);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#state, Slot.wake, 1);
    Atomics.notify(this.#state, Slot.wake);
  }

  #disconnectSession(): void {
    this.#session?.disconnect();
    this.#session = undefined;
    const { connected, none, leaving, gone } = SessionState;
    if (Atomics.compareExchange(this.#state, Slot.session, connected, none) === leaving) {
      Atomics.store(this.#state, Slot.session, gone);
      Atomics.notify(this.#state, Slot.session);
    }
  }

  /** Resolves when everything written has left this process. */
  #endSocket(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.resolve();
    while (socket.writableCorked > 0) socket.uncork();
    return new Promise((resolve) => socket.end(() => resolve()));
  }

  #sendCdp(json: string): void {
    const frames = encodeCdp(json);
    if (frames !== undefined) return this.#write(frames);
    // an event of that size has no reader; a request is told, so that nobody waits
    const { id } = JSON.parse(json) as { id?: number };
    if (id !== undefined) this.#sendCdp(JSON.stringify({ id, error: { code: -32000, message: 'Result too large' } }));
  }

  #control(message: FromHarness): void {
    this.#write([encodeFrame(FrameType.control, encoder.encode(JSON.stringify(message)))]);
  }

  /** A load of 1,000 scripts is 1,000 events. */
  #write(frames: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket === undefined || !socket.writable) return;
    gatherWrites(socket);
    for (const frame of frames) socket.write(frame);
    if (socket.writableLength > GONE_BYTES) socket.destroy();
  }
}

const worker = new HarnessWorker(workerData as HarnessWorkerData);
// a defect here must end as a program without a debugger, not as one that is held for ever
process.on('uncaughtException', () => worker.stop());
parentPort?.on('message', (message: LeavingMessage) => void worker.leave(message.leaving));
worker.start();
