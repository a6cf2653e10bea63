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
 * Makes its schemas when they are first asked for: those of all commands together would be a good part of every start, and
 * a command line needs none of them.
 */
class Command<N extends string, A extends z.ZodObject, R extends z.ZodType> implements CommandDefinition<A, R> {
  readonly name: N;
  readonly summary: string;
  readonly right: CommandRight;
  readonly at: CommandPlace;
  readonly subject: CommandSubject;
  readonly effect: 'read' | 'write';
  readonly audited: boolean;
  readonly timeoutMs: number;
  readonly #makeArgs: () => A;
  readonly #makeResult: () => R;
  #args: A | undefined;
  #result: R | undefined;

  constructor(name: N, options: CommandOptions<A, R>) {
    const { summary, right, at = 'daemon', subject = 'sandbox', effect, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    this.name = name;
    this.summary = summary;
    this.right = right;
    this.at = at;
    this.subject = subject;
    this.effect = effect;
    this.audited = options.audited ?? (at === 'host' && effect === 'write');
    this.timeoutMs = timeoutMs;
    this.#makeArgs = options.args;
    this.#makeResult = options.result;
  }

  get args(): A {
    this.#args ??= this.#makeArgs();
    return this.#args;
  }

  get result(): R {
    this.#result ??= this.#makeResult();
    return this.#result;
  }
}

/** Fills the defaults: runs in the daemon asked, about a sandbox, 10 s; writes at a host are audited. */
export function defineCommand<N extends string, A extends z.ZodObject, R extends z.ZodType>(
  name: N,
  options: CommandOptions<A, R>,
): CommandDefinition<A, R> & { readonly name: N } {
  return new Command(name, options);
}
