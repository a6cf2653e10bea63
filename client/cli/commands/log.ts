/** `log`: a program's console, its past and, when followed, what comes. */

import type { ConsoleLine } from '#shared/model/target.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import type { Colors } from '../output.ts';
import { safeOutput } from '../render/safe-text.ts';

const DEFAULT_LINES = 100;

export const log: CommandHandler = async ({ context, options }) => {
  const follow = options.flag('follow');
  const live = follow ? await context.subscribe('output', context.signal) : [];
  const target = await findTarget(context, options.text('target'));
  const { lines } = await context.call('output.read', {
    limit: options.integer('lines') ?? DEFAULT_LINES,
    ...(target === undefined ? {} : { target }),
  });
  const shown = target ?? lines[0]?.target;
  print(context, lines);
  const last = new Map<string, number>();
  for (const line of lines) last.set(line.target, line.sequence);
  for await (const { event } of live) {
    const fresh = event.lines.filter(
      (line) => (shown === undefined || line.target === shown) && line.sequence > (last.get(line.target) ?? -1),
    );
    for (const line of fresh) last.set(line.target, line.sequence);
    if (fresh.length > 0) print(context, fresh);
  }
  return ExitCode.ok;
};

function print(context: CliContext, lines: readonly ConsoleLine[]): void {
  const { output } = context;
  if (lines.length === 0 && !output.json) return;
  output.result({ lines }, () => lines.map((line) => consoleLine(line, output.colors)).join('\n'));
}

/** Warnings, errors and what sandmesh itself says stand out; the text keeps its own colours. */
export function consoleLine(line: ConsoleLine, colors: Colors): string {
  const text = safeOutput(line.text.replace(/\n$/, ''), colors.isColorSupported);
  // A line of our own about what was dropped says it already.
  const gap = line.stream === 'system' ? 0 : (line.dropped ?? 0);
  const dropped = gap === 0 ? '' : colors.dim(`… ${count(gap, 'line')} dropped: too fast\n`);
  if (line.stream === 'error') return `${dropped}${colors.red(text)}`;
  if (line.stream === 'warn') return `${dropped}${colors.yellow(text)}`;
  if (line.stream === 'debug' || line.stream === 'trace') return `${dropped}${colors.dim(text)}`;
  return `${dropped}${line.stream === 'system' ? colors.dim(`— ${text}`) : text}`;
}
