/**
 * One DAP connection as messages: requests in, responses and events out, and requests of ours to the client
 * (`runInTerminal`). Knows framing, sequence numbers and how much may queue; no request's meaning.
 */

import type { Socket } from 'node:net';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { type DapEventMessage, type DapRequestMessage, dapMessageSchema } from '#protocol/dap-message.ts';
import { SandboxError } from '#shared/errors.ts';

/** Who does not read its responses is not read from either, until it has. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** A client that is dropped and does not read the reason is cut off after this long. */
const GOODBYE_MS = 1_000;

export interface DapWireOptions {
  readonly socket: Socket;
  readonly onRequest: (request: DapRequestMessage) => void;
  /** Clients send none; what carries a client's bytes here may. */
  readonly onEvent: (event: DapEventMessage) => void;
  /** Once, when the connection is gone. */
  readonly onClose: () => void;
}

interface OpenRequest {
  resolve(body: unknown): void;
  reject(error: SandboxError): void;
}

export class DapWire {
  readonly #options: DapWireOptions;
  readonly #decoder = new DapDecoder();
  readonly #asked = new Map<number, OpenRequest>();
  #seq = 0;
  #isClosed = false;
  #dropped = 0;
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;

  constructor(options: DapWireOptions) {
    this.#options = options;
    const { socket } = options;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => {
      socket.resume();
      this.#tellDropped();
    });
    // A reset by the client is its way of leaving; 'close' follows.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#end();
        resolve();
      });
    });
  }

  /** @param known the response may be repeated, which whoever carries it can be told; no client sees this */
  respond(request: Pick<DapRequestMessage, 'seq' | 'command'>, body: object | undefined, known = false): void {
    this.#send({
      type: 'response',
      request_seq: request.seq,
      command: request.command,
      success: true,
      ...(body === undefined ? {} : { body }),
      ...(known ? { known } : {}),
    });
  }

  refuse(request: Pick<DapRequestMessage, 'seq' | 'command'>, error: SandboxError): void {
    const text = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
    this.#send({
      type: 'response',
      request_seq: request.seq,
      command: request.command,
      success: false,
      message: SHORT_FORMS[error.code] ?? text,
      // Braces in the text would be read as placeholders.
      body: { error: { id: 1, format: '{text}', variables: { text }, showUser: false } },
    });
  }

  event(event: 'output', body: DebugProtocol.OutputEvent['body']): void;
  event(event: string, body?: object): void;
  event(event: string, body?: object): void {
    if (event === 'output' && this.#options.socket.writableLength > MAX_QUEUED_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#send({ type: 'event', event, ...(body === undefined ? {} : { body }) });
  }

  /** Asks the client. @throws {SandboxError} what it answers, or why the connection closed; `signal.reason` */
  ask(command: string, args: object, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const seq = this.#send({ type: 'request', command, arguments: args });
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      const settle = (): void => {
        signal.removeEventListener('abort', abort);
        this.#asked.delete(seq);
      };
      this.#asked.set(seq, {
        resolve: (body) => {
          settle();
          resolve(body);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }

  /** What is queued still goes out. Safe to call twice. */
  close(): void {
    const { socket } = this.#options;
    this.#end();
    socket.destroySoon();
    const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
    socket.once('close', () => clearTimeout(timer));
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const reason = new SandboxError('CANCELLED', 'The debug client disconnected');
    for (const open of [...this.#asked.values()]) open.reject(reason);
    this.#options.onClose();
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      for (const message of this.#decoder.push(chunk)) this.#dispatch(message);
    } catch (error) {
      const { message } = SandboxError.from(error);
      this.event('output', { category: 'important', output: `sandmesh: ${message}\n` });
      this.close();
    }
  }

  #dispatch(raw: unknown): void {
    const parsed = dapMessageSchema.safeParse(raw);
    if (!parsed.success) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot read a message: it is no request of the Debug Adapter Protocol');
    }
    const { data } = parsed;
    if (data.type === 'request') return this.#options.onRequest(data);
    if (data.type === 'event') return this.#options.onEvent(data);
    const asked = this.#asked.get(data.request_seq);
    if (data.success) asked?.resolve(data.body);
    else asked?.reject(new SandboxError('INTERNAL', `The debug client refused: ${(data.message ?? '').slice(0, 300)}`));
  }

  #send(message: object): number {
    this.#seq += 1;
    const { socket } = this.#options;
    if (this.#isClosed || socket.destroyed) return this.#seq;
    socket.write(encodeDapMessage({ seq: this.#seq, ...message }));
    if (socket.writableLength > MAX_QUEUED_BYTES) socket.pause();
    return this.#seq;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const output = `Lines of output missed, because this client reads too slowly: ${this.#dropped}\n`;
    this.#dropped = 0;
    this.event('output', { category: 'important', output });
  }
}

/** What clients know by name instead of showing it. */
const SHORT_FORMS: Readonly<Record<string, string>> = { CANCELLED: 'cancelled', NOT_PAUSED: 'notStopped' };
