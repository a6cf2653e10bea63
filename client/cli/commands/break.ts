/** `break add|rm|list|enable|disable`. */

import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId } from '#shared/ids.ts';
import type { BreakpointKind, BreakpointView, ExceptionFilter } from '#shared/model/breakpoint.ts';
import type { CommandHandler, Invocation } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { matchBreakpoint, memberNames } from '../lookup.ts';
import { breakpointLines, breakpointTable } from '../render/breakpoints.ts';

/** Long enough for a host on the network to arm and report; a person does not notice it. */
const SETTLE_MS = 700;

export const add: CommandHandler = async ({ context, args, options }) => {
  const input: CommandInput<'breakpoint.add'> = { folder: context.cwd, settleMs: SETTLE_MS };
  const [location] = args;
  const [fn, exception, condition] = [options.text('function'), options.text('exception'), options.text('if')];
  const given = [location, fn, exception].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot set a breakpoint: give one of file:line, --function, --exception', {
      hint: 'For example: sandmesh break add src/cart.ts:42',
    });
  }
  if (location !== undefined) input.location = location;
  if (fn !== undefined) input.function = fn;
  if (exception !== undefined) input.exception = exception as ExceptionFilter;
  if (condition !== undefined) input.condition = condition;
  const [log, kind, capture] = [options.text('log'), options.text('kind'), options.list('capture')];
  if (log !== undefined) input.log = log;
  if (options.flag('trace') || capture.length > 0) input.capture = [...capture];
  if (kind !== undefined) input.kind = kind as BreakpointKind;
  const [view, targets] = await Promise.all([context.call('breakpoint.add', input), targetNames(context)]);
  context.output.result(view, () => breakpointLines(view, targets, context.output.colors).join('\n'));
  return ExitCode.ok;
};

export const list: CommandHandler = async ({ context }) => {
  const [result, targets, { members }] = await Promise.all([
    context.call('breakpoint.list', {}),
    targetNames(context),
    context.call('member.list', {}),
  ]);
  context.output.result(result, () =>
    result.breakpoints.length === 0
      ? 'No breakpoints. Set one: sandmesh break add <file:line>'
      : breakpointTable(result.breakpoints, targets, memberNames(members), context.output.colors),
  );
  return ExitCode.ok;
};

export const remove: CommandHandler = async (invocation) => {
  const { context } = invocation;
  for (const { id, label } of await chosen(invocation)) {
    const result = await context.call('breakpoint.remove', { breakpoint: id });
    context.output.result(result, () => `Removed ${label}.`);
  }
  return ExitCode.ok;
};

export const enable: CommandHandler = (invocation) => toggle(invocation, true);
export const disable: CommandHandler = (invocation) => toggle(invocation, false);

async function toggle(invocation: Invocation, enabled: boolean): Promise<number> {
  const { context } = invocation;
  for (const { id, label } of await chosen(invocation)) {
    const result = await context.call('breakpoint.enable', { breakpoint: id, enabled });
    context.output.result(result, () => `${enabled ? 'Enabled' : 'Disabled'} ${label}.`);
  }
  return ExitCode.ok;
}

async function chosen({ context, args, options }: Invocation): Promise<{ id: BreakpointId; label: string }[]> {
  const { breakpoints } = await context.call('breakpoint.list', {});
  const { describeWhere } = await import('../render/breakpoints.ts');
  const label = (view: BreakpointView): string => `${describeWhere(view)} (${view.id})`;
  if (options.flag('all')) return breakpoints.map((view) => ({ id: view.id, label: label(view) }));
  if (args.length === 0) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot tell which breakpoint: none was given', {
      hint: 'Give its id or file:line; see "sandmesh break list".',
    });
  }
  // All are looked up before the first is touched: a typo in the second must not leave the work half done.
  return args.map((text) => {
    const id = matchBreakpoint(breakpoints, text);
    const view = breakpoints.find((breakpoint) => breakpoint.id === id);
    return { id, label: view === undefined ? id : label(view) };
  });
}

async function targetNames(context: CliContext): Promise<(id: string) => string> {
  const { targets } = await context.call('target.list', {});
  const names = new Map<string, string>(targets.map((target) => [target.id, target.name]));
  return (id) => names.get(id) ?? id;
}
