/**
 * The debug sessions that tools hold open at this daemon: a name for "this target, for as long as I look at it". What
 * they do goes through the same commands as everybody's.
 */

import { randomBytes } from 'node:crypto';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { DaemonHandler, Handler } from '../pipeline/context.ts';
import type { DaemonHandlers, SandboxHandlers } from '../pipeline/pipeline.ts';
import { chooseTarget } from '../pipeline/resolve-target.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxRegistry } from './sandbox-registry.ts';

const MAX_SESSIONS = 1_000;

type DebugSession = CommandResult<'debug.list'>['sessions'][number];
type DebugSessionState = CommandResult<'debug.get'>;

export class DebugSessions {
  readonly #registry: Pick<SandboxRegistry, 'running'>;
  readonly #sessions = new Map<string, DebugSession>();

  constructor(registry: Pick<SandboxRegistry, 'running'>) {
    this.#registry = registry;
  }

  get size(): number {
    return this.#sessions.size;
  }

  sandboxHandlers(): SandboxHandlers<RunningSandbox> {
    const open: Handler<'debug.open', RunningSandbox> = async (args, { sandbox }) => {
      const target = chooseTarget(args.target, sandbox);
      if (this.#sessions.size >= MAX_SESSIONS) {
        throw new SandboxError('LIMIT_EXCEEDED', `Cannot open more than ${MAX_SESSIONS} debug sessions`, {
          hint: 'Close some: DELETE /api/v1/debug/sessions/<id>.',
        });
      }
      const id = `d${randomBytes(6).toString('hex')}`;
      const session: DebugSession = { id, sandbox: sandbox.id, target, createdAt: Date.now() };
      this.#sessions.set(id, session);
      return stateOf(session, sandbox);
    };
    const pauses: Handler<'pause.list', RunningSandbox> = async (_args, { sandbox: { engine } }) => ({
      pauses: engine.targets().flatMap(({ id }) => engine.pauseOf(id) ?? []),
    });
    return { 'debug.open': open, 'pause.list': pauses };
  }

  daemonHandlers(): DaemonHandlers {
    const list: DaemonHandler<'debug.list'> = async () => ({ sessions: [...this.#sessions.values()] });
    const get: DaemonHandler<'debug.get'> = async ({ session: id }) => {
      const session = this.#find(id);
      return stateOf(
        session,
        this.#registry.running().find((sandbox) => sandbox.id === session.sandbox),
      );
    };
    const close: DaemonHandler<'debug.close'> = async ({ session: id }) => {
      this.#sessions.delete(this.#find(id).id);
      return { closed: id };
    };
    return { 'debug.list': list, 'debug.get': get, 'debug.close': close };
  }

  #find(id: string): DebugSession {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new SandboxError('REQUEST_UNKNOWN', `Cannot find the debug session "${id}"`, {
      hint: 'It was closed, or the daemon has restarted: open another.',
    });
  }
}

/** @param sandbox undefined once it was left */
function stateOf(session: DebugSession, sandbox: RunningSandbox | undefined): DebugSessionState {
  const engine = sandbox?.engine;
  return {
    ...session,
    state: engine?.targets().find(({ id }) => id === session.target) ?? null,
    pause: engine?.pauseOf(session.target) ?? null,
    lease: engine?.leaseOf(session.target) ?? null,
  };
}
