/** How a process appears to people: its name, its level, and whether it is an earlier one come back. */

import { randomBytes } from 'node:crypto';
import { basename, dirname, extname } from 'node:path';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { Target } from '#shared/model/target.ts';
import type { AttachedProcess } from '../../../targets/attached-process.ts';
import type { Project } from '../../source/project.ts';

/** File names that say nothing about the program: its project's or folder's name says more. */
const PLAIN_NAMES = new Set(['index', 'main', 'app', 'server', 'start', 'cli', 'bin']);
const MAX_NAME_LENGTH = 60;

export interface TargetPlace {
  readonly host: MemberId;
  readonly project: Project | undefined;
  /** Names of this host's other targets. */
  readonly taken: ReadonlySet<string>;
  /** Its entry, where other members can find it. */
  readonly entry: SourceFile | undefined;
  readonly now: number;
}

/** A process as a target that is about to be attached to, under an id of its own. */
export function newTarget(process: AttachedProcess, { host, project, taken, entry, now }: TargetPlace): Target {
  const { mode, pid, thread, argv, runtime, held, startedAt = now } = process;
  return {
    id: `${host}.${randomBytes(4).toString('hex')}` as TargetId,
    host,
    name: targetName(process, project, taken),
    mode,
    state: 'starting',
    pid,
    ...(thread === undefined ? {} : { thread }),
    argv: argv.slice(0, 64).map((word) => word.slice(0, 1000)),
    ...(entry === undefined || entry.package !== undefined ? {} : { entry: entry.path }),
    runtime,
    level: levelOf(process),
    restarts: 0,
    held,
    startedAt,
  };
}

function targetName(process: AttachedProcess, project: Project | undefined, taken: ReadonlySet<string>): string {
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

function levelOf({ nodeEnv }: AttachedProcess): Target['level'] {
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
