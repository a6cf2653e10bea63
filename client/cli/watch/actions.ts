/** What the keys of `watch` ask the daemon for. One at a time: keys pressed meanwhile are dropped, not queued. */

import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import type { CliContext } from '../context.ts';
import { requestText } from '../render/requests.ts';
import type { WatchAction } from './keys.ts';
import type { WatchState } from './state.ts';

/** A request that appeared under the finger a moment ago is not what the person meant to answer. */
const MIN_SEEN_MS = 600;

export class WatchActions {
  readonly #context: CliContext;
  readonly #state: WatchState;
  readonly #changed: () => void;
  #busy = false;
  #seen: { readonly id: string; readonly since: number } | undefined;

  constructor(context: CliContext, state: WatchState, changed: () => void) {
    this.#context = context;
    this.#state = state;
    this.#changed = changed;
  }

  /** Call after each paint: from then on the first request counts as seen. */
  painted(): void {
    const id = this.#state.firstRequest?.id;
    if (id === undefined) this.#seen = undefined;
    else if (this.#seen?.id !== id) this.#seen = { id, since: Date.now() };
  }

  /** Never rejects: what goes wrong shows in the message line. */
  async run(
    action: Exclude<WatchAction, 'quit' | 'suspend' | 'next-target' | 'frame-up' | 'frame-down'>,
  ): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const text = await this.#perform(action);
      this.#state.message = text === undefined ? undefined : { level: 'info', text };
    } catch (thrown) {
      const error = SandboxError.from(thrown);
      const hint = error.hint === undefined ? '' : ` ${error.hint}`;
      this.#state.message = { level: 'error', text: `${error.message}.${hint}`.replace('..', '.') };
    } finally {
      this.#busy = false;
      this.#changed();
    }
  }

  async #perform(action: Parameters<WatchActions['run']>[0]): Promise<string | undefined> {
    const target = this.#state.selected;
    const about: { target?: TargetId } = target === undefined ? {} : { target };
    switch (action) {
      case 'continue':
        await this.#context.call('execution.resume', about);
        return undefined;
      case 'over':
      case 'into':
      case 'out': {
        const input: CommandInput<'execution.step'> = { kind: action, ...about };
        const { pause } = await this.#context.call('execution.step', input);
        return pause === null ? 'It ran on: back in its event loop, or at its end.' : undefined;
      }
      case 'pause':
        await this.#context.call('execution.pause', about);
        return 'Asked: it stops at its next statement.';
      case 'lease':
        return this.#toggleLease(about);
      case 'approve':
      case 'deny':
        return this.#answer(action);
      default:
        return action satisfies never;
    }
  }

  async #toggleLease(about: { target?: TargetId }): Promise<string> {
    const holder = this.#state.target?.lease?.holder ?? null;
    if (holder !== null && holder === this.#state.self?.id) {
      await this.#context.call('lease.release', about);
      return 'Released: nobody drives.';
    }
    const result = await this.#context.call('lease.take', about);
    return result.held ? 'You drive.' : 'Somebody else drives; you are in the queue.';
  }

  async #answer(action: 'approve' | 'deny'): Promise<string | undefined> {
    const request = this.#state.firstRequest;
    if (request === undefined) return 'Nothing waits for your decision.';
    if (this.#seen?.id !== request.id || Date.now() - this.#seen.since < MIN_SEEN_MS) return undefined;
    await this.#context.call(`request.${action}`, { request: request.id });
    this.#state.requests.delete(request.id);
    return `${action === 'approve' ? 'Approved' : 'Denied'}: ${requestText(request, this.#context.output.colors)}`;
  }
}
