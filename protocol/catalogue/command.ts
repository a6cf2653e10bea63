/**
 * What a command is. The catalogue is the single list of everything a daemon can be asked: CLI, peer calls, REST,
 * WebSocket, MCP and completions are all generated from it. Gateways translate; they hold no logic.
 */

import type { z } from 'zod';
import type { Right } from '#shared/rights.ts';

/**
 * Who may ask at all.
 * - a {@link Right}: any member whose role holds it (and the host's consent and policy agree)
 * - `local`: only this daemon's own user, never a peer
 */
export type CommandRight = Right | 'local';

/**
 * Where it runs.
 * - `daemon`: in the daemon that was asked
 * - `host`: in the daemon that hosts `args.target`; asked elsewhere it travels there as a peer call
 */
export type CommandPlace = 'daemon' | 'host';

/** What the command is about: `sandbox` commands get a sandbox resolved from the request before they run. */
export type CommandSubject = 'daemon' | 'sandbox';

export interface CommandDefinition<A extends z.ZodObject = z.ZodObject, R extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  readonly args: A;
  readonly result: R;
  readonly right: CommandRight;
  readonly at: CommandPlace;
  readonly subject: CommandSubject;
  /** `read` changes nothing and may be repeated. */
  readonly effect: 'read' | 'write';
  /** Acts on a process: every use goes to the audit log. */
  readonly audited: boolean;
  /** Upper bound for the whole walk, network included. */
  readonly timeoutMs: number;
}

interface CommandOptions<A extends z.ZodObject, R extends z.ZodType> {
  summary: string;
  args: () => A;
  result: () => R;
  right: CommandRight;
  at?: CommandPlace;
  subject?: CommandSubject;
  effect: 'read' | 'write';
  audited?: boolean;
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Fills the defaults: runs in the daemon asked, about a sandbox, 10 s; writes at a host are audited. Makes the schemas when
 * they are first asked for: those of all commands together would be a good part of every start, and a command line needs none.
 */
export function defineCommand<N extends string, A extends z.ZodObject, R extends z.ZodType>(
  name: N,
  options: CommandOptions<A, R>,
): CommandDefinition<A, R> & { readonly name: N } {
  const at = options.at ?? 'daemon';
  let args: A | undefined;
  let result: R | undefined;
  return {
    name,
    summary: options.summary,
    get args() {
      args ??= options.args();
      return args;
    },
    get result() {
      result ??= options.result();
      return result;
    },
    right: options.right,
    at,
    subject: options.subject ?? 'sandbox',
    effect: options.effect,
    audited: options.audited ?? (at === 'host' && options.effect === 'write'),
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
}
