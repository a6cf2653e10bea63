/**
 * Requests and events of the Chrome DevTools Protocol over any transport that carries whole messages: ids, time
 * limits, errors, listeners. The harness socket and the inspector's WebSocket both sit under it.
 */

import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CdpEvent, CdpEventParams, CdpMethod, CdpParams, CdpResult, CdpSession } from './attached-process.ts';
import { CodeTurn } from './code-turn.ts';
import { LOOKED, LookTaker, PREPARE_LOOKS, type PreparedLooks } from './prepared-looks.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

export interface CdpRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: object;
}

interface CdpMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

interface OpenRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class CdpConnection implements CdpSession {
  readonly #transmit: (request: CdpRequest) => void;
  readonly #open = new Map<number, OpenRequest>();
  readonly #events = new Emitter<Record<string, unknown>>();
  readonly #looks: LookTaker | undefined;
  readonly #turn = new CodeTurn();
  #nextId = 1;
  #closed: SandboxError | undefined;

  /**
   * @param transmit writes one request, keeping order; may throw a SandboxError, which rejects that request
   * @param takesLooks whether stops that were prepared for are answered here; else the other end does it
   */
  constructor(transmit: (request: CdpRequest) => void, { takesLooks = true } = {}) {
    this.#transmit = transmit;
    this.#looks = takesLooks ? this.#lookTaker() : undefined;
  }

  send<M extends CdpMethod>(method: M, params?: CdpParams<M>, options: RequestOptions = {}): Promise<CdpResult<M>> {
    return this.request(method, params as object | undefined, options) as Promise<CdpResult<M>>;
  }

  /**
   * Like {@link send} for Node's own domains (NodeRuntime, NodeWorker), which the protocol's types do not know.
   * Errors as in {@link CdpSession.send}.
   */
  request(
    method: string,
    params?: object,
    { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RequestOptions = {},
  ): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (method === PREPARE_LOOKS && this.#looks !== undefined) {
      this.#looks.prepare(params as PreparedLooks);
      return Promise.resolve({});
    }
    if (method === 'Debugger.evaluateOnCallFrame' && this.#turn.isLeaving) {
      return Promise.reject(new SandboxError('EVALUATION_FAILED', 'Can only perform operation while paused.'));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#open.delete(id);
        this.#turn.end(id);
      };
      const abort = (): void => {
        finish();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        finish();
        reject(
          new SandboxError('TIMEOUT', `The target did not answer "${method}" within ${timeoutMs} ms`, {
            hint: 'It may be blocked in native code or stopped by the system; try again.',
          }),
        );
      }, timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#open.set(id, {
        resolve: (result) => {
          finish();
          resolve(result);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      });
      const sent: CdpRequest = params === undefined ? { id, method } : { id, method, params };
      this.#turn.take(sent, () => {
        try {
          // Whatever waited for its turn when the connection ended is refused, not sent.
          if (this.#open.has(id) && this.#closed === undefined) this.#transmit(sent);
        } catch (error) {
          this.#open.get(id)?.reject(error);
        }
        return this.#open.has(id);
      });
    });
  }

  /** Nothing may be sent around this: see {@link CodeTurn}. */
  get isRunningCode(): boolean {
    return this.#turn.isTaken;
  }

  on<E extends CdpEvent>(event: E, listener: (params: CdpEventParams<E>) => void): () => void {
    return this.#events.on(event, listener as (params: unknown) => void);
  }

  /** Like {@link on} for events of Node's own domains. */
  onEvent(event: string, listener: (params: unknown) => void): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Takes one message from the target.
   *
   * @throws {SandboxError} BAD_JSON; the transport should be dropped
   */
  receive(json: string): void {
    const message = parseMessage(json);
    if (message.method !== undefined) this.#turn.hear(message.method);
    if (message.id !== undefined) this.#settle(message.id, message);
    else if (message.method !== undefined && this.#looks?.take(message.method, message.params) !== true) {
      this.#events.emit(message.method, message.params ?? {});
    }
  }

  /** Rejects what is open and all that comes. */
  close(reason: SandboxError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const request of [...this.#open.values()]) request.reject(reason);
  }

  #lookTaker(): LookTaker {
    return new LookTaker({
      post: (method, params, answered) =>
        void this.request(method, params).then(
          (result) => answered(result as object, ''),
          (error: unknown) => answered(undefined, SandboxError.from(error).message),
        ),
      looked: (looked) => this.#events.emit(LOOKED, looked),
    });
  }

  #settle(id: number, { error, result }: CdpMessage): void {
    // after a timeout or abort nobody waits for the answer
    const request = this.#open.get(id);
    if (request === undefined) return;
    if (error !== undefined) this.#turn.failed(id);
    if (error === undefined) request.resolve(result);
    else if (error.message === 'Result too large') {
      request.reject(
        new SandboxError('RESULT_TOO_LARGE', 'Cannot read this from the target: the answer is over 64 MiB'),
      );
    } else request.reject(new SandboxError('EVALUATION_FAILED', error.message));
  }
}

/** A shape check by hand: this runs for every script a program loads. */
function parseMessage(json: string): CdpMessage {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SandboxError('BAD_JSON', `Cannot read a CDP message of ${json.length} characters: not valid JSON`, {
      cause,
    });
  }
  if (typeof value === 'object' && value !== null) {
    const { id, method, error } = value as Record<string, unknown>;
    const idFits = id === undefined || typeof id === 'number';
    const methodFits = method === undefined || typeof method === 'string';
    const errorFits =
      error === undefined ||
      (typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string');
    if (idFits && methodFits && errorFits) return value as CdpMessage;
  }
  throw new SandboxError('BAD_JSON', 'Cannot read a CDP message: it is neither an answer nor an event');
}

export function targetGone(pid: number): SandboxError {
  return new SandboxError('TARGET_GONE', `The connection to process ${pid} has ended`);
}
