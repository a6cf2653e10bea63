/**
 * The Unix socket (named pipe on Windows) on which launched programs offer themselves as targets. Only a process that
 * shows the ticket of a launch gets in; everything before that is bounded in bytes and time.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';
import { adapterHelloSchema } from '#protocol/adapter-messages.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import { decodeJson, encodeJson } from '#protocol/messages.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { SocketFile } from '../storage/socket-file.ts';
import { AdapterConnection } from './adapter/adapter-connection.ts';
import type { AttachedProcess } from './attached-process.ts';
import { fromHarnessSchema, type ToHarness } from './harness/harness-messages.ts';
import { HarnessProcess } from './harness-process.ts';
import type { LaunchBook } from './launch.ts';

const MAX_CONNECTIONS = 512;
/** `hello` with 64 long arguments fits. */
const MAX_HELLO_BYTES = 256 * 1024;
const HELLO_LIMIT_MS = 5_000;
/** A program is let go after this long even when nobody released it; `--wait` has no limit. */
const HOLD_LIMIT_MS = 10_000;

const helloSchema = z.discriminatedUnion('type', [...fromHarnessSchema.options, adapterHelloSchema]);

export interface TargetServerEvents {
  /** The process is welcomed: its CDP session works, and it is held unless this is a reconnection. */
  attached: AttachedProcess;
  /** A stranger, or bytes that are none of ours. */
  refused: SandboxError;
}

export class TargetServer {
  readonly events = new Emitter<TargetServerEvents>();
  readonly #socketPath: string;
  readonly #launches: LaunchBook;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #file: SocketFile | undefined;

  constructor(socketPath: string, launches: LaunchBook) {
    this.#socketPath = socketPath;
    this.#launches = launches;
  }

  /**
   * Takes the socket's path over: whoever starts two daemons on one home is stopped before this.
   *
   * @throws {SandboxError} HOME_UNWRITABLE
   */
  async start(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    this.#file = await SocketFile.listen(server, this.#socketPath);
    this.#server = server;
  }

  /** Whether programs can find it; false once the socket's file was removed under it. */
  isFound(): boolean {
    return this.#file?.isInPlace() ?? false;
  }

  /** Programs held or paused by it run on. Safe to call twice. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#file?.remove();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let decoder = new FrameDecoder(MAX_HELLO_BYTES);
    let target: HarnessProcess | AdapterConnection | undefined;
    const helloTimer = setTimeout(() => socket.destroy(), HELLO_LIMIT_MS);
    socket.on('data', (chunk) => {
      try {
        for (const frame of decoder.push(chunk)) {
          if (target !== undefined) this.#receive(target, frame);
          else {
            target = this.#greet(socket, frame);
            clearTimeout(helloTimer);
            // nothing may follow `hello` before its answer, so the first decoder is empty here
            decoder = new FrameDecoder();
          }
        }
      } catch (error) {
        if (target === undefined) this.#send(socket, { type: 'refuse' });
        this.events.emit('refused', SandboxError.from(error));
        socket.end();
        socket.destroySoon();
      }
    });
    // 'close' follows and does what there is to do
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(helloTimer);
      this.#sockets.delete(socket);
      void target?.closed();
    });
  }

  #greet(socket: Socket, frame: Frame): HarnessProcess | AdapterConnection {
    const hello = decodeJson(frame.payload, helloSchema);
    if (hello.type === 'adapter')
      return this.#welcomeAdapter(new AdapterConnection(socket, hello, this.#launches.admit(hello.launch)));
    if (hello.type !== 'hello') throw new SandboxError('BAD_FRAME', `Cannot take "${hello.type}" before "hello"`);
    const launch = this.#launches.admit(hello.launch);
    const target = new HarnessProcess(socket, hello, launch.id);
    target.welcome(launch.wait ? 0 : HOLD_LIMIT_MS);
    this.#launches.track(target);
    this.events.emit('attached', target);
    return target;
  }

  /** The program is a target once its adapter has brought it to its start. */
  #welcomeAdapter(connection: AdapterConnection): AdapterConnection {
    connection.start().then(
      (process) => {
        this.#launches.track(process);
        this.events.emit('attached', process);
      },
      (error: unknown) => this.events.emit('refused', SandboxError.from(error)),
    );
    return connection;
  }

  #receive(target: HarnessProcess | AdapterConnection, frame: Frame): void {
    if (target instanceof AdapterConnection) return target.receive(frame);
    if (frame.type === FrameType.sync) target.receiveCdp(frame.payload);
    else target.receiveControl(decodeJson(frame.payload, fromHarnessSchema));
  }

  #send(socket: Socket, message: ToHarness): void {
    socket.write(encodeFrame(FrameType.control, encodeJson(message)));
  }
}
