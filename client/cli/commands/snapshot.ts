/** `snapshot take|list|show|rm`. */

import { SandboxError } from '#shared/errors.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import type { Colors } from '../output.ts';
import { formatPosition, functionName, pauseLine, stackLines } from '../render/frames.ts';
import { safeLine } from '../render/safe-text.ts';
import { scopeBlock } from '../render/scopes.ts';
import { sourceExcerpt } from '../render/source-excerpt.ts';
import { table } from '../render/table.ts';
import { formatClock } from '../render/time.ts';

const LINES_AROUND = 3;

export const take: CommandHandler = async ({ context, args, options }) => {
  const target = await findTarget(context, options.text('target'));
  const label = args.join(' ').trim();
  const snapshot = await context.call('snapshot.take', {
    ...(target === undefined ? {} : { target }),
    ...(label === '' ? {} : { label }),
  });
  context.output.result(snapshot, () => `${snapshot.id}  ${describe(snapshot, context.output.colors)}`);
  return ExitCode.ok;
};

export const list: CommandHandler = async ({ context, options }) => {
  const target = await findTarget(context, options.text('target'));
  const result = await context.call('snapshot.list', target === undefined ? {} : { target });
  const { colors } = context.output;
  context.output.result(result, () => {
    if (result.snapshots.length === 0) return 'There are none yet: every pause leaves one.';
    const rows = result.snapshots.map((snapshot) => [
      snapshot.id,
      formatClock(snapshot.at),
      safeLine(snapshot.program),
      describe(snapshot, colors),
      safeLine(snapshot.label ?? ''),
    ]);
    return table(['ID', 'AT', 'PROGRAM', 'WHERE', 'LABEL'], rows, colors);
  });
  return ExitCode.ok;
};

export const show: CommandHandler = async ({ context, args, options }) => {
  const id = await findSnapshot(context, args[0]);
  const whole = await context.call('snapshot.show', { snapshot: id, frame: options.integer('frame') ?? 0 });
  const own = whole.pause.frames.find(({ internal }) => internal !== true)?.index ?? 0;
  // Without a frame asked for, the innermost of the program's own says more than one of Node's.
  const frame = options.integer('frame') ?? own;
  const shown = frame === 0 ? whole : await context.call('snapshot.show', { snapshot: id, frame });
  const { output } = context;
  output.result(shown, () => {
    const { colors, columns } = output;
    const at = shown.pause.frames.find(({ index }) => index === frame);
    const source = excerptLines(shown.excerpt, at?.line ?? 0, { colors, columns });
    const frames = stackLines(shown.pause, { colors, selected: frame });
    const scopes = shown.scopes
      .filter(({ type }) => type !== 'global')
      .map((each) => scopeBlock(each, colors, columns));
    const { why } = shown.snapshot;
    if (why !== undefined) scopes.push(colors.dim(`No values: ${safeLine(why)}.`));
    return [pauseLine(shown.pause, colors), ...source, '', ...frames, '', scopes.join('\n\n')].join('\n').trimEnd();
  });
  return ExitCode.ok;
};

export const remove: CommandHandler = async ({ context, args }) => {
  const snapshot = await findSnapshot(context, args[0]);
  const result = await context.call('snapshot.remove', { snapshot });
  context.output.result(result, () => `Removed: ${result.removed}`);
  return ExitCode.ok;
};

/** @throws {SandboxError} SNAPSHOT_UNKNOWN */
async function findSnapshot(context: CliContext, text: string | undefined): Promise<Snapshot['id']> {
  const { snapshots } = await context.call('snapshot.list', {});
  const found = text === undefined ? snapshots.slice(0, 1) : snapshots.filter(({ id }) => id.startsWith(text));
  if (found.length === 1) return (found[0] as Snapshot).id;
  const problem = found.length > 1 ? `${found.length} of them start like that` : 'there is none';
  throw new SandboxError('SNAPSHOT_UNKNOWN', `Cannot use the snapshot "${text ?? 'latest'}": ${problem}`, {
    hint: 'List them with "sandmesh snapshot list".',
  });
}

function describe({ top, values }: Snapshot, colors: Colors): string {
  const where = top === undefined ? 'no frame' : `${functionName(top)} ${colors.cyan(formatPosition(top))}`;
  return values === 'none' ? `${where} ${colors.dim('(frames only)')}` : where;
}

function excerptLines(
  excerpt: { readonly fromLine: number; readonly lines: readonly string[] } | undefined,
  line: number,
  { colors, columns }: { readonly colors: Colors; readonly columns: number },
): string[] {
  if (excerpt === undefined) return [];
  const first = Math.max(excerpt.fromLine, line - LINES_AROUND);
  const lines = excerpt.lines.slice(first - excerpt.fromLine, line + LINES_AROUND + 1 - excerpt.fromLine);
  return sourceExcerpt(lines, { colors, columns, fromLine: first, currentLine: line });
}
