/** Connects a Node program to the daemon of its own user. */

import { type ClientOptions, SandmeshClient } from './client.ts';
import { framed } from './framed-conversation.ts';
import { unixSocket } from './unix-socket.ts';

export interface ConnectOptions extends Omit<ClientOptions, 'connector' | 'origin'> {
  /** The daemon's socket: `homePaths(…).daemonSocket`. */
  readonly socketPath: string;
  /** Gives up connecting; does not end the client later. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a client; the caller closes it.
 *
 * @throws {SandboxError} DAEMON_UNREACHABLE; `signal.reason` on abort
 */
export async function connect({ socketPath, signal, ...options }: ConnectOptions): Promise<SandmeshClient> {
  const client = new SandmeshClient({ ...options, connector: framed(unixSocket(socketPath)) });
  await client.open({ signal });
  return client;
}
