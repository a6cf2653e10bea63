/** `stack`, `scopes`, `eval` and `set`: looking into a program. */

import type { TargetId } from '#shared/ids.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { CommandHandler, Invocation } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import { frameExcerpt } from '../pause-text.ts';
import { pauseLine, stackLines } from '../render/frames.ts';
import { safeLine, safeText } from '../render/safe-text.ts';
import { scopeBlock } from '../render/scopes.ts';
import { formatValue, variableLines, wholeValue } from '../render/variables.ts';

/** Children shown under an evaluated object; `--json` gives the handle to page further. */
const CHILDREN_SHOWN = 50;
/** Longer than an evaluation that needs no consent may take by default. */
const PATIENCE_MS = 1_500;
/** Hundreds of names that every program has. */
const GLOBAL_SCOPES: ReadonlySet<string> = new Set(['global']);

export const stack: CommandHandler = async ({ context, options }) => {
  const target = await findTarget(context, options.text('target'));
  const result = await context.call('inspect.stack', target === undefined ? {} : { target });
  const { pause } = result;
  const { output } = context;
  const selected = (pause.frames.find((frame) => frame.internal !== true) ?? pause.frames[0])?.index ?? 0;
  const top = pause.frames.find((frame) => frame.index === selected);
  const excerpt = output.json || top === undefined ? [] : await frameExcerpt(context, pause, top);
  output.result(result, () => {
    const { colors } = output;
    const frames = stackLines(pause, { colors, selected, all: options.flag('all') });
    return [pauseLine(pause, colors), ...excerpt, '', ...frames].join('\n');
  });
  return ExitCode.ok;
};

export const scopes: CommandHandler = async ({ context, options }) => {
  const result = await context.call('inspect.scopes', await place(context, options));
  const all = options.flag('all');
  const { colors, columns } = context.output;
  context.output.result(result, () => {
    const shown = result.scopes.filter((scope) => all || !GLOBAL_SCOPES.has(scope.type));
    const blocks = shown.map((scope) => scopeBlock(scope, colors, columns));
    return blocks.length === 0 ? 'This frame has no scopes of its own.' : blocks.join('\n\n');
  });
  return ExitCode.ok;
};

export const evaluate: CommandHandler = async ({ context, args, options }) => {
  const { output } = context;
  const where = await place(context, options);
  const timeoutMs = options.integer('timeout');
  const result = await patiently(
    context,
    context.call('inspect.evaluate', {
      ...where,
      expression: args.join(' '),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }),
  );
  if (result.threw && !output.json) {
    output.stderr.write(`${output.errorColors.red('threw')} ${safeText(result.result.value)}\n`);
    return ExitCode.failure;
  }
  const text = output.json ? '' : await valueWithChildren(context, result.result, where.target);
  output.result(result, () => text);
  return result.threw ? ExitCode.failure : ExitCode.ok;
};

export const set: CommandHandler = async ({ context, args, options }) => {
  const [name = '', ...expression] = args;
  const where = await place(context, options);
  const call = context.call('inspect.set', { ...where, name, expression: expression.join(' ') });
  const result = await patiently(context, call);
  const { colors } = context.output;
  context.output.result(result, () => `${safeLine(name)} ${colors.dim('=')} ${formatValue(result.result, colors)}`);
  return ExitCode.ok;
};

/** It runs long, or its host's person is being asked: whoever waits should know for what. */
async function patiently<T>(context: CliContext, call: Promise<T>): Promise<T> {
  const text = 'Still waiting: it takes its time, or its host is asked to allow it ("sandmesh approve" there).';
  const timer = setTimeout(() => context.output.note(text), PATIENCE_MS);
  try {
    return await call;
  } finally {
    clearTimeout(timer);
  }
}

async function place(
  context: CliContext,
  options: Invocation['options'],
): Promise<{ target?: TargetId; frame?: number }> {
  const target = await findTarget(context, options.text('target'));
  const frame = options.integer('frame');
  return { ...(target === undefined ? {} : { target }), ...(frame === undefined ? {} : { frame }) };
}

/** The value; below it, unless quiet, what it contains one level deep. */
async function valueWithChildren(context: CliContext, value: Variable, target: TargetId | undefined): Promise<string> {
  const { colors, columns, quiet } = context.output;
  const head = wholeValue(value, colors);
  if (value.handle === undefined || quiet || value.type === 'function') return head;
  const { variables, total } = await context.call('inspect.variables', {
    handle: value.handle,
    count: CHILDREN_SHOWN,
    ...(target === undefined ? {} : { target }),
  });
  const shown = variables.filter((variable) => variable.kind !== 'internal');
  const lines = variableLines(shown, { colors, columns, indent: 2 });
  if (total > variables.length) lines.push(colors.dim(`  … ${total - variables.length} more`));
  return [head, ...lines].join('\n');
}
