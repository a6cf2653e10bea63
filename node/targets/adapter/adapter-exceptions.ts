/**
 * Exceptions at a debug adapter: which of its filters mean what the engine calls `caught`, `uncaught` and `all`, and what it
 * says of one that was thrown.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { AdapterRequests } from './adapter-requests.ts';

const RAISED = /^(?:raised|all|.*throw.*|.*raise.*)$/i;
const UNCAUGHT = /uncaught|unhandled|panic|fatal/i;

/** What was thrown, in the adapter's words. */
export interface ThrownValue {
  readonly type: string;
  readonly description: string;
  readonly uncaught: boolean;
}

export class AdapterExceptions {
  readonly #requests: AdapterRequests;
  readonly #capabilities: DebugProtocol.Capabilities;
  readonly #crash: RegExp | undefined;

  /** @param crash what it says of a crash, if it stops at those without being asked: see {@link AdapterLaunch.crash} */
  constructor(requests: AdapterRequests, capabilities: DebugProtocol.Capabilities, crash?: RegExp) {
    this.#requests = requests;
    this.#capabilities = capabilities;
    this.#crash = crash;
  }

  /** Whether the adapter has a filter for it. */
  stopsAt(state: string): boolean {
    return this.#filters(state) !== undefined;
  }

  /** @returns false: the adapter cannot stop at such exceptions */
  async set(state: string): Promise<boolean> {
    const filters = this.#filters(state);
    if (filters === undefined) return false;
    // One without filters is not to be asked, and delve refuses it while the program runs.
    if (this.#offered.length > 0) await this.#requests.ask('setExceptionBreakpoints', { filters });
    return true;
  }

  /** @param body of the stop */
  async thrown(threadId: number, body: DebugProtocol.StoppedEvent['body']): Promise<ThrownValue> {
    const ask = this.#capabilities.supportsExceptionInfoRequest === true;
    const info = ask
      ? await this.#requests
          .ask<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', { threadId })
          // The stop counts without it.
          .catch(() => undefined)
      : undefined;
    const type = info?.exceptionId ?? body.text ?? body.description ?? 'exception';
    const message = info?.description ?? body.description ?? '';
    const description = message === '' || message === type ? type : `${type}: ${message}`;
    const isCrash = this.#crash?.test(type) === true || this.#crash?.test(message) === true;
    const uncaught = isCrash || info?.breakMode === 'unhandled' || info?.breakMode === 'userUnhandled';
    return { type, description, uncaught };
  }

  get #offered(): readonly DebugProtocol.ExceptionBreakpointsFilter[] {
    return this.#capabilities.exceptionBreakpointFilters ?? [];
  }

  #filters(state: string): string[] | undefined {
    const filters = exceptionFilters(this.#offered, state);
    return filters ?? (state === 'uncaught' && this.#crash !== undefined ? [] : undefined);
  }
}

/** @returns ids to set; undefined when the adapter has none for it */
function exceptionFilters(
  offered: readonly DebugProtocol.ExceptionBreakpointsFilter[],
  state: string,
): string[] | undefined {
  if (state === 'none') return [];
  const ids = offered.map(({ filter }) => filter);
  const uncaught = ids.filter((id) => UNCAUGHT.test(id) && !/^user/i.test(id));
  const raised = ids.filter((id) => RAISED.test(id));
  const wanted = state === 'uncaught' ? uncaught : state === 'caught' ? raised : [...raised, ...uncaught];
  return wanted.length === 0 ? undefined : wanted;
}
