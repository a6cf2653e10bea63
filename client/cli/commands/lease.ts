/** `lease`: who may step. */

import type { CommandHandler, Invocation } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget, matchMember, memberNames } from '../lookup.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';

export const lease: CommandHandler = async (invocation) => {
  const action = invocation.args[0] ?? 'show';
  if (action === 'take') return take(invocation);
  return action === 'release' ? release(invocation) : show(invocation);
};

async function take({ context, options }: Invocation): Promise<number> {
  const target = await findTarget(context, options.text('target'));
  const [result, { members }] = await Promise.all([
    context.call('lease.take', target === undefined ? {} : { target }),
    context.call('member.list', {}),
  ]);
  const holder = result.holder === null ? 'nobody' : safeLine(memberNames(members)(result.holder));
  context.output.result(result, () =>
    result.held ? 'You drive: step, resume and pause are yours.' : `${holder} drives; you are in the queue.`,
  );
  return result.held ? ExitCode.ok : ExitCode.notNow;
}

async function release({ context, options }: Invocation): Promise<number> {
  const target = await findTarget(context, options.text('target'));
  const heir = options.text('to');
  const { members } = await context.call('member.list', {});
  const to = heir === undefined ? undefined : matchMember(members, heir);
  const result = await context.call('lease.release', {
    ...(target === undefined ? {} : { target }),
    ...(to === undefined ? {} : { to }),
  });
  context.output.result(result, () =>
    result.holder === null
      ? 'Released: nobody drives.'
      : `${safeLine(memberNames(members)(result.holder))} drives now.`,
  );
  return ExitCode.ok;
}

async function show({ context }: Invocation): Promise<number> {
  const [{ targets }, { members }] = await Promise.all([
    context.call('target.list', {}),
    context.call('member.list', {}),
  ]);
  const name = memberNames(members);
  const leases = targets.flatMap((target) => (target.lease === null ? [] : [target.lease]));
  const { colors } = context.output;
  context.output.result({ leases }, () => {
    const live = targets.filter(({ state }) => state !== 'exited' && state !== 'detached');
    const rows = live.map(({ name: targetName, lease: held }) => [
      colors.bold(safeLine(targetName)),
      held?.holder == null ? colors.dim('nobody') : safeLine(name(held.holder)),
      (held?.queue ?? []).map((member) => safeLine(name(member))).join(', '),
    ]);
    return rows.length === 0 ? 'No program runs in this sandbox.' : table(['PROGRAM', 'DRIVER', 'QUEUE'], rows, colors);
  });
  return ExitCode.ok;
}
