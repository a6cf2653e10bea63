/** Handlers of the commands about tokens. */

import { SandboxError } from '#shared/errors.ts';
import type { DaemonHandler } from '../../pipeline/context.ts';
import type { DaemonHandlers } from '../../pipeline/pipeline.ts';
import type { AccessTokens } from '../../security/access-tokens.ts';

/** @param tokens waits until the local API has started; undefined when it could not */
export function tokenHandlers(tokens: () => Promise<AccessTokens | undefined>): DaemonHandlers {
  const running = async (): Promise<AccessTokens> => {
    const found = await tokens();
    if (found !== undefined) return found;
    throw new SandboxError('DAEMON_UNREACHABLE', 'Cannot use tokens: the local API does not run', {
      hint: 'The log says why: "sandmesh status" names its file.',
    });
  };
  const create: DaemonHandler<'token.create'> = async ({ label, scopes, expiresInMs }, { caller }) =>
    (await running()).create(
      { label, scopes, expiresAt: expiresInMs === undefined ? undefined : Date.now() + expiresInMs },
      caller.access,
    );
  const list: DaemonHandler<'token.list'> = async () => ({ tokens: (await running()).list() });
  const revoke: DaemonHandler<'token.revoke'> = async ({ id }) => {
    (await running()).revoke(id);
    return { revoked: id };
  };
  const code: DaemonHandler<'token.code'> = async ({ scopes }, { caller }) =>
    (await running()).createCode(scopes, caller.access);
  const access: DaemonHandler<'token.access'> = async ({ scopes }, { caller }) => {
    const { accessToken, expiresInSeconds, scopes: granted } = await (await running()).grantFor(caller.access, scopes);
    return { accessToken, expiresInSeconds, scopes: [...granted] };
  };
  return {
    'token.create': create,
    'token.list': list,
    'token.revoke': revoke,
    'token.code': code,
    'token.access': access,
  };
}
