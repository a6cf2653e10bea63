/** Draws the state of `watch` as lines for a screen of a given size. Pure. */

import { isSameFile } from '#shared/model/source-file.ts';
import { count } from '#shared/plural.ts';
import { consoleLine } from '../commands/log.ts';
import { presenceText } from '../commands/members.ts';
import type { Colors } from '../output.ts';
import { formatPosition, pauseLine, stackLines } from '../render/frames.ts';
import { requestText } from '../render/requests.ts';
import { safeLine, safeText } from '../render/safe-text.ts';
import { sourceExcerpt } from '../render/source-excerpt.ts';
import { aliveFirst, isAlive, type TargetView, targetState } from '../render/targets.ts';
import { formatBytes } from '../render/time.ts';
import { clip } from './clip.ts';
import type { WatchState } from './state.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A window of source around the current line, or why there is none. */
export type ShownSource = { readonly lines: readonly string[]; readonly fromLine: number } | { readonly why: string };

const KEYS = 'c continue  n over  s into  o out  p pause  ↑↓ frame  Tab program  l lease  a/d approve/deny  q quit';
const MAX_TARGET_LINES = 6;
const MAX_FRAME_LINES = 8;

/** @returns exactly `rows` lines, none wider than `columns` */
export function watchLines(state: WatchState, source: ShownSource | undefined, size: Size, colors: Colors): string[] {
  const { columns, rows } = size;
  const rule = (text: string): string => {
    return `${colors.dim('─')} ${text} ${colors.dim('─'.repeat(columns))}`;
  };
  const top = [headLine(state, colors), membersLine(state, colors), ...targetLines(state, colors)];
  const bottom = [...requestLines(state, colors), messageLine(state, colors), colors.dim(KEYS)];
  const room = Math.max(0, rows - top.length - bottom.length);
  const body = bodyLines(state, source, { columns, rows: room }, colors, rule);
  const filler = Array.from({ length: Math.max(0, room - body.length) }, () => '');
  return [...top, ...body.slice(0, room), ...filler, ...bottom].slice(0, rows).map((line) => clip(line, columns));
}

function headLine(state: WatchState, colors: Colors): string {
  const link = state.connected ? '' : colors.red('  the daemon is away, waiting for it …');
  return `${colors.bold('sandmesh')} ${safeLine(state.title)}${link}`;
}

function membersLine(state: WatchState, colors: Colors): string {
  const people = [...state.members.values()].filter((member) => !member.removed);
  people.sort((a, b) => Number(b.online) - Number(a.online) || a.id - b.id);
  const parts = people.map((member) => {
    const name = safeLine(member.name);
    if (!member.online) return colors.dim(`○ ${name}`);
    const place = member.self ? 'you' : presenceText(member);
    return `${colors.green('●')} ${colors.bold(name)} ${colors.dim(place === '' ? member.role : `${member.role}, ${place}`)}`;
  });
  return parts.join('  ');
}

function targetLines(state: WatchState, colors: Colors): string[] {
  const all = aliveFirst([...state.targets.values()].filter(({ host }) => state.members.get(host)?.removed !== true));
  if (all.length === 0) return [colors.dim('No program yet: sandmesh run -- <command>')];
  const lines = all.slice(0, MAX_TARGET_LINES).map((target) => {
    const selected = target.id === state.selected;
    const name = selected ? colors.bold(safeLine(target.name)) : safeLine(target.name);
    const host = state.members.size > 1 ? colors.dim(` of ${safeLine(state.memberName(target.host))}`) : '';
    const shown = targetState(target, colors, state.members.get(target.host)?.online === false);
    return `${selected ? colors.yellow('>') : ' '} ${name}${host}  ${shown}${details(state, target, colors)}`;
  });
  if (all.length > lines.length) lines.push(colors.dim(`  … ${all.length - lines.length} more (Tab)`));
  return lines;
}

