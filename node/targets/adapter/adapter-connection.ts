/** The daemon's end of one adapter that `sandmesh run --adapter` started: frames in, a process out. */

import type { Socket } from 'node:net';
import {
  type AdapterHello,
  type FromAdapterSide,
  fromAdapterSideSchema,
  type ToAdapterSide,
} from '#protocol/adapter-messages.ts';
import { encodeFrame, type Frame, FrameType } from '#protocol/frame.ts';
import { decodeJson, encodeJson } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Launch } from '../launch.ts';
import { AdapterProcess } from './adapter-process.ts';

/** The other side closes as soon as it has read the end. */
const PART_LIMIT_MS = 2_000;

export class AdapterConnection {
  readonly process: AdapterProcess;
  readonly #socket: Socket;

  /** @throws {SandboxError} UNAUTHENTICATED when the launch was for no adapter */
  constructor(socket: Socket, { pid }: AdapterHello, launch: Launch) {
    if (launch.adapter === undefined) {
      throw new SandboxError('UNAUTHENTICATED', 'Cannot take a debug adapter: this daemon did not prepare its launch');
    }
    this.#socket = socket;
    this.process = new AdapterProcess({
      launch: launch.adapter,
      program: launch,
      id: launch.id,
      adapterPid: pid,
      link: {
        send: (message) => {
          if (socket.writable) socket.write(encodeFrame(FrameType.sync, encodeJson(message)));
        },
        exited: (code) => this.#tell({ type: 'exited', code }),
        close: () => this.#part(),
      },
    });
  }

  /** @throws {SandboxError} what keeps the adapter from beginning; whoever started it was told */
  async start(): Promise<AdapterProcess> {
    this.#tell({ type: 'welcome' });
    try {
      await this.process.start();
    } catch (error) {
      this.#tell({ type: 'failed', message: SandboxError.from(error).message.slice(0, 4000) });
      this.#part();
      throw error;
    }
    return this.process;
  }

  /** @throws {SandboxError} BAD_JSON and the like: drop the connection */
  receive(frame: Frame): void {
    if (frame.type === FrameType.sync) return this.process.receive(parse(frame.payload));
    const message: FromAdapterSide = decodeJson(frame.payload, fromAdapterSideSchema);
    if (message.type === 'started') return this.process.startedInTerminal(message.pid);
    throw new SandboxError('BAD_FRAME', 'A debug adapter said hello twice');
  }

  closed(): Promise<void> {
    return this.process.closed();
  }

  /**
   * Nothing more is said; what the other side still says is read until it has closed. Whoever writes to a socket that is
   * gone loses what it has not read of it: how the program ended.
   */
  #part(): void {
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), PART_LIMIT_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.end();
  }

  #tell(message: ToAdapterSide): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(FrameType.control, encodeJson(message)));
  }
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch (cause) {
    throw new SandboxError('BAD_JSON', 'Cannot read a message of a debug adapter: not valid JSON', { cause });
  }
}
