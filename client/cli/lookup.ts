/** Turns what a person typed (a name, the start of an id, a pid, file:line) into ids of the sandbox. */

import { SandboxError } from '#shared/errors.ts';
import { type BreakpointId, isTargetId, type MemberId, type TargetId } from '#shared/ids.ts';
import type { BreakpointView } from '#shared/model/breakpoint.ts';
import type { Member } from '#shared/model/member.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import type { Target } from '#shared/model/target.ts';
import type { CliContext } from './context.ts';

/**
 * @param text undefined: the daemon chooses
 * @throws {SandboxError} TARGET_UNKNOWN naming the targets there are
 */
export async function findTarget(context: CliContext, text: string | undefined): Promise<TargetId | undefined> {
  if (text === undefined || isTargetId(text)) return text;
  const { targets } = await context.call('target.list', {});
  return matchTarget(targets, text);
}

export function matchTarget(targets: readonly Target[], text: string): TargetId {
  const exact = targets.filter((target) => target.name === text || isPid(target, text));
  const alive = exact.filter((target) => target.state !== 'exited' && target.state !== 'detached');
  const loose = targets.filter((target) => target.id.startsWith(text));
  const matches = [alive, exact, loose].find((list) => list.length > 0) ?? [];
  const only = matches[0];
  if (only !== undefined && matches.length === 1) return only.id;
  const known = targets.map((target) => `${target.name} (${target.id})`).join(', ');
  const problem = matches.length > 1 ? `it fits ${matches.length} programs` : 'there is no such program';
  throw new SandboxError('TARGET_UNKNOWN', `Cannot use target "${text}": ${problem}`, {
    hint: known === '' ? 'No program is in this sandbox: "sandmesh run -- <command>".' : `There are: ${known}.`,
  });
}

/** Worker threads share the pid of the program that a person means by it. */
function isPid({ pid, thread }: Target, text: string): boolean {
  return thread === undefined && String(pid) === text;
}

/** @throws {SandboxError} BREAKPOINT_UNKNOWN */
export function matchBreakpoint(breakpoints: readonly BreakpointView[], text: string): BreakpointId {
  const byPlace = breakpoints.filter((breakpoint) => placeFits(breakpoint, text));
  const byId = breakpoints.filter((breakpoint) => breakpoint.id.startsWith(text));
  const exact = byId.filter((breakpoint) => breakpoint.id === text);
  const matches = [exact, byId, byPlace].find((list) => list.length > 0) ?? [];
  const only = matches[0];
  if (only !== undefined && matches.length === 1) return only.id;
  const problem = matches.length > 1 ? `it fits ${matches.length} breakpoints` : 'there is no such breakpoint';
  throw new SandboxError('BREAKPOINT_UNKNOWN', `Cannot use breakpoint "${text}": ${problem}`, {
    hint: matches.length > 1 ? `One of: ${matches.map(({ id }) => id).join(', ')}.` : 'See "sandmesh break list".',
  });
}

function placeFits({ where }: BreakpointView, text: string): boolean {
  if (where.kind === 'function') return where.name === text;
  if (where.kind === 'exception') return where.filter === text;
  if (where.kind === 'script') return `${where.url}:${where.line}` === text;
  const place = `${formatSourceFile(where.file)}:${where.line}`;
  const typed = text.replace(/^\.\//, '');
  return place === typed || place.endsWith(`/${typed}`) || `${place}:${where.column ?? ''}` === typed;
}

/** @throws {SandboxError} MEMBER_UNKNOWN */
export function matchMember(members: readonly Member[], text: string): MemberId {
  const present = members.filter((member) => !member.removed);
  const matches = present.filter(
    (member) => member.name === text || String(member.id) === text || member.fingerprint.startsWith(text),
  );
  const only = matches[0];
  if (only !== undefined && matches.length === 1) return only.id;
  const problem = matches.length > 1 ? `it fits ${matches.length} members` : 'there is no such member';
  throw new SandboxError('MEMBER_UNKNOWN', `Cannot use member "${text}": ${problem}`, {
    hint: `There are: ${present.map((member) => `${member.name} (${member.fingerprint})`).join(', ')}.`,
  });
}

/** Names by number; a number that no list knows shows as `member 7`. */
export function memberNames(members: readonly Member[]): (id: MemberId) => string {
  const names = new Map(members.map((member) => [member.id, member.self ? `${member.name} (you)` : member.name]));
  return (id) => names.get(id) ?? `member ${id}`;
}
