/** `attach --ssh`: a process on another machine, through a tunnel that nobody but this user can enter. */

import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import type { CliContext } from '../context.ts';
import { findRemoteInspector } from './remote-process.ts';
import { SshConnection } from './ssh-connection.ts';

/**
 * The tunnel lives as long as the daemon's session with the process.
 *
 * @param process a pid there
 * @throws {SandboxError} BAD_ARGUMENT; PEER_UNREACHABLE, UNAUTHENTICATED; PROCESS_UNKNOWN, PROCESS_FORBIDDEN,
 * PROCESS_NOT_NODE, INSPECTOR_UNAVAILABLE
 */
export async function attachRemote(
  context: CliContext,
  destination: string,
  process: string | undefined,
  sandbox: SandboxId,
): Promise<Target> {
  const pid = Number(process);
  if (!/^[1-9]\d{0,9}$/.test(process ?? '')) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot attach by ssh: say which process, by its pid there', {
      hint: `What runs there: ssh ${destination} pgrep -a node`,
    });
  }
  const connection = await SshConnection.open(destination, { interactive: context.interactive, env: context.env });
  try {
    const { host, port, opened } = await findRemoteInspector(connection, destination, pid);
    const where = `unix:${await connection.forward(host, port)}`;
    const target = await context.call('target.attach', { where, tunnel: { pid, opened } }, { sandbox });
    connection.forget();
    return target;
  } catch (error) {
    await connection.close();
    throw error;
  }
}
