/**
 * What `sandmesh/sdk` exports: a client for programs of the daemon's own user (`connect`), and one for whoever holds a
 * token of the local API (`connectWithToken`), pages included.
 */

import { homedir } from 'node:os';
import { WebSocket } from 'ws';
import { homePaths } from '#protocol/home-paths.ts';
import type { SandmeshClient } from './client.ts';
import { connect as connectSocket, type ConnectOptions as SocketOptions } from './connect.ts';
import { connectWithToken as connectOver, type TokenConnectOptions } from './token-connection.ts';

export { SandboxError } from '#shared/errors.ts';
export { SandmeshClient } from './client.ts';
export { openDocument, SharedDocument } from './shared-document.ts';

/**
 * Connects to the daemon of this user; the caller closes the client.
 *
 * @param options `socketPath` unless the daemon's home is the usual one (or `SANDMESH_HOME`)
 * @throws {SandboxError} DAEMON_UNREACHABLE
 */
export function connect(options: Partial<SocketOptions> = {}): Promise<SandmeshClient> {
  const { daemonSocket } = homePaths({ env: process.env, platform: process.platform, homedir: homedir() });
  return connectSocket({ ...options, socketPath: options.socketPath ?? daemonSocket });
}

/**
 * Connects over the local API with a token ("sandmesh token create"); the caller closes the client.
 *
 * @throws {SandboxError} UNAUTHENTICATED, DAEMON_UNREACHABLE
 */
export function connectWithToken(options: Omit<TokenConnectOptions, 'webSocket'>): Promise<SandmeshClient> {
  return connectOver({ ...options, webSocket: (url, protocols) => new WebSocket(url, protocols) });
}
