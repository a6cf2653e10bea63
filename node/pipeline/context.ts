/** What a command handler is given besides its arguments. */

import type { CommandArgs, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { MemberId } from '#shared/ids.ts';
import type { OpenSandbox } from '../sandbox/open-sandbox.ts';
import type { Access } from './request.ts';

export interface Caller {
  /** Who asks, in the sandbox asked about: this daemon's own member for local clients. */
  readonly member: MemberId;
  /** Came in over a gateway that only this user can reach. */
  readonly local: boolean;
  /** One client connection: handles and subscriptions belong to it. `cli-3`, `peer-2` … */
  readonly session: string;
  /** Absent over the user's own socket. */
  readonly access?: Access | undefined;
}

/** `S` is what the handler's room needs of the sandbox; the pipeline hands over the whole. */
export interface CallContext<S extends OpenSandbox = OpenSandbox> {
  readonly caller: Caller;
  readonly sandbox: S;
  /** Folder the client stands in, if it has one. */
  readonly folder: string | undefined;
  /** Aborts when the caller cancels, disappears or the command's time is up. */
  readonly signal: AbortSignal;
  /** Policy lets code run there, but not change anything: it is stopped at its first side effect. */
  readonly readOnly?: true;
}

/** About the daemon, not about a sandbox. */
export interface DaemonCallContext {
  readonly caller: Omit<Caller, 'member'>;
  readonly folder: string | undefined;
  readonly signal: AbortSignal;
}

/** Runs one command that is about a sandbox; everything was parsed and authorized before. */
export type Handler<N extends CommandName, S extends OpenSandbox = OpenSandbox> = (
  args: CommandArgs<N>,
  context: CallContext<S>,
) => Promise<CommandResult<N>>;

/** Runs one command that is about the daemon. */
export type DaemonHandler<N extends CommandName> = (
  args: CommandArgs<N>,
  context: DaemonCallContext,
) => Promise<CommandResult<N>>;
