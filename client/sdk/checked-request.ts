/**
 * What a caller gets wrong is told to it alone: the daemon takes a message that is none for a client that cannot talk, ends
 * the connection, and with it everything else that goes on there. Programs in plain JavaScript have no compiler to tell them.
 */

import { catalogue, isCommandName } from '#protocol/catalogue/catalogue.ts';
import { badArgument, callSchema } from '#protocol/messages.ts';
import { TOPIC_NAMES } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Scope } from './conversation.ts';

/** The daemon keeps the time; the client waits a little longer so that the daemon's own error arrives. */
const TIMEOUT_MARGIN_MS = 2_000;
const scopeSchema = callSchema.pick({ sandbox: true, folder: true });
const requestSchema = callSchema.pick({ args: true, timeoutMs: true, sandbox: true, folder: true });

export interface CheckedCall extends Scope {
  readonly args: object;
  readonly timeoutMs: number;
}

/**
 * @param timeoutMs the catalogue's unless given; rounded up, and `Infinity` is the longest there is
 * @throws {SandboxError} UNKNOWN_COMMAND, BAD_ARGUMENT
 */
export function checkedCall(
  command: string,
  args: object = {},
  scope: Scope | undefined = undefined,
  timeoutMs: number | undefined = undefined,
): CheckedCall {
  if (!isCommandName(command)) {
    throw new SandboxError('UNKNOWN_COMMAND', `Cannot run "${String(command).slice(0, 80)}": there is no such command`);
  }
  const wanted = timeoutMs ?? catalogue[command].timeoutMs + TIMEOUT_MARGIN_MS;
  const limit = typeof wanted === 'number' ? Math.min(Math.ceil(wanted), Number.MAX_SAFE_INTEGER) : wanted;
  const checked = requestSchema.safeParse({ ...plain(scope), args, timeoutMs: limit });
  if (!checked.success) throw badArgument(`this call of "${command}"`, checked.error);
  return { ...scope, args, timeoutMs: limit };
}

/** @returns why there can be no such subscription; undefined: there can */
export function refusedSubscription(topics: readonly string[], scope: Scope): SandboxError | undefined {
  const unknown = topics.find((topic) => !(TOPIC_NAMES as string[]).includes(topic));
  if (unknown !== undefined) {
    return new SandboxError(
      'BAD_ARGUMENT',
      `Cannot subscribe to "${String(unknown).slice(0, 80)}": there is no such topic`,
      {
        hint: `Topics: ${TOPIC_NAMES.join(', ')}.`,
      },
    );
  }
  const checked = scopeSchema.safeParse(plain(scope));
  return checked.success ? undefined : badArgument('the scope of a subscription', checked.error);
}

function plain(scope: Scope | undefined): Scope {
  return { sandbox: scope?.sandbox, folder: scope?.folder };
}