function details(state: WatchState, target: TargetView, colors: Colors): string {
  const { lease, restarts } = target;
  const metrics = isAlive(target) ? target.metrics : null;
  const parts = [
    metrics === null ? undefined : `${formatBytes(metrics.rssBytes)}, ${Math.round(metrics.cpu * 100)} % cpu`,
    metrics?.eventLoopDelayMs === undefined ? undefined : `loop ${Math.round(metrics.eventLoopDelayMs)} ms`,
    restarts > 0 ? count(restarts, 'restart') : undefined,
    lease?.holder == null ? undefined : `${safeLine(state.memberName(lease.holder))} drives`,
    lease !== null && lease.queue.length > 0 ? `${lease.queue.length} waiting to drive` : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : colors.dim(`  ${parts.join(', ')}`);
}

function bodyLines(
  state: WatchState,
  source: ShownSource | undefined,
  { columns, rows }: Size,
  colors: Colors,
  rule: (text: string) => string,
): string[] {
  const pause = state.target?.pause ?? null;
  const output = [...(state.selected === undefined ? [] : (state.output.get(state.selected) ?? []))];
  const outputLines = output.flatMap((line) => consoleLine(line, colors).split('\n'));
  if (pause === null) return [rule('output'), ...outputLines.slice(-(rows - 1))];
  const frames = stackLines(pause, { colors, selected: state.frame, limit: MAX_FRAME_LINES });
  // Half of what is left shows source, the rest frames and output; small screens lose output first.
  const sourceRows = Math.max(3, Math.min(Math.floor(rows / 2), rows - frames.length - 3));
  const outputRows = Math.max(0, rows - sourceRows - frames.length - 3);
  const frame = state.currentFrame;
  return [
    rule(pauseLine(pause, colors)),
    ...sourceLines(state, source, sourceRows, columns, colors),
    rule(frame === undefined ? 'frames' : `frames, ${colors.cyan(formatPosition(frame))}`),
    ...frames,
    ...(outputRows > 0 ? [rule('output'), ...outputLines.slice(-outputRows)] : []),
  ];
}

function sourceLines(
  state: WatchState,
  source: ShownSource | undefined,
  rows: number,
  columns: number,
  colors: Colors,
): string[] {
  const frame = state.currentFrame;
  if (frame === undefined || source === undefined) return [colors.dim('  …')];
  if ('why' in source) return [colors.dim(`  (no source: ${safeLine(source.why)})`)];
  const { file } = frame;
  const dots = new Set<number>();
  for (const view of state.breakpoints.values()) {
    if (!view.enabled || view.where.kind !== 'line' || file === undefined || !isSameFile(view.where.file, file))
      continue;
    dots.add(view.statuses.find((status) => status.target === state.selected)?.line ?? view.where.line);
  }
  const first = Math.max(source.fromLine, frame.line - Math.floor(rows / 2));
  const start = first - source.fromLine;
  const lines = source.lines.slice(start, start + rows);
  return sourceExcerpt(lines, { colors, columns, fromLine: first, currentLine: frame.line, breakpoints: dots });
}

function requestLines(state: WatchState, colors: Colors): string[] {
  const request = state.firstRequest;
  if (request === undefined) return [];
  const more = state.requests.size > 1 ? colors.dim(` (and ${state.requests.size - 1} more)`) : '';
  const keys = colors.cyan('a approve, d deny');
  const lines = [`${colors.yellow('?')} ${requestText(request, colors)}${more}  ${keys}`];
  if (request.stake !== '') lines.push(colors.dim(`  at stake: ${safeLine(request.stake)}`));
  return lines;
}

function messageLine(state: WatchState, colors: Colors): string {
  const { message, chat } = state;
  if (message !== undefined) {
    const text = safeLine(message.text);
    return message.level === 'error' ? colors.red(text) : message.level === 'warn' ? colors.yellow(text) : text;
  }
  if (chat === undefined) return '';
  return `${colors.bold(safeLine(state.memberName(chat.member)))}: ${safeText(chat.text.replaceAll('\n', ' '))}`;
}
