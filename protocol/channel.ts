/**
 * One end of a framed conversation: calls with timeouts, casts, broadcasts, sync payloads and control messages over
 * any byte stream. The CLI socket, the sdk and the peer gateway all talk through it; it knows no socket and no
 * command.
 */

import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType, MAX_FRAME_BYTES } from './frame.ts';
import {
  type CallMessage,
  type CastMessage,
  type ControlMessage,
  callSchema,
  castSchema,
  controlSchema,
  decodeJson,
  encodeJson,
  replySchema,
} from './messages.ts';
import { OpenCalls } from './open-calls.ts';
import { type Broadcast, broadcastSchema } from './topics.ts';

const DEFAULT_CALL_TIMEOUT_MS = 10_000;
/** Calls one side may have open at the other; one more is refused with LIMIT_EXCEEDED. */
const MAX_OPEN_CALLS = 256;

export interface ChannelOptions {
  /** Writes bytes to the stream; must keep order. Back-pressure is the stream owner's business. */
  readonly send: (bytes: Uint8Array) => void;
  /** Answers calls; absent: every call is refused. `signal` aborts on the caller's cancel, timeout or loss. */
  readonly onCall?: (call: CallMessage, signal: AbortSignal) => Promise<unknown>;
  readonly onCast?: (cast: CastMessage) => void;
  readonly onBroadcast?: (broadcast: Broadcast) => void;
  readonly onSync?: (payload: Uint8Array) => void;
  readonly onControl?: (control: ControlMessage) => void;
  readonly maxFrameBytes?: number;
  /** A tighter limit for what arrives, where a stranger is at the other end. */
  readonly maxReceiveBytes?: number;
}

export interface CallOptions {
  sandbox?: CallMessage['sandbox'];
  folder?: string | undefined;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export class Channel {
  readonly #options: ChannelOptions;
  readonly #decoder: FrameDecoder;
  readonly #open = new OpenCalls<number>();
  readonly #serving = new Map<number, AbortController>();
  #nextId = 1;
  #closed: SandboxError | undefined;
  /** `close` fires once, with the reason every open call was rejected with. */
  readonly events = new Emitter<{ close: SandboxError }>();

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#decoder = new FrameDecoder(options.maxReceiveBytes ?? options.maxFrameBytes ?? MAX_FRAME_BYTES);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Feeds bytes from the stream.
   *
   * @throws {SandboxError} on bytes that are no frame or no message: the owner must drop the stream
   */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      // a message before it in the same chunk may have closed the channel
      if (this.#closed) return;
      this.#dispatch(frame);
    }
  }

  /**
   * Asks the other side and waits for its reply.
   *
   * @param options `timeoutMs` 10,000 by default; `signal` cancels the call at the other side too
   * @throws {SandboxError} the other side's error, TIMEOUT, or why the channel closed; `signal.reason` on abort
   */
  call(command: string, args: object, options: CallOptions = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    const timeoutMs = options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
    const message: CallMessage = { id, command, args: args as Record<string, unknown>, timeoutMs };
    if (options.sandbox !== undefined) message.sandbox = options.sandbox;
    if (options.folder !== undefined) message.folder = options.folder;
    return this.#open.wait(id, {
      what: `"${command}"`,
      timeoutMs,
      signal: options.signal,
      send: () => this.#send(FrameType.call, message),
      cancel: () => {
        if (!this.#closed) this.control({ command: 'cancel', params: { id } });
      },
    });
  }

  cast(message: CastMessage): void {
    this.#send(FrameType.cast, message);
  }

  broadcast(message: Broadcast): void {
    this.#send(FrameType.broadcast, message);
  }

  control(message: ControlMessage): void {
    this.#send(FrameType.control, message);
  }

  sync(payload: Uint8Array): void {
    if (!this.#closed) this.#write(encodeFrame(FrameType.sync, payload, this.#options.maxFrameBytes));
  }

  /** Rejects open calls, aborts those being served, and goes silent. Safe to call twice. */
  close(reason: SandboxError): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#open.end(reason);
    for (const controller of this.#serving.values()) controller.abort(reason);
    this.#serving.clear();
    this.events.emit('close', reason);
  }

  #send(type: FrameType, message: unknown): void {
    if (!this.#closed) this.#write(encodeFrame(type, encodeJson(message), this.#options.maxFrameBytes));
  }

  /** A stream that takes nothing more is lost: this runs in timers and replies too, where a throw would reach nobody. */
  #write(bytes: Uint8Array): void {
    try {
      this.#options.send(bytes);
    } catch (error) {
      this.close(SandboxError.from(error));
    }
  }

  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case FrameType.call:
        return this.#serve(decodeJson(frame.payload, callSchema));
      case FrameType.reply:
        return this.#settle(frame.payload);
      case FrameType.cast:
        return this.#options.onCast?.(decodeJson(frame.payload, castSchema));
      case FrameType.broadcast:
        return this.#options.onBroadcast?.(decodeJson(frame.payload, broadcastSchema));
      case FrameType.sync:
        return this.#options.onSync?.(frame.payload);
      case FrameType.control:
        return this.#control(decodeJson(frame.payload, controlSchema));
      default:
        frame.type satisfies never;
    }
  }

  #settle(payload: Uint8Array): void {
    const reply = decodeJson(payload, replySchema);
    this.#open.settle(reply.id, reply.ok ? { result: reply.result } : { error: SandboxError.fromData(reply.error) });
  }

  #control(message: ControlMessage): void {
    if (message.command === 'cancel') {
      this.#serving.get(message.params.id)?.abort(new SandboxError('CANCELLED', 'The caller gave up'));
      return;
    }
    if (message.command === 'ping') this.control({ command: 'pong', params: message.params });
    this.#options.onControl?.(message);
  }

  #serve(call: CallMessage): void {
    const answer = (reply: object): void => {
      try {
        this.#send(FrameType.reply, reply);
      } catch (error) {
        // too large a result, or one that is no JSON: the caller is told instead of left waiting
        this.#send(FrameType.reply, { id: call.id, ok: false, error: unsendable(call.command, error).toData() });
      }
    };
    const refuse = (error: SandboxError): void => answer({ id: call.id, ok: false, error: error.toData() });
    const { onCall } = this.#options;
    if (onCall === undefined) return refuse(badCall(call.command));
    if (this.#serving.size >= MAX_OPEN_CALLS) {
      return refuse(
        new SandboxError('LIMIT_EXCEEDED', `Cannot start "${call.command}": ${MAX_OPEN_CALLS} calls are open`),
      );
    }
    // an id used twice would also slip past the count above
    if (this.#serving.has(call.id)) {
      return refuse(new SandboxError('BAD_ARGUMENT', `Cannot start "${call.command}": call ${call.id} is still open`));
    }
    const controller = new AbortController();
    this.#serving.set(call.id, controller);
    new Promise((resolve) => resolve(onCall(call, controller.signal)))
      .then(
        (result) => answer({ id: call.id, ok: true, result: result ?? {} }),
        (error: unknown) => refuse(SandboxError.from(error)),
      )
      .finally(() => this.#serving.delete(call.id));
  }
}

function badCall(command: string): SandboxError {
  return new SandboxError('UNKNOWN_COMMAND', `Cannot run "${command}": this side takes no calls`);
}

function unsendable(command: string, error: unknown): SandboxError {
  const cause = SandboxError.from(error);
  if (cause.code !== 'FRAME_TOO_LARGE') return cause;
  return new SandboxError('RESULT_TOO_LARGE', `Cannot send the result of "${command}": it is too large`, {
    hint: 'Ask for a smaller part of it.',
    cause,
  });
}
