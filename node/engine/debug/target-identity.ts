/** How a process appears to people: its name, its level, and whether it is an earlier one come back. */

import { randomBytes } from 'node:crypto';
import { basename, dirname, extname } from 'node:path';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import type { AttachedProcess } from '../../targets/attached-process.ts';
import type { Project } from '../source/project.ts';

/** File names that say nothing about the program: its project's or folder's name says more. */
const PLAIN_NAMES = new Set(['index', 'main', 'app', 'server', 'start', 'cli', 'bin']);
const MAX_NAME_LENGTH = 60;

export function newTargetId(host: MemberId): TargetId {
  return `${host}.${randomBytes(4).toString('hex')}` as TargetId;
}

/** @param taken names of this host's other targets */
export function targetName(process: AttachedProcess, project: Project | undefined, taken: ReadonlySet<string>): string {
  const name = plainName(process, project).slice(0, MAX_NAME_LENGTH);
  if (!taken.has(name)) return name;
  for (let n = 2; ; n++) if (!taken.has(`${name}-${n}`)) return `${name}-${n}`;
}

function plainName({ entry, pid }: AttachedProcess, project: Project | undefined): string {
  if (entry === undefined) return project?.name ?? `pid-${pid}`;
  const file = basename(entry, extname(entry));
  if (!PLAIN_NAMES.has(file)) return file;
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(entry)?.[1];
  return inPackage ?? project?.name ?? basename(dirname(entry));
}

export function levelOf({ nodeEnv }: AttachedProcess): Target['level'] {
  return nodeEnv === 'production' || nodeEnv === 'staging' ? nodeEnv : 'development';
}

/** What was attached before under an id. */
export interface FormerProcess {
  readonly pid: number;
  readonly thread: number | undefined;
  readonly startedAt: number;
  readonly launch: string | undefined;
  readonly entry: string | undefined;
  readonly argv: readonly string[];
}

/**
 * - `same`: the very process, whose session was lost and is back
 * - `restart`: a watcher started the program again
 */
export function kinship(before: FormerProcess, now: AttachedProcess): 'same' | 'restart' | 'stranger' {
  const sameProgram = before.argv.join('\0') === now.argv.slice(0, before.argv.length).join('\0');
  if (!sameProgram) return 'stranger';
  const sameStart = now.startedAt === undefined || Math.abs(now.startedAt - before.startedAt) < 1000;
  const samePid = before.pid === now.pid && sameStart;
  if (samePid && before.thread === now.thread) return 'same';
  const areThreads = before.thread !== undefined && now.thread !== undefined;
  // A worker that does what an ended one of its process did.
  if (samePid && areThreads) return 'restart';
  const sameLaunch = before.launch !== undefined && before.launch === now.launch;
  return sameLaunch && before.entry === now.entry ? 'restart' : 'stranger';
}
