/**
 * For which of a client's scopes an event is. They share one connection, and an event names its sandbox, not the folder by
 * which somebody asked for it: where a folder is not the only scope, the daemon is asked which sandbox that is.
 */

import type { Broadcast } from '#protocol/topics.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Conversation, Scope } from './conversation.ts';

const LIMIT_MS = 10_000;

/** Of one conversation: after another the folder may be another sandbox's. */
export class ScopeFilter {
  readonly #deliver: (broadcast: Broadcast) => void;
  readonly #places = new Map<string, SandboxId | undefined>();
  #asking = 0;
  #held: Broadcast[] = [];

  constructor(deliver: (broadcast: Broadcast) => void) {
    this.#deliver = deliver;
  }

  /** Events wait until it is known whose they are. */
  take(broadcast: Broadcast): void {
    if (this.#asking > 0) this.#held.push(broadcast);
    else this.#deliver(broadcast);
  }

  /** @param scopes all that are listened to */
  locate(scopes: readonly Scope[], conversation: Pick<Conversation, 'call'>): void {
    const isAlone = new Set(scopes.map(({ sandbox, folder }) => JSON.stringify([sandbox, folder]))).size < 2;
    if (isAlone) return;
    for (const { sandbox, folder } of scopes) {
      if (sandbox === undefined && folder !== undefined && !this.#places.has(folder)) this.#ask(folder, conversation);
    }
  }

  matches({ sandbox, folder }: Scope, of: SandboxId): boolean {
    const wanted = sandbox ?? (folder === undefined ? undefined : this.#places.get(folder));
    return wanted === undefined || wanted === of;
  }

  /** Nobody answers any more. */
  end(): void {
    this.#asking = 0;
    for (const broadcast of this.#held.splice(0)) this.#deliver(broadcast);
  }

  #ask(folder: string, conversation: Pick<Conversation, 'call'>): void {
    this.#asking++;
    this.#places.set(folder, undefined);
    const know = (result: unknown): void => {
      this.#places.set(folder, (result as { id: SandboxId }).id);
    };
    // One that is not here is refused to whoever subscribed; nothing comes from it.
    const fail = (): void => undefined;
    void conversation
      .call('sandbox.get', {}, { folder, timeoutMs: LIMIT_MS })
      .then(know, fail)
      .then(() => {
        if (this.#asking > 0 && --this.#asking === 0) this.end();
      });
  }
}
