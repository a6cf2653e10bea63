/**
 * A program under a debug adapter: the adapter is started here, where the terminal and the environment are, and its messages
 * are carried to the daemon. What it wants run in a terminal runs in ours.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type FromAdapterSide,
  MAX_ADAPTER_MESSAGE_BYTES,
  type ToAdapterSide,
  toAdapterSideSchema,
} from '#protocol/adapter-messages.ts';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { encodeFrame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import { decodeJson, encodeJson } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { ExitCode } from '../exit-codes.ts';
import {
  type AdapterRun,
  type AdapterStreams,
  END_LIMIT_MS,
  type PreparedAdapter,
  type StartedAdapter,
  startAdapter,
} from './adapter-start.ts';
import { LeftAdapter } from './left-adapter.ts';
import { type ProgramEnd, ProgramInTerminal } from './program.ts';

/** Runs the program to its end; never rejects. */
export async function runUnderAdapter(adapter: PreparedAdapter, run: AdapterRun): Promise<ProgramEnd> {
  const bridge = new AdapterBridge(adapter, run);
  try {
    return await bridge.run();
  } catch (error) {
    return failedEnd(SandboxError.from(error));
  } finally {
    bridge.stop();
  }
}

class AdapterBridge {
  readonly #adapter: PreparedAdapter;
  readonly #run: AdapterRun;
  readonly #decoder = new DapDecoder(MAX_ADAPTER_MESSAGE_BYTES);
  #process: StartedAdapter['process'];
  #streams: AdapterStreams | undefined;
  #daemon: Socket | undefined;
  #seq = 1_000_000;
  /** What the adapter had us start: the program, or what becomes it. */
  #program: ProgramInTerminal | undefined;
  /** The adapter said something. */
  #isHeard = false;
  /** Of an adapter that must not be left. */
  readonly #left: LeftAdapter | undefined;
  #exitCode: number | undefined;
  #failure: SandboxError | undefined;
  #isOver = false;

