/**
 * Tells a person whose evaluation takes long that somebody else is asked to allow it, in the way their client shows
 * what is under way; cancelling that cancels the request.
 */

import { SandboxError } from '#shared/errors.ts';
import type { DapCall } from './dap-request.ts';
import type { DapSession } from './dap-session.ts';

/** What needs nobody's word is long done by then. */
const PATIENCE_MS = 600;
/** A question stays open at the host; whoever typed an expression is kept waiting for the answer this long. */
const LONG_WAIT_MS = 10 * 60_000;

/**
 * @param what stands after "waiting for <host> to allow"
 * @param isTyped a person typed it and waits: the host's silence is waited out
 */
export async function withConsentNotice<T>(
  session: DapSession,
  call: DapCall,
  { what, isTyped }: { what: string; isTyped: boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (!session.isRemote) return work();
  const notice = new Notice(session, call, what);
  const giveUpAt = performance.now() + LONG_WAIT_MS;
  try {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isOpen = SandboxError.from(error).code === 'CONSENT_PENDING';
        if (!isOpen || !isTyped || performance.now() > giveUpAt) throw error;
      }
    }
  } finally {
    notice.end();
  }
}

class Notice {
  readonly #session: DapSession;
  readonly #timer: NodeJS.Timeout;
  #progressId: string | undefined;

  constructor(session: DapSession, { seq }: DapCall, what: string) {
    this.#session = session;
    this.#timer = setTimeout(() => {
      const text = `waiting for ${session.members.nameOf(session.host)} to allow ${what}`;
      if (!session.client.showsProgress) return session.tell(`sandmesh: ${text}`);
      this.#progressId = `consent-${seq}`;
      session.wire.event('progressStart', {
        progressId: this.#progressId,
        title: text,
        requestId: seq,
        cancellable: true,
      });
    }, PATIENCE_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#progressId !== undefined) this.#session.wire.event('progressEnd', { progressId: this.#progressId });
  }
}
