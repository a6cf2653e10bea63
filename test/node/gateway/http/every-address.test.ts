import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ApiRig, withApi } from './rig.ts';

const everywhere = (names: string, use: (rig: ApiRig) => Promise<unknown>): Promise<void> =>
  withApi(use, undefined, undefined, {
    SANDMESH_API_HOST: '0.0.0.0',
    SANDMESH_API_EXPOSED: 'true',
    SANDMESH_API_NAMES: names,
  });

const status = async ({ raw, port }: ApiRig, host: string): Promise<string> =>
  (await raw(`GET /healthz HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`)).slice(9, 12);

test('an API on every address is used from here as any other, and says that nobody else can', () =>
  everywhere('', async (rig) => {
    assert.is(rig.api.origin, `http://127.0.0.1:${rig.port}`);
    for (const host of ['127.0.0.1', 'localhost']) assert.is(await status(rig, host), '200', host);
    for (const host of ['0.0.0.0', '10.0.0.7', 'box.local']) assert.is(await status(rig, host), '421', host);
    assert.match(rig.api.trouble?.message ?? '', /serves this machine only/);
    assert.match(rig.api.trouble?.hint ?? '', /"api\.names", then "sandmesh stop"/);
  }));

test('with names it answers under these as well, whatever kind they are of', () =>
  everywhere('Box.local, 10.0.0.7, fe80::1', async (rig) => {
    for (const host of ['127.0.0.1', 'box.local', '10.0.0.7', '[fe80::1]'])
      assert.is(await status(rig, host), '200', host);
    assert.is(await status(rig, 'other.local'), '421');
    assert.is(rig.api.trouble, undefined);
  }));

test.run();
