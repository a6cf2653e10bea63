/** Requests to a debug adapter and what comes back: numbers, time limits, events. Knows no request's meaning. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { dapMessageSchema } from '#protocol/dap-message.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

interface OpenRequest {
  resolve(body: unknown): void;
  reject(error: SandboxError): void;
}

export interface RequestLimits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class AdapterRequests {
  readonly events = new Emitter<Record<string, unknown>>();
  readonly #transmit: (message: object) => void;
  readonly #name: string;
  readonly #open = new Map<number, OpenRequest>();
  #seq = 0;
  #closed: SandboxError | undefined;

  constructor(name: string, transmit: (message: object) => void) {
    this.#name = name;
    this.#transmit = transmit;
  }

  /**
   * @returns the response's body
   * @throws {SandboxError} EVALUATION_FAILED with the adapter's own words; TIMEOUT; TARGET_GONE
   */
  ask<T>(command: string, args: object | undefined, limits: RequestLimits = {}): Promise<T> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = limits;
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const seq = ++this.#seq;
    return new Promise<T>((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#open.delete(seq);
      };
      const fail = (error: unknown): void => {
        finish();
        reject(error);
      };
      const abort = (): void => fail(signal?.reason);
      const timer = setTimeout(() => fail(this.#silent(command, timeoutMs)), timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#open.set(seq, {
        resolve: (body) => {
          finish();
          resolve(body as T);
        },
        reject: fail,
      });
      this.#transmit({ seq, type: 'request', command, ...(args === undefined ? {} : { arguments: args }) });
    });
  }

  /** @param message one of the adapter's, as it came; what is none is passed over */
  receive(message: unknown): void {
    const parsed = dapMessageSchema.safeParse(message);
    if (!parsed.success) return;
    const { data } = parsed;
    if (data.type === 'event') return this.events.emit(data.event, data.body ?? {});
    // Of the requests an adapter makes only `runInTerminal` is ours to answer, and is answered where the terminal is.
    if (data.type === 'request') return this.#refuse(data.seq, data.command);
    // After a timeout nobody waits for it.
    const asked = this.#open.get(data.request_seq);
    if (data.success) asked?.resolve(data.body ?? {});
    else asked?.reject(new SandboxError('EVALUATION_FAILED', this.#refusal(data.message, data.body)));
  }

  /** Rejects what is open and all that comes. */
  close(reason: SandboxError): void {
    this.#closed ??= reason;
    for (const request of [...this.#open.values()]) request.reject(reason);
  }

  #refuse(request_seq: number, command: string): void {
    const seq = ++this.#seq;
    this.#transmit({ seq, type: 'response', request_seq, command, success: false, message: 'not supported' });
  }

  #refusal(message: string | undefined, body: unknown): string {
    const { error } = (body ?? {}) as DebugProtocol.ErrorResponse['body'];
    const format = error?.format;
    const text =
      typeof format === 'string'
        ? format.replace(/\{([^{}]{1,100})\}/g, (whole, name: string) => String(error?.variables?.[name] ?? whole))
        : message;
    return (text ?? `${this.#name} gave no reason`).slice(0, 2000);
  }

  #silent(command: string, timeoutMs: number): SandboxError {
    return new SandboxError('TIMEOUT', `${this.#name} did not answer "${command}" within ${timeoutMs} ms`, {
      hint: 'The program may be blocked; try again.',
    });
  }
}
