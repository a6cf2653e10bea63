/** Lists the processes a person could attach to, with what stands in the way of each. */

import type { ProcessCandidate } from '#shared/model/target.ts';
import { findOpenInspector } from './external/inspector-port.ts';
import { staticObstacle } from './external/obstacles.ts';
import { isWrapper } from './harness/wrappers.ts';
import { splitNodeArguments } from './node-arguments.ts';
import { isSandmeshDaemon } from './own-daemon.ts';
import { isNodeProcess, type Platform, type ProcessInfo } from './platform/platform.ts';

const MAX_COMMAND_CHARS = 500;

/**
 * Node processes of this user, oldest pid first; wrappers (npm, watchers) and sandmesh daemons are left out.
 *
 * @param attached pids that are targets already: listed with that as their obstacle
 */
export async function listCandidates(platform: Platform, attached: ReadonlySet<number>): Promise<ProcessCandidate[]> {
  const self = process.getuid?.();
  const own = (await platform.listProcesses()).filter(
    (info) =>
      isNodeProcess(info) && (self === undefined || info.uid === self) && !isSandmeshDaemon(info) && !isWrapped(info),
  );
  own.sort((a, b) => a.pid - b.pid);
  return Promise.all(own.map((info) => describe(info, platform, attached.has(info.pid))));
}

function isWrapped({ argv }: ProcessInfo): boolean {
  const split = splitNodeArguments(argv);
  return isWrapper({ entry: undefined, ...split });
}

async function describe(info: ProcessInfo, platform: Platform, isAttached: boolean): Promise<ProcessCandidate> {
  const [cwd, inspector, effect] = await Promise.all([
    platform.workingFolder(info.pid),
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
