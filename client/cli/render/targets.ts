/** Targets as a table, and the one-word state of each. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Member } from '#shared/model/member.ts';
import { memberNames } from '../lookup.ts';
import type { Colors } from '../output.ts';
import { formatPosition } from './frames.ts';
import { safeLine } from './safe-text.ts';
import { table } from './table.ts';
import { formatBytes } from './time.ts';

export type TargetView = CommandResult<'target.list'>['targets'][number];

export function isAlive(target: Pick<TargetView, 'state'>): boolean {
  return target.state !== 'exited' && target.state !== 'detached';
}

/** What runs, then what ended, the latest first. */
export function aliveFirst<T extends Pick<TargetView, 'state' | 'startedAt'>>(targets: readonly T[]): T[] {
  return [...targets].sort((a, b) => Number(isAlive(b)) - Number(isAlive(a)) || b.startedAt - a.startedAt);
}

/**
 * `paused src/cart.ts:42:7`, `running`, `exited (1)` …
 *
 * @param hostAway what is shown is what its host said last
 */
export function targetState(target: TargetView, colors: Colors, hostAway = false): string {
  const state = stateText(target, colors);
  return hostAway && isAlive(target) ? `${state} ${colors.dim('(its host is away)')}` : state;
}

function stateText(target: TargetView, colors: Colors): string {
  const { state, pause, exitCode, exitSignal } = target;
  if (pause !== null) {
    const top = pause.frames.find((frame) => frame.internal !== true) ?? pause.frames[0];
    return `${colors.yellow('paused')} ${top === undefined ? '' : colors.cyan(formatPosition(top))}`;
  }
  if (target.held) return colors.yellow('held at its first line');
  if (state === 'running') return colors.green('running');
  if (state === 'exited') {
    const how = exitSignal ?? exitCode ?? undefined;
    return colors.dim(how === undefined ? 'exited' : `exited (${how})`);
  }
  return colors.dim(state);
}

/** @param members of the sandbox, the removed ones too */
export function targetTable(targets: readonly TargetView[], members: readonly Member[], colors: Colors): string {
  const name = memberNames(members);
  const away = new Set(members.filter(({ online }) => !online).map(({ id }) => id));
  const rows = aliveFirst(targets).map((target) => {
    const { metrics, lease } = target;
    const alive = target.state !== 'exited' && target.state !== 'detached';
    const load =
      metrics === null || !alive ? '' : `${formatBytes(metrics.rssBytes)}, ${Math.round(metrics.cpu * 100)} % cpu`;
    return [
      colors.bold(safeLine(target.name)),
      colors.dim(target.id),
      safeLine(name(target.host)),
      target.thread === undefined ? String(target.pid) : `${target.pid} thread ${target.thread}`,
      targetState(target, colors, away.has(target.host)),
      lease?.holder == null ? '' : safeLine(name(lease.holder)),
      load,
      target.restarts > 0 ? String(target.restarts) : '',
    ];
  });
  const heads = ['NAME', 'ID', 'HOST', 'PID', 'STATE', 'DRIVER', 'LOAD', 'RESTARTS'];
  // Columns with nothing in them only cost room.
  const kept = heads.map((_, column) => rows.some((row) => row[column] !== ''));
  const keep = (cells: readonly string[]): string[] => cells.filter((_, column) => kept[column]);
  return table(keep(heads), rows.map(keep), colors);
}