  constructor(adapter: PreparedAdapter, run: AdapterRun) {
    this.#adapter = adapter;
    this.#run = run;
    if (adapter.endsWhenLeft === true) {
      this.#left = new LeftAdapter(
        (command, args) => this.#ask(command, args),
        (code) => {
          this.#exitCode = code;
        },
      );
    }
  }

  async run(): Promise<ProgramEnd> {
    const { streams, process } = await startAdapter(this.#adapter, this.#run);
    this.#streams = streams;
    this.#process = process;
    const adapterEnd = new Promise<void>((resolve) => {
      streams.output.once('close', resolve);
      // An adapter that is gone cannot be written to; its output has ended then.
      streams.input.on('error', () => undefined);
      streams.output.on('error', () => resolve());
    });
    const daemon = await this.#reachDaemon();
    streams.output.on('data', (chunk: Buffer) => this.#fromAdapter(chunk, daemon));
    await adapterEnd;
    // What the adapter said last comes back as the program's exit code.
    await this.#partFrom(daemon);
    return this.#end();
  }

  /** Ends what is left of the adapter; the program is none of its. Safe to call twice. */
  stop(): void {
    this.#isOver = true;
    this.#daemon?.destroy();
    const { input } = this.#streams ?? {};
    input?.end();
    const left = this.#process;
    if (left === undefined) return;
    const timer = setTimeout(() => left.kill('SIGKILL'), END_LIMIT_MS);
    timer.unref();
  }

  async #partFrom(daemon: Socket): Promise<void> {
    this.#isOver = true;
    if (daemon.closed) return;
    const timer = setTimeout(() => daemon.destroy(), END_LIMIT_MS);
    daemon.end();
    await once(daemon, 'close');
    clearTimeout(timer);
  }

  /** The program's end where it runs in our terminal; else what the adapter said of it. */
  async #end(): Promise<ProgramEnd> {
    const { output } = this.#run.context;
    if (this.#program !== undefined) {
      if (!this.#program.hasEnded && this.#exitCode === undefined) {
        output.note(`sandmesh: ${this.#adapter.name} is gone; the program is no longer debugged`);
      }
      return this.#program.ended;
    }
    if (this.#failure !== undefined) return failedEnd(this.#failure);
    const own = this.#process instanceof ProgramInTerminal ? await this.#process.ended : undefined;
    if (this.#exitCode !== undefined) return { exitCode: this.#exitCode, signal: null, dieAlike: () => undefined };
    if (own !== undefined && own.signal !== null) return own;
    const { name, commands } = this.#adapter;
    if (this.#isHeard) {
      const text = `Cannot say how the program ended: ${name} ended without a word about it`;
      return failedEnd(new SandboxError('TARGET_GONE', text));
    }
    const how = commands.map((words) => words.join(' ')).join(', or ');
    return failedEnd(
      new SandboxError('TARGET_GONE', `Cannot start the program: ${name} ended before it said anything`, {
        hint: `What it wrote is above. Is it installed where "${how}" looks for it?`,
      }),
    );
  }

  /** @throws {SandboxError} DAEMON_UNREACHABLE */
  async #reachDaemon(): Promise<Socket> {
    const { socketPath, ticket } = this.#adapter;
    const daemon = connect({ path: socketPath });
    this.#daemon = daemon;
    await new Promise<void>((resolve, reject) => {
      daemon.once('connect', resolve);
      daemon.once('error', (cause) => {
        const text = `Cannot reach the daemon at "${socketPath}": ${cause.message}`;
        reject(new SandboxError('DAEMON_UNREACHABLE', text, { cause }));
      });
    });
    const decoder = new FrameDecoder();
    daemon.on('error', () => undefined);
    daemon.on('data', (chunk) => {
      for (const { type, payload } of decoder.push(chunk)) {
        if (type === FrameType.sync) {
          const message: object = JSON.parse(Buffer.from(payload).toString('utf8'));
          this.#left?.note(message);
          this.#toAdapter(message);
        } else this.#hear(decodeJson(payload, toAdapterSideSchema));
      }
    });
    daemon.once('close', () => this.#onDaemonGone());
    const pid = this.#process?.pid;
    this.#tell({ type: 'adapter', protocol: 1, launch: ticket, ...(pid === undefined ? {} : { pid }) });
    return daemon;
  }

  #hear(message: ToAdapterSide): void {
    if (message.type === 'exited') this.#exitCode = message.code;
    if (message.type === 'failed' || message.type === 'refuse') {
      const why = 'message' in message ? `: ${message.message}` : '';
      this.#failure = new SandboxError('EVALUATION_FAILED', `${this.#adapter.name} cannot start the program${why}`);
    }
  }

  /** Left by the daemon, an adapter lets the program go on: it ends it otherwise. */
  #onDaemonGone(): void {
    if (this.#isOver) return;
    const isOver = this.#exitCode !== undefined || this.#failure !== undefined;
    if (!isOver && this.#left?.take() === true) return;
    if (!isOver) this.#ask('disconnect', { terminateDebuggee: false });
    this.#streams?.input.end();
    const left = this.#process;
    if (left === undefined) return;
    const { output } = this.#streams ?? {};
    const timer = setTimeout(() => left.kill('SIGKILL'), END_LIMIT_MS);
    output?.once('close', () => clearTimeout(timer));
  }

  #fromAdapter(chunk: Buffer, daemon: Socket): void {
    this.#isHeard = true;
    try {
      for (const message of this.#decoder.push(chunk)) {
        this.#left?.hear(message);
        const { type, command } = (message ?? {}) as { type?: unknown; command?: unknown };
        if (type === 'request' && command === 'runInTerminal') this.#runInTerminal(message as TerminalRequest);
        else if (message !== undefined && daemon.writable)
          daemon.write(encodeFrame(FrameType.sync, encodeJson(message)));
      }
    } catch (error) {
      this.#failure = SandboxError.from(error);
      this.#streams?.output.destroy();
    }
  }

  #ask(command: string, args: object | undefined): void {
    this.#toAdapter({ seq: ++this.#seq, type: 'request', command, ...(args === undefined ? {} : { arguments: args }) });
  }

  #toAdapter(message: object): void {
    const { input } = this.#streams ?? {};
    if (input?.writable === true) input.write(encodeDapMessage(message));
  }

  #runInTerminal({ seq, arguments: asked }: TerminalRequest): void {
    const [command = '', ...args] = asked?.args ?? [];
    const env = { ...this.#run.env };
    for (const [name, value] of Object.entries(asked?.env ?? {})) {
      if (value === null) delete env[name];
      else env[name] = value;
    }
    const program = new ProgramInTerminal([command, ...args], env, asked?.cwd);
    this.#program = program;
    const { pid } = program;
    const answer = { seq: ++this.#seq, type: 'response', request_seq: seq, command: 'runInTerminal' };
    if (pid === undefined) {
      this.#program = undefined;
      void program.ended.then(({ failure }) => {
        this.#failure = failure?.error;
        this.#toAdapter({ ...answer, success: false, message: failure?.error.message ?? 'it did not start' });
      });
      return;
    }
    this.#tell({ type: 'started', pid });
    this.#toAdapter({ ...answer, success: true, body: { processId: pid } });
  }

  #tell(message: FromAdapterSide): void {
    if (this.#daemon?.writable === true) this.#daemon.write(encodeFrame(FrameType.control, encodeJson(message)));
  }
}

interface TerminalRequest {
  readonly seq: number;
  readonly arguments?: {
    readonly args?: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | null>>;
  };
}

function failedEnd(error: SandboxError): ProgramEnd {
  const exitCode = error.code === 'PROCESS_UNKNOWN' ? 127 : ExitCode.failure;
  return { exitCode: null, signal: null, failure: { exitCode, error }, dieAlike: () => undefined };
}
