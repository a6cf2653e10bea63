/** Opens the daemon's Unix socket (named pipe on Windows). The only file of the sdk that needs Node. */

import { createConnection } from 'node:net';
import { SandboxError } from '#shared/errors.ts';
import type { ByteConnector } from './transport.ts';

/** A connector to the socket at `path`. */
export function unixSocket(path: string): ByteConnector {
  return (events, { signal }) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const socket = createConnection(path);
      let failure: Error | undefined;
      let open = false;
      const abort = (): void => {
        socket.destroy();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('connect', () => {
        open = true;
        signal?.removeEventListener('abort', abort);
        resolve({ send: (bytes) => void socket.write(bytes), close: () => void socket.destroy() });
      });
      socket.on('data', (chunk) => events.onData(chunk));
      socket.on('error', (error) => {
        failure = error;
      });
      socket.once('close', () => {
        signal?.removeEventListener('abort', abort);
        if (open) return events.onClose(failure);
        reject(unreachable(path, failure));
      });
    });
}

function unreachable(path: string, cause: Error | undefined): SandboxError {
  const code = cause !== undefined && 'code' in cause ? String(cause.code) : '';
  const why =
    code === 'ENOENT' || code === 'ECONNREFUSED'
      ? 'no daemon is running'
      : code === 'EACCES' || code === 'EPERM'
        ? 'it belongs to another user'
        : (cause?.message ?? 'it closed at once');
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'Set SANDMESH_HOME to a folder of your own: a home serves one user.'
      : 'Commands such as "sandmesh run" and "sandmesh open" start one; "sandmesh doctor" looks for the reason.';
  return new SandboxError('DAEMON_UNREACHABLE', `Cannot reach the daemon at "${path}": ${why}`, { cause, hint });
}
