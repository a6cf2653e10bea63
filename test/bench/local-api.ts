/** The local API of a member with a sandbox open, and what asking it takes. */

import { BEARER_PROTOCOL_PREFIX, UI_PROTOCOL } from '#protocol/api/ui-messages.ts';
import type { BenchContext } from './context.ts';
import { hostProgram, waitFor } from './pair.ts';

export interface LocalApiAccess {
  readonly origin: string;
  readonly protocols: readonly string[];
  readonly authorization: string;
  /** `/api/v1/sandboxes/<id>` */
  readonly resource: string;
  readonly sandbox: string;
}

export async function openLocalApi(context: BenchContext): Promise<LocalApiAccess> {
  const { client } = await hostProgram(context);
  let origin: string | undefined;
  await waitFor('the local API', async () => {
    origin = (await client.call('daemon.status', {})).api;
    return origin !== undefined;
  });
  const { accessToken } = await client.call('token.access', {});
  const { id } = await client.call('sandbox.get', {});
  return {
    origin: origin ?? '',
    protocols: [UI_PROTOCOL, BEARER_PROTOCOL_PREFIX + accessToken],
    authorization: `Bearer ${accessToken}`,
    resource: `/api/v1/sandboxes/${id}`,
    sandbox: id,
  };
}
