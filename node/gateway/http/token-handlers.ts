/** Handlers of the commands about tokens. */

import { SandboxError } from '#shared/errors.ts';
import type { DaemonHandler } from '../../pipeline/context.ts';
import type { DaemonHandlers } from '../../pipeline/pipeline.ts';
import type { AccessTokens } from '../../security/access-tokens.ts';

/** @param tokens undefined while the local API does not run */
export function tokenHandlers(tokens: () => AccessTokens | undefined): DaemonHandlers {
  const running = (): AccessTokens => {
    const found = tokens();
    if (found !== undefined) return found;
    throw new SandboxError('DAEMON_UNREACHABLE', 'Cannot use tokens: the local API does not run', {
      hint: 'The log says why: "sandmesh status" names its file.',
    });
  };
  const create: DaemonHandler<'token.create'> = async ({ label, scopes, expiresInMs }) =>
    running().create({ label, scopes, expiresAt: expiresInMs === undefined ? undefined : Date.now() + expiresInMs });
  const list: DaemonHandler<'token.list'> = async () => ({ tokens: running().list() });
  const revoke: DaemonHandler<'token.revoke'> = async ({ id }) => {
    running().revoke(id);
    return { revoked: id };
  };
  const code: DaemonHandler<'token.code'> = async ({ scopes }) => running().createCode(scopes);
  return { 'token.create': create, 'token.list': list, 'token.revoke': revoke, 'token.code': code };
}
