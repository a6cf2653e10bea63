/** Why a process cannot be attached to by its pid: checked before anything is done to it. */

import { SandboxError } from '#shared/errors.ts';
import { isSandmeshDaemon } from '../own-daemon.ts';
import { isNodeProcess, type Platform, type ProcessInfo } from '../platform/platform.ts';

const CHOOSE = 'Run "sandmesh attach" without a pid to choose from what runs.';

/**
 * @returns what is known about the process
 * @throws {SandboxError} PROCESS_UNKNOWN, PROCESS_FORBIDDEN or PROCESS_NOT_NODE
 */
export async function requireAttachable(pid: number, platform: Platform): Promise<ProcessInfo> {
  const info = await platform.processInfo(pid);
  if (info === undefined) {
    throw new SandboxError('PROCESS_UNKNOWN', `Cannot attach to pid ${pid}: there is no such process`, {
      hint: CHOOSE,
    });
  }
  const obstacle = staticObstacle(info);
  if (obstacle !== undefined) throw obstacle;
  return info;
}

/** What its owner and its binary alone forbid. */
export function staticObstacle(info: ProcessInfo): SandboxError | undefined {
  const { pid, uid } = info;
  if (isSandmeshDaemon(info)) {
    return new SandboxError(
      'PROCESS_FORBIDDEN',
      `Cannot attach to pid ${pid}: it is a sandmesh daemon, which holds keys`,
      { hint: CHOOSE },
    );
  }
  const self = process.getuid?.();
  // root may, technically; but then whoever debugs acts as two users at once
  if (uid !== undefined && self !== undefined && uid !== self) {
    return new SandboxError(
      'PROCESS_FORBIDDEN',
      `Cannot attach to pid ${pid}: it belongs to another user (uid ${uid})`,
      {
        hint: 'Run sandmesh as that user.',
      },
    );
  }
  if (!isNodeProcess(info)) return notNode(info);
  return undefined;
}

/**
 * Before SIGUSR1 is sent: a process that does not catch it dies of it.
 *
 * @throws {SandboxError} PROCESS_NOT_NODE, INSPECTOR_UNAVAILABLE
 */
export async function requireSafeSignal(info: ProcessInfo, platform: Platform): Promise<void> {
  const effect = await platform.debugSignalEffect(info.pid);
  if (effect === 'caught' || effect === 'unknown') return;
  throw new SandboxError(
    'INSPECTOR_UNAVAILABLE',
    `Cannot attach to pid ${info.pid}: it ${effect === 'fatal' ? 'would die of' : 'ignores'} SIGUSR1, which opens the inspector`,
    { hint: 'It removed its own handler or was started with --disable-sigusr1. Start it with "sandmesh run" instead.' },
  );
}

/**
 * Two debuggers would pause and resume the program against each other.
 *
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE
 */
export async function refuseSecondDebugger(port: number, platform: Platform): Promise<void> {
  if ((await platform.connectionsTo(port)) === 0) return;
  throw new SandboxError(
    'INSPECTOR_UNAVAILABLE',
    `Cannot attach: another debugger is connected to the inspector on port ${port}`,
    {
      hint: 'Close it first (an IDE, Chrome DevTools): two would pause and resume the program against each other.',
    },
  );
}

function notNode({ pid, argv, executable }: ProcessInfo): SandboxError {
  const name = executable ?? argv[0] ?? 'an unknown program';
  return new SandboxError('PROCESS_NOT_NODE', `Cannot attach to pid ${pid}: it runs "${name}", which is not Node`, {
    hint: 'For a shell or npm give the pid of the node process it started.',
  });
}
