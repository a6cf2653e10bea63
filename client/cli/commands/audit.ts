/** `audit`: what was done to programs on this machine, and whether the record of it is as it was written. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';

type Entry = CommandResult<'audit.list'>['entries'][number];

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** As many as a daemon tells at once. */
const MAX_LINES = 10_000;
/** Long expressions are whole with --json. */
const DETAIL_CHARS = 60;

export const audit: CommandHandler = async ({ context, options }) => {
  const { output } = context;
  const client = await context.connect();
  if (options.flag('verify')) {
    const result = await client.call('audit.verify', {}, { timeoutMs: 10 * 60_000 });
    output.result(result, () => verificationText(result, output.colors));
    return result.problems.length === 0 ? ExitCode.ok : ExitCode.failure;
  }
  const since = parseSince(options.text('since'));
  const limit = options.integer('lines');
  // In the table an action is one line, in the log it has up to two.
  const lines = limit === undefined || output.json ? limit : Math.min(2 * limit, MAX_LINES);
  const result = await client.call('audit.list', {
    ...(since === undefined ? {} : { since }),
    ...(lines === undefined ? {} : { limit: lines }),
  });
  output.result(result, () => auditTable(result.entries, output.colors, limit));
  return ExitCode.ok;
};

/** @returns milliseconds since the epoch. @throws {SandboxError} BAD_ARGUMENT */
export function parseSince(text: string | undefined, now = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return Math.max(0, now - Number(amount) * (UNITS[unit] ?? 0));
  // Left to itself, Date.parse() makes a year or a month of any number.
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date) && date >= 0) return date;
  throw new SandboxError('BAD_ARGUMENT', `Cannot use --since "${text}": it is no time`, {
    hint: 'Say how long ago (30m, 2h, 7d) or when (2026-11-23T09:00).',
  });
}

/** A line per action: how it ended stands where it began. @param limit the last so many */
export function auditTable(entries: readonly Entry[], colors: Colors, limit = MAX_LINES): string {
  const ends = new Map<number, Entry>();
  for (const entry of entries) if (entry.of !== undefined) ends.set(entry.of, entry);
  const begun = new Set(entries.filter(({ type }) => type === 'begun').map(({ seq }) => seq));
  const shown = entries.filter(({ type, of }) => type !== 'opened' && (of === undefined || !begun.has(of)));
  if (shown.length === 0) return 'Nothing was done to a program here, and nothing refused.';
  const rows = shown
    .slice(-limit)
    .map((entry) => row(entry, entry.type === 'begun' ? ends.get(entry.seq) : entry, colors));
  return table(['WHEN', 'WHO', 'WHAT', 'WHERE', 'OUTCOME'], rows, colors);
}

function row(entry: Entry, end: Entry | undefined, colors: Colors): string[] {
  const who = entry.name === undefined ? '' : safeLine(entry.name);
  const key = entry.key === undefined ? '' : colors.dim(` (${safeLine(entry.key).slice(0, 9)})`);
  const detail = entry.detail === undefined ? '' : ` ${safeLine(cut(entry.detail))}`;
  const where = entry.program === undefined ? '' : `${safeLine(entry.program)} ${entry.level ?? ''}`.trim();
  return [
    colors.dim(new Date(entry.at).toLocaleString('sv')),
    `${who}${key}`,
    `${safeLine(entry.what)}${colors.dim(detail)}`,
    where,
    outcomeText(entry, end, colors),
  ];
}

function outcomeText(entry: Entry, end: Entry | undefined, colors: Colors): string {
  // It runs right now, or the daemon ended in the middle of it.
  if (end === undefined) return colors.yellow('no end on record');
  const times = entry.times === undefined ? '' : ` (${entry.times} more like it)`;
  const why = end.why === undefined ? '' : colors.dim(` ${safeLine(end.why)}`);
  return end.outcome === 'ok' ? `ok${times}${why}` : `${colors.red(end.outcome)}${times}${why}`;
}

function cut(text: string): string {
  return text.length <= DETAIL_CHARS ? text : `${text.slice(0, DETAIL_CHARS - 1)}…`;
}

function verificationText(result: CommandResult<'audit.verify'>, colors: Colors): string {
  const { lines, signatures, anchors, problems, folder } = result;
  const counted = `${count(lines, 'line')}, ${count(signatures, 'signature')}, ${count(anchors, 'head')} held by other members`;
  if (problems.length === 0) return `${colors.green('The audit log is as it was written')}: ${counted}.`;
  const list = problems.map(({ file, at, problem }) => `  ${safeLine(file)}:${at}  ${safeLine(problem)}`);
  return [`${colors.red('The audit log was changed')} (${counted}; in ${safeLine(folder)}):`, ...list].join('\n');
}
