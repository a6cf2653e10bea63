/** One event as one line: what `watch` prints where there is no terminal. */

import type { TopicMessage } from '#client/sdk/subscription.ts';
import { consoleLine } from '../commands/log.ts';
import type { Colors } from '../output.ts';
import { describeWhere, statusText } from '../render/breakpoints.ts';
import { pauseLine } from '../render/frames.ts';
import { hitLine } from '../render/hits.ts';
import { requestText } from '../render/requests.ts';
import { safeLine, safeText } from '../render/safe-text.ts';
import type { WatchState } from './state.ts';

/** @returns undefined for what is not worth a line (metrics without alarm, cursors) */
export function eventLine(message: TopicMessage, state: WatchState, colors: Colors): string | undefined {
  const targetName = (id: string): string => {
    const target = [...state.targets.values()].find((candidate) => candidate.id === id);
    return colors.bold(safeLine(target?.name ?? id));
  };
  switch (message.topic) {
    case 'targets': {
      const { target } = message.event;
      return `${targetName(target.id)} is ${target.state} (pid ${target.pid})`;
    }
    case 'pauses': {
      const { target, pause } = message.event;
      return pause === null ? `${targetName(target)} runs` : `${targetName(target)} ${pauseLine(pause, colors)}`;
    }
    case 'breakpoints': {
      const { breakpoint, view } = message.event;
      if (view === null) return `breakpoint ${breakpoint} removed`;
      const statuses = view.statuses.map((status) => statusText(status, targetName(status.target), colors));
      const state = view.enabled ? statuses.join('; ') || 'waits for a program that runs it' : 'off';
      return `breakpoint ${describeWhere(view)} ${state}`;
    }
    case 'leases': {
      const { lease } = message.event;
      const holder = lease.holder === null ? 'nobody' : safeLine(state.memberName(lease.holder));
      return `${holder} drives ${targetName(lease.target)}`;
    }
    case 'snapshots': {
      const { view } = message.event;
      // One of every pause: those are not worth a line beside the pause itself.
      if (view === null || view.cause === 'pause') return undefined;
      return `snapshot ${view.id} of ${targetName(view.target)} taken`;
    }
    case 'output':
      return message.event.lines.map((line) => `${targetName(line.target)} | ${consoleLine(line, colors)}`).join('\n');
    case 'hits':
      return message.event.hits.map((hit) => `${targetName(hit.target)} | ${hitLine(hit, colors)}`).join('\n');
    case 'values': {
      const { target, by, typed } = message.event;
      return typed ? `${safeLine(state.memberName(by))} ran code in ${targetName(target)}` : undefined;
    }
    case 'metrics':
      return message.event.alarm === undefined ? undefined : colors.yellow(safeLine(message.event.alarm));
    case 'members': {
      const { member } = message.event;
      const where = member.removed ? 'removed' : member.online ? 'here' : 'away';
      return `${colors.bold(safeLine(member.name))} (${member.role}) is ${where}`;
    }
    case 'presence':
      return undefined;
    case 'chat': {
      const { line } = message.event;
      return `${colors.bold(safeLine(state.memberName(line.member)))}: ${safeText(line.text)}`;
    }
    case 'requests': {
      const { request, outcome } = message.event;
      return `${requestText(request, colors)}${outcome === 'pending' ? '' : `: ${outcome}`}`;
    }
    case 'notices':
      return safeLine(message.event.text);
    default:
      return message satisfies never;
  }
}
