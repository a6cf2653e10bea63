/** A process that offered itself over the target socket: the daemon's side of one harness worker. */

import type { Socket } from 'node:net';
import { encodeFrame, FrameType } from '#protocol/frame.ts';
import { encodeJson } from '#protocol/messages.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { gatherWrites } from '../gather-writes.ts';
import type { AttachedProcess, AttachedProcessEvents, DetachOptions } from './attached-process.ts';
import { CdpConnection, type CdpRequest, targetGone } from './cdp-connection.ts';
import { CdpAssembler, encodeCdp } from './harness/cdp-frames.ts';
import type { FromHarness, Hello, ToHarness } from './harness/harness-messages.ts';
import { pidHere } from './pid-namespace.ts';
import { exitOf } from './process-death.ts';
import { WorkerThreads } from './worker-threads.ts';

const DETACH_LIMIT_MS = 2_000;

export class HarnessProcess implements AttachedProcess {
  readonly mode = 'harness';
  readonly cdp: CdpConnection;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly entry: string | undefined;
  readonly runtime: string;
  readonly nodeEnv: string | undefined;
  readonly startedAt: number;
  readonly launch: string;
  readonly isLocal: boolean;
  readonly events = new Emitter<AttachedProcessEvents>();
  readonly workers: WorkerThreads = new WorkerThreads(this);
  readonly #socket: Socket;
  readonly #assembler = new CdpAssembler();
  #held: boolean;
  #isDetached = false;
  #exitCode: number | undefined;

  /** @param launch the launch whose ticket `hello` carried */
  constructor(socket: Socket, hello: Hello, launch: string) {
    this.#socket = socket;
    this.#held = hello.held;
    this.launch = launch;
    const here = pidHere(hello.pid, hello.pidNamespace);
    this.pid = here ?? hello.pid;
    this.isLocal = here !== undefined;
    this.argv = hello.argv;
    this.cwd = hello.cwd;
    this.entry = hello.entry;
    this.runtime = `node ${hello.nodeVersion}`;
    this.nodeEnv = hello.nodeEnv;
    this.startedAt = hello.startedAt;
    const transmit = (request: CdpRequest): void => {
      const frames = encodeCdp(JSON.stringify(request));
      if (frames === undefined) {
        throw new SandboxError('FRAME_TOO_LARGE', `Cannot send "${request.method}": its parameters are over 64 MiB`);
      }
      // A look and the resume after it arrive as one: the program stands for both, not in between as well.
      gatherWrites(socket);
      for (const frame of frames) socket.write(frame);
    };
    this.cdp = new CdpConnection(transmit, { takesLooks: false });
  }

  get held(): boolean {
    return this.#held;
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    this.#send({ type: 'release' });
  }

  async detach({ comesBack = false }: DetachOptions = {}): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#held = false;
    this.#isDetached = true;
    // left without a word, the worker resumes the program and looks for a daemon from then on
    if (comesBack) this.#socket.destroySoon();
    else this.#send({ type: 'detach' });
    // the worker closes its side when the session is off; one that hangs is cut off
    const timer = setTimeout(() => this.#socket.destroy(), DETACH_LIMIT_MS);
    await closed;
    clearTimeout(timer);
  }

  /** @param holdLimitMs 0: no limit */
  welcome(holdLimitMs: number): void {
    this.#send({ type: 'welcome', holdLimitMs });
  }

  receiveCdp(payload: Uint8Array): void {
    const json = this.#assembler.push(payload);
    if (json !== undefined) this.cdp.receive(json);
  }

  receiveControl(message: FromHarness): void {
    switch (message.type) {
      case 'released':
        this.#held = false;
        return;
      case 'dropped':
        return this.events.emit('dropped', { count: message.count });
      case 'bye':
        this.#exitCode = message.code;
        return;
      case 'hello':
        throw new SandboxError('BAD_FRAME', `Process ${this.pid} said hello twice`);
      default:
        message satisfies never;
    }
  }

  /** Called once, when the socket is closed. */
  async closed(): Promise<void> {
    this.#held = false;
    this.cdp.close(targetGone(this.pid));
    this.events.emit(
      'exit',
      await exitOf(this.pid, { code: this.#exitCode, isLocal: this.isLocal && !this.#isDetached }),
    );
  }

  #send(message: ToHarness): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(FrameType.control, encodeJson(message)));
  }
}
