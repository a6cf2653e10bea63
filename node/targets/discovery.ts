/** Lists the processes a person could attach to, with what stands in the way of each. */

import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { ProcessCandidate } from '#shared/model/target.ts';
import { findOpenInspector } from './external/inspector-port.ts';
import { staticObstacle } from './external/obstacles.ts';
import { isWrapper } from './harness/wrappers.ts';
import { splitNodeArguments } from './node-arguments.ts';
import { isSandmeshDaemon } from './own-daemon.ts';
import { isNodeProcess, type Platform, type ProcessInfo } from './platform/platform.ts';

const MAX_COMMAND_CHARS = 500;
/** npm puts its title in the place of its command line: `npm exec tsc`. */
const MANAGER_TITLE = /^(?:npm|npx|pnpm|yarn)(?:\s|$)/;
/** The command line of sandmesh, in the folder of the bundles. */
const OWN_COMMAND = 'cli.cjs';

export interface CandidateOptions {
  /** Pids that are targets already: listed with that as their obstacle. */
  readonly attached: ReadonlySet<number>;
  /** Folder of our own bundles. */
  readonly distDir: string;
}

/**
 * Node processes of this user, oldest pid first; wrappers (npm, watchers) and what is sandmesh itself (daemons, the
 * command that asks) are left out.
 */
export async function listCandidates(
  platform: Platform,
  { attached, distDir }: CandidateOptions,
): Promise<ProcessCandidate[]> {
  const self = process.getuid?.();
  const own = (await platform.listProcesses()).filter(
    (info) => isNodeProcess(info) && (self === undefined || info.uid === self) && !isSandmeshDaemon(info),
  );
  own.sort((a, b) => a.pid - b.pid);
  const ownCommand = path.join(distDir, OWN_COMMAND);
  const found = await Promise.all(
    own.map(async (info) => {
      const cwd = await platform.workingFolder(info.pid);
      const isProgram = !isWrapped(info, cwd, ownCommand);
      return isProgram ? [await describe(info, cwd, platform, attached.has(info.pid))] : [];
    }),
  );
  return found.flat();
}

function isWrapped({ argv }: ProcessInfo, cwd: string | undefined, ownCommand: string): boolean {
  if (MANAGER_TITLE.test(argv[0] ?? '')) return true;
  const split = splitNodeArguments(argv);
  const script = split.argv[1];
  const entry = script === undefined ? undefined : realFile(path.resolve(cwd ?? '/', script));
  return entry === ownCommand || isWrapper({ entry, ...split });
}

/** What `node_modules/.bin/tsx` is. */
function realFile(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    // `node inspect`, a script without its ending, or one that is gone: judged by its name.
    return undefined;
  }
}

async function describe(
  info: ProcessInfo,
  cwd: string | undefined,
  platform: Platform,
  isAttached: boolean,
): Promise<ProcessCandidate> {
  const [inspector, effect] = await Promise.all([
    findOpenInspector(info, platform),
    platform.debugSignalEffect(info.pid),
  ]);
  const isDeaf = inspector === undefined && (effect === 'fatal' || effect === 'ignored');
  const obstacle = isAttached
    ? 'already a target'
    : (staticObstacle(info)?.message ?? (isDeaf ? 'does not open its inspector on SIGUSR1' : undefined));
  return {
    pid: info.pid,
    command: info.argv.join(' ').slice(0, MAX_COMMAND_CHARS),
    ...(cwd === undefined ? {} : { cwd }),
    ...(inspector === undefined ? {} : { inspectorPort: inspector.port }),
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}
