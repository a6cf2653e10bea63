import type { IncomingMessage } from 'node:http';
import { BEARER_PROTOCOL_PREFIX } from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';

/**
 * The access token of an upgrade: from Authorization, or where a page can put it, the list of subprotocols.
 *
 * @param protocol that must be offered beside it
 * @throws {SandboxError} UNAUTHENTICATED
 */
export function offeredToken(request: Pick<IncomingMessage, 'headers'>, protocol: string): string {
  const header = /^Bearer (\S{1,4096})$/i.exec(request.headers.authorization ?? '');
  if (header !== null) return header[1] as string;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
  const bearer = offered.find((name) => name.startsWith(BEARER_PROTOCOL_PREFIX));
  if (bearer !== undefined && offered.includes(protocol)) return bearer.slice(BEARER_PROTOCOL_PREFIX.length);
  throw new SandboxError('UNAUTHENTICATED', 'Cannot open a WebSocket without an access token', {
    hint: `Offer the subprotocols "${protocol}" and "${BEARER_PROTOCOL_PREFIX}<access token>".`,
  });
}
