import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { userOfConnection } from '#protocol/tcp-table.ts';
import { unless } from '#test/skip.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1267 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11
   1: 0100007F:1267 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12
   2: 0100007F:C350 0100007F:1267 01 00000000:00000000 00:00000000 00000000    33        0 13
   3: 0100007F:C351 0100007F:1267 06 00000000:00000000 00:00000000 00000000     0        0 14
`;
const HOST = '127.0.0.1';
const from = (port: number) => ({ from: { address: HOST, port }, to: { address: HOST, port: 0x1267 } });

test('the user of the asked end is given, not that of the other', () => {
  assert.is(userOfConnection(TABLE, from(0xc350)), 33);
  assert.is(userOfConnection(TABLE, { from: from(0).to, to: from(0xc350).from }), 1000);
});

test('a connection that is closing, another port or another address has no user', () => {
  assert.is(userOfConnection(TABLE, from(0xc351)), undefined);
  assert.is(userOfConnection(TABLE, from(0xc352)), undefined);
  assert.is(userOfConnection(TABLE, { ...from(0xc350), from: { address: '127.0.0.2', port: 0xc350 } }), undefined);
});

unless(
  test,
  process.platform === 'linux' ? undefined : 'only Linux has /proc/net/tcp',
  'the system names this user for a connection of this process',
  async () => {
    const server = createServer().listen(0, HOST);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const accepted = new Promise<import('node:net').Socket>((resolve) => server.once('connection', resolve));
    const client = connect(port, HOST);
    const socket = await accepted;
    try {
      const ends = {
        from: { address: HOST, port: socket.remotePort as number },
        to: { address: HOST, port },
      };
      assert.is(userOfConnection(readFileSync('/proc/net/tcp', 'latin1'), ends), process.getuid?.());
    } finally {
      client.destroy();
      socket.destroy();
      server.close();
    }
  },
);

test.run();
