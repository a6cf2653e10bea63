/** `sandmesh/sdk` in a page: the same client over the local API. */

import type { SandmeshClient } from './client.ts';
import { connectWithToken as connectOver, type TokenConnectOptions } from './token-connection.ts';

export { SandboxError } from '#shared/errors.ts';
export { SandmeshClient } from './client.ts';
export { openDocument, SharedDocument } from './shared-document.ts';

/**
 * Connects over the local API with a token or a one-time code; the caller closes the client.
 *
 * @throws {SandboxError} UNAUTHENTICATED, DAEMON_UNREACHABLE
 */
export function connectWithToken(options: Omit<TokenConnectOptions, 'webSocket'>): Promise<SandmeshClient> {
  return connectOver({ ...options, webSocket: (url, protocols) => new WebSocket(url, protocols) });
}
