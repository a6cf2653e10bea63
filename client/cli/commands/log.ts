/** `log`: a program's console, its past and, when followed, what comes. */

import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { ConsoleLine } from '#shared/model/target.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import type { Colors } from '../output.ts';
import { hitLine } from '../render/hits.ts';
import { safeOutput } from '../render/safe-text.ts';

const DEFAULT_LINES = 100;
/** The host keeps no more. */
const MAX_HITS = 1_000;

export const log: CommandHandler = async ({ context, options }) => {
  const follow = options.flag('follow');
  const live = follow ? await context.subscribe(['output', 'hits'], context.signal) : [];
  const target = await findTarget(context, options.text('target'));
  const limit = options.integer('lines') ?? DEFAULT_LINES;
  const which = { limit, ...(target === undefined ? { ended: !follow } : { target }) };
  const { lines, hits } = await past(context, which).catch((error: unknown) => {
    if (!follow || target !== undefined || SandboxError.from(error).code !== 'TARGET_UNKNOWN') throw error;
    context.output.note('No program is attached yet: waiting for what one writes. Ctrl-C ends.');
    return { lines: [], hits: [] };
  });
  const shown = target ?? lines[0]?.target ?? hits[0]?.target;
  printPast(context, lines, hits, limit);
  const last = new Map<string, number>();
  for (const line of lines) last.set(line.target, line.sequence);
  for await (const message of live) {
    const { event } = message;
    if ('hits' in event) {
      printHits(
        context,
        event.hits.filter((hit) => shown === undefined || hit.target === shown),
      );
      continue;
    }
    const fresh = event.lines.filter(
      (line) => (shown === undefined || line.target === shown) && line.sequence > (last.get(line.target) ?? -1),
    );
    for (const line of fresh) last.set(line.target, line.sequence);
    if (fresh.length > 0) print(context, fresh);
  }
  return ExitCode.ok;
};

async function past(
  context: CliContext,
  which: CommandInput<'hits.read'> & { limit: number },
): Promise<{ lines: readonly ConsoleLine[]; hits: readonly Hit[] }> {
  const { lines } = await context.call('output.read', which);
  return { lines, hits: await pastHits(context, which) };
}

/** None with --json, whose one object is what `output.read` gives. */
async function pastHits(context: CliContext, which: CommandInput<'hits.read'> & { limit: number }): Promise<Hit[]> {
  if (context.output.json) return [];
  const { hits } = await context.call('hits.read', { ...which, limit: Math.min(which.limit, MAX_HITS) });
  return hits;
}

/** Both in the order of the host's clock. */
function printPast(context: CliContext, lines: readonly ConsoleLine[], hits: readonly Hit[], limit: number): void {
  const { output } = context;
  if (output.json) return print(context, lines);
  const all = [
    ...lines.map((line) => ({ at: line.at, text: () => consoleLine(line, output.colors) })),
    ...hits.map((hit) => ({ at: hit.at, text: () => hitLine(hit, output.colors) })),
  ];
  const sorted = all.sort((a, b) => a.at - b.at).slice(-limit);
  if (sorted.length > 0) output.result({}, () => sorted.map(({ text }) => text()).join('\n'));
}

function printHits(context: CliContext, hits: readonly Hit[]): void {
  const { output } = context;
  if (hits.length > 0) output.result({ hits }, () => hits.map((hit) => hitLine(hit, output.colors)).join('\n'));
}

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
