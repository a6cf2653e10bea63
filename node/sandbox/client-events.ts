/**
 * Brings events of virtual sessions to the tools connected to this daemon, whether the session's host is this daemon or
 * another member's. A host speaks of its own sessions only: the member it is comes from the stream, not from it.
 */

import { CDP_EVENTS, type CdpEvents, cdpEventsSchema } from '#protocol/catalogue/cdp-commands.ts';
import type { CastMessage } from '#protocol/messages.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

/** @returns false when the tool is so far behind that its session must end */
type Deliver = (message: CdpEvents) => boolean;

export class ClientEvents {
  readonly #listeners = new Map<string, Deliver>();

  /** @returns ends it */
  listen(sandbox: SandboxId, host: MemberId, session: string, deliver: Deliver): () => void {
    const key = keyOf(sandbox, host, session);
    this.#listeners.set(key, deliver);
    return () => void this.#listeners.delete(key);
  }

  /** @returns false when nobody takes it any more */
  deliver(sandbox: SandboxId, host: MemberId, message: CdpEvents): boolean {
    return this.#listeners.get(keyOf(sandbox, host, message.session))?.(message) ?? false;
  }

  /** What another member's daemon cast; anything else than events of a session opened here is ignored. */
  accept(sandbox: SandboxId, host: MemberId, { command, args }: Pick<CastMessage, 'command' | 'args'>): void {
    if (command !== CDP_EVENTS) return;
    const parsed = cdpEventsSchema.safeParse(args);
    if (parsed.success) this.deliver(sandbox, host, parsed.data);
  }
}

function keyOf(sandbox: SandboxId, host: MemberId, session: string): string {
  return `${sandbox} ${host} ${session}`;
}
