/** The DevTools clients of one target: opens and ends their sessions, and passes on to each what happens. */

import { randomBytes } from 'node:crypto';
import type { Protocol } from 'devtools-protocol';
import type { CdpEvents } from '#protocol/catalogue/cdp-commands.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { VirtualSession } from '../inspection/virtual-session.ts';
import type { PausedAt } from '../stops/pause-builder.ts';
import type { TargetSession } from '../targets/target-session.ts';
import { CdpClientSession } from './client-session.ts';

const MAX_CLIENTS = 200;
const MAX_CLIENTS_OF_MEMBER = 64;

/** Tells the daemon of a member what happened in one of its sessions. @returns false when it is too far behind */
export type TellClient = (member: MemberId, message: CdpEvents) => boolean;

export class CdpClients {
  readonly #tell: TellClient;
  readonly #sessions = new Map<string, CdpClientSession>();

  constructor(tell: TellClient) {
    this.#tell = tell;
  }

  /**
   * @param view made for the new session's name
   * @throws {SandboxError} LIMIT_EXCEEDED
   */
  open(member: MemberId, process: TargetSession, view: (client: string) => VirtualSession): CdpClientSession {
    const own = [...this.#sessions.values()].filter((session) => session.member === member).length;
    if (this.#sessions.size >= MAX_CLIENTS || own >= MAX_CLIENTS_OF_MEMBER) {
      throw new SandboxError(
        'LIMIT_EXCEEDED',
        `Cannot open a DevTools session: ${own} of yours are open on this target`,
        {
          hint: 'Close some of the tools that are connected.',
        },
      );
    }
    const id = `c${randomBytes(8).toString('hex')}`;
    const session = new CdpClientSession({
      id,
      member,
      process,
      view: view(id),
      send: (message) => this.#tell(member, { session: id, ...message }),
      // Not in the middle of telling it.
      onBehind: (reason) => setImmediate(() => this.close(id, reason)),
    });
    this.#sessions.set(id, session);
    return session;
  }

  /** @throws {SandboxError} HANDLE_STALE, also for a session of somebody else's */
  get(id: string, member: MemberId): CdpClientSession {
    const session = this.#sessions.get(id);
    if (session?.member === member) return session;
    throw new SandboxError('HANDLE_STALE', `Cannot find the DevTools session "${id}": it has ended`, {
      hint: 'Open another with "sandmesh inspect".',
    });
  }

  close(id: string, reason: string): void {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    session?.end(reason);
  }

  /** A member is gone, or the target (undefined: everybody's). */
  closeAll(reason: string, member?: MemberId): void {
    for (const session of [...this.#sessions.values()]) {
      if (member === undefined || session.member === member) this.close(session.id, reason);
    }
  }

  /** Whoever may not even look any more is let go. */
  recheck(): void {
    for (const session of [...this.#sessions.values()]) {
      if (!session.view.rights.has('view')) this.close(session.id, 'you may not look at this target any more');
    }
  }

  paused(at: PausedAt): void {
    for (const session of this.#sessions.values()) session.onPaused(at);
  }

  resumed(): void {
    for (const session of this.#sessions.values()) session.onResumed();
  }

  script(event: Protocol.Debugger.ScriptParsedEvent): void {
    for (const session of this.#sessions.values()) session.onScript(event);
  }

  context(context: Protocol.Runtime.ExecutionContextDescription): void {
    for (const session of this.#sessions.values()) session.onContext(context);
  }

  console(event: Protocol.Runtime.ConsoleAPICalledEvent): void {
    for (const session of this.#sessions.values()) session.onConsole(event);
  }

  exception(event: Protocol.Runtime.ExceptionThrownEvent): void {
    for (const session of this.#sessions.values()) session.onException(event);
  }
}
