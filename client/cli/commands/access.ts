/** `invite`, `invites`, `revoke`, `role` and `delegate`: who may come in, with which rights, and who decides. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Member } from '#shared/model/member.ts';
import type { Role } from '#shared/rights.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { matchMember, memberNames } from '../lookup.ts';
import type { Colors } from '../output.ts';
import { linkText } from '../render/link.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';
import { formatDuration } from '../render/time.ts';

type GivenRole = Exclude<Role, 'owner'>;
type Invite = CommandResult<'invite.list'>['invites'][number];

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export const invite: CommandHandler = async ({ context, options }) => {
  const { output } = context;
  const role = options.text('role') as GivenRole | undefined;
  const uses = options.integer('uses');
  const expiresMs = parseLifetime(options.text('expires'));
  const approve = options.text('approve');
  const addresses = options.list('allowIp');
  const admitter = options.text('admitter');
  const members = admitter === undefined ? [] : (await context.call('member.list', {})).members;
  const result = await context.call('invite.create', {
    ...(role === undefined ? {} : { role }),
    ...(uses === undefined ? {} : { uses }),
    ...(expiresMs === undefined ? {} : { expiresMs }),
    ...(approve === undefined ? {} : { approval: approve === 'yes' }),
    ...(addresses.length === 0 ? {} : { addresses: [...addresses] }),
    ...(admitter === undefined ? {} : { admitter: matchMember(members, admitter) }),
  });
  if (output.quiet && !output.json) {
    if (result.link !== undefined) output.print(result.link);
    return ExitCode.ok;
  }
  const text = output.json ? '' : await linkText(result, { output, to: 'stdout', qr: true });
  output.result(result, () => `${text}\n${output.colors.dim(`  ${inviteTerms(result.invite, members)}`)}`);
  return ExitCode.ok;
};

export const invites: CommandHandler = async ({ context }) => {
  const result = await context.call('invite.list', {});
  const { members } = await context.call('member.list', {});
  const { colors } = context.output;
  context.output.result(result, () => {
    if (result.invites.length === 0) return 'No invites yet: "sandmesh invite" makes one.';
    return table(
      ['ID', 'ROLE', 'USED', 'STATE', 'TERMS'],
      result.invites.map((each) => row(each, members, colors)),
      colors,
    );
  });
  return ExitCode.ok;
};

export const revoke: CommandHandler = async ({ context, args }) => {
  const who = args[0] ?? '';
  const { members } = await context.call('member.list', {});
  const named = members.filter((member) => !member.removed && fits(member, who));
  if (named.length === 0) {
    const { invites: known } = await context.call('invite.list', {});
    const matching = known.filter(({ id }) => who.length >= 4 && (id.startsWith(who) || who.startsWith(id)));
    if (matching.length > 0) {
      const closed = await context.call('invite.revoke', { invite: who });
      context.output.result(closed, () => `Invite ${closed.invite.id} lets nobody in any more.`);
      return ExitCode.ok;
    }
  }
  const removed = await context.call('member.revoke', { member: matchMember(members, who) });
  context.output.result(
    removed,
    () => `Removed ${safeLine(removed.name)}. What it read stays read; a new invite would let it back in.`,
  );
  return ExitCode.ok;
};

export const role: CommandHandler = async ({ context, args }) => {
  const { members } = await context.call('member.list', {});
  const member = matchMember(members, args[0] ?? '');
  const result = await context.call('member.role', { member, role: args[1] as Role });
  context.output.result(result, () => `${safeLine(result.name)} is ${result.role} now.`);
  return ExitCode.ok;
};

export const delegate: CommandHandler = async ({ context, args, options }) => {
  const { members } = await context.call('member.list', {});
  const member = matchMember(members, args[0] ?? '');
  const cap = options.text('role') as GivenRole | undefined;
  const end = options.flag('end');
  const result = await context.call('member.delegate', {
    member,
    ...(cap === undefined ? {} : { role: cap }),
    ...(end ? { end } : {}),
  });
  const name = safeLine(result.name);
  context.output.result(result, () =>
    result.role === undefined
      ? `${name} admits nobody any more; whom it admitted stays.`
      : `${name} may now invite and admit others, up to ${result.role}, also while you are away.`,
  );
  return ExitCode.ok;
};

/** @returns milliseconds. @throws {SandboxError} BAD_ARGUMENT */
export function parseLifetime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? 0);
  if (amount !== undefined && ms >= 60_000 && ms <= 365 * 86_400_000) return ms;
  throw new SandboxError('BAD_ARGUMENT', `Cannot use --expires "${text}": it is no time from 1m to 365d`, {
    hint: 'For example 30m, 12h or 7d.',
  });
}

function row(each: Invite, members: readonly Member[], colors: Colors): string[] {
  const state = each.state === 'open' ? colors.green(each.state) : colors.dim(each.state);
  return [
    colors.cyan(each.id),
    each.role,
    `${each.used} of ${each.uses}`,
    state,
    colors.dim(inviteTerms(each, members)),
  ];
}

/** `asks first, 22 h left, admitted by bob, from 10.0.0.0/8` */
function inviteTerms(each: Invite, members: readonly Member[]): string {
  const terms = [
    each.uses > 1 ? `good for ${each.uses}` : '',
    each.approval ? 'asks first' : 'does not ask',
    each.state === 'open' ? `${formatDuration(each.expiresAt - Date.now())} left` : '',
    each.admitter === undefined ? '' : `${safeLine(memberNames(members)(each.admitter))} decides`,
    each.addresses.length === 0 ? '' : `from ${each.addresses.map((address) => safeLine(address)).join(', ')}`,
  ];
  return terms.filter((term) => term !== '').join(', ');
}

function fits(member: Member, text: string): boolean {
  return member.name === text || String(member.id) === text || member.fingerprint.startsWith(text);
}
