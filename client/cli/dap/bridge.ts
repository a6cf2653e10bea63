/** A debug client's way to the daemon: a socket that has been told where the client stands, and carries its bytes on. */

import { connect, type Socket } from 'node:net';
import { encodeDapMessage } from '#protocol/dap-framing.ts';
import { SandboxError } from '#shared/errors.ts';

export interface BridgeOptions {
  readonly socketPath: string;
  /** Folder, environment and the like; goes over the socket, which is this user's alone. */
  readonly client: object;
  /** Starts the daemon where none runs. */
  readonly ready: () => Promise<void>;
}

/** @throws {SandboxError} DAEMON_UNREACHABLE */
export async function connectBridge({ socketPath, client, ready }: BridgeOptions): Promise<Socket> {
  await ready();
  const socket = connect({ path: socketPath });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (cause) => {
      reject(
        new SandboxError('DAEMON_UNREACHABLE', `Cannot reach the daemon at "${socketPath}": ${cause.message}`, {
          hint: 'A daemon of an older version runs: end it with "sandmesh stop".',
          cause,
        }),
      );
    });
  });
  // From now on its end is the session's: the client sees its stream end.
  socket.on('error', () => undefined);
  socket.write(encodeDapMessage({ type: 'event', event: 'sandmesh.client', body: client }));
  return socket;
}
