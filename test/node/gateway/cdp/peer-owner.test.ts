import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownerIn, peerOwner } from '#node/gateway/cdp/peer-owner.ts';
import { unless } from '../../../skip.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 21 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22 1 0 20 4 30 10 -1
`;

test('the owner is that of the peer’s own end, not of ours', () => {
  assert.is(ownerIn(TABLE, 50_000, 8080), 1000);
  assert.is(ownerIn(TABLE, 8080, 50_000), 0);
  assert.is(ownerIn(TABLE, 50_001, 8080), undefined);
  assert.is(ownerIn('', 1, 2), undefined);
});

unless(
  test,
  process.platform === 'linux' ? undefined : 'only Linux tells',
  'a connection of our own is ours',
  async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    assert.is(await peerOwner(accepted), process.getuid?.());
    client.destroy();
    accepted.destroy();
    server.close();
  },
);

test.run();
