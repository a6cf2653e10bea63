/**
 * Recognises sandmesh daemons, so that none is ever attached to: a daemon that could be debugged would hand out every
 * key it holds. The daemon itself listens for SIGUSR1 besides, so that its inspector cannot be opened.
 */

import type { ProcessInfo } from './platform/platform.ts';

/** What a daemon sets as `process.title`, and what starts it carries as an argument. */
export const DAEMON_TITLE = 'sandmesh-daemon';

/** Whether a process is this daemon or another one of any user. */
export function isSandmeshDaemon({ pid, argv }: Pick<ProcessInfo, 'pid' | 'argv'>): boolean {
  return pid === process.pid || argv.some((argument) => argument.split(' ', 1)[0] === DAEMON_TITLE);
}
