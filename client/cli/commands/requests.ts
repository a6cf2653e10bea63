/** `requests`, `approve` and `deny`: what waits for this person's decision. */

import { SandboxError } from '#shared/errors.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { commandWord, requestText } from '../render/requests.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';
import { formatDuration } from '../render/time.ts';

type JoinRole = Exclude<Role, 'owner'>;

export const requests: CommandHandler = async ({ context }) => {
  const result = await context.call('request.list', {});
  const { colors } = context.output;
  context.output.result(result, () => {
    if (result.requests.length === 0) return 'Nothing waits for your decision.';
    const rows = result.requests.map((request) => [
      colors.cyan(request.id),
      requestText(request, colors),
      safeLine(request.stake),
      colors.dim(`${formatDuration(request.expiresAt - Date.now())} left`),
    ]);
    const [first] = result.requests;
    const example = first === undefined ? '' : `\nsandmesh approve ${commandWord(first)}`;
    return `${table(['ID', 'WHO AND WHAT', 'AT STAKE', ''], rows, colors)}\n${colors.dim(example.trim())}`;
  });
  return ExitCode.ok;
};

export const approve: CommandHandler = async ({ context, args, options }) => {
  let request = args[0];
  let role = options.text('role') as JoinRole | undefined;
  if (request === undefined) {
    const chosen = await choose(context, 'Approve');
    role ??= await chooseRole(context, chosen);
    request = chosen.id;
  }
  const result = await context.call('request.approve', { request, ...(role === undefined ? {} : { role }) });
  context.output.result(result, () => `Approved: ${requestText(result.request, context.output.colors)}.`);
  return ExitCode.ok;
};

export const deny: CommandHandler = async ({ context, args }) => {
  const request = args[0] ?? (await choose(context, 'Deny')).id;
  const result = await context.call('request.deny', { request });
  context.output.result(result, () => `Denied: ${requestText(result.request, context.output.colors)}.`);
  return ExitCode.ok;
};

async function choose(context: CliContext, verb: string): Promise<PendingRequest> {
  const { requests: open } = await context.call('request.list', {});
  if (open.length === 0) throw new SandboxError('REQUEST_UNKNOWN', 'Nothing waits for your decision');
  if (!context.interactive) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot ${verb.toLowerCase()}: say which request`, {
      hint: `Open: ${open.map((request) => `${request.id} (${request.name})`).join(', ')}.`,
    });
  }
  const { select } = await import('../prompts.ts');
  return select({
    message: `${verb} which request?`,
    choices: open.map((request) => ({
      name: requestText(request, context.output.colors),
      value: request,
      ...(request.stake === '' ? {} : { description: safeLine(request.stake) }),
    })),
  });
}

/** A joiner may get less than was asked for. */
async function chooseRole(context: CliContext, request: PendingRequest): Promise<JoinRole | undefined> {
  const asked = request.role;
  if (request.kind !== 'join' || asked === undefined || !context.interactive) return undefined;
  const { select } = await import('../prompts.ts');
  const upTo = ROLES.filter((role): role is JoinRole => role !== 'owner').slice(0, ROLES.indexOf(asked) + 1);
  return select({
    message: `Let ${safeLine(request.name)} (${safeLine(request.fingerprint)}) in as`,
    choices: upTo.map((role) => ({ name: role === asked ? `${role} (as asked)` : role, value: role })),
    default: asked as JoinRole,
  });
}
