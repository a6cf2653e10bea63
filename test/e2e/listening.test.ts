// test: limit 120 s
/** Where a daemon listens before and after its person shares. */

import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../skip.ts';
import { COUNTER, targetSeenBy } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';
import { listeners, noProc } from './mesh/traces.ts';

async function startCounter(host: Member, ...options: string[]): Promise<void> {
  writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
  const run = host.start('run', '-q', ...options, '--', 'node', 'counter.js');
  await run.line(/^port \d+$/);
}

unless(test, noProc, 'with --private the daemon listens for no peer: only the local API is there, on loopback', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host, '--private');
    const atHost = await host.client();
    await targetSeenBy(atHost);
    assert.equal((await atHost.call('daemon.status', {})).addresses, []);
    const found = listeners(await host.daemonPid());
    assert.ok(found.length <= 1 && found.every(({ address }) => address === '127.0.0.1'), JSON.stringify(found));
  }),
);

unless(test, noProc, 'the daemon listens on loopback only, and on the network once its person shares', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host);
    await targetSeenBy(await host.client());
    const addresses = async (): Promise<string[]> => [
      ...new Set(listeners(await host.daemonPid()).map(({ address }) => address)),
    ];
    assert.equal(await addresses(), ['127.0.0.1']);
    await host.ask('sandbox.share', 'share');
    assert.ok((await addresses()).includes('0.0.0.0'), String(await addresses()));
  }),
);

unless(
  test,
  noProc,
  'a daemon started with --set network.port listens there, and the next command meets it with the same',
  () =>
    withMembers(async ({ member }) => {
      const host = member('h', 'project');
      const port = await freePort();
      const setting = `--set=network.port=${port}`;
      await host.ask('sandbox.open', 'open', setting);
      assert.ok(listeners(await host.daemonPid()).some((listener) => listener.port === port));
      assert.equal(await host.ask('config.get', 'config', 'get', 'network.port', setting), {
        ...(await host.ask('config.get', 'config', 'get', 'network.port')),
        value: port,
        source: 'flag',
      });
      assert.is(await host.refusal('open', '--set=network.port=1'), 'DAEMON_RUNNING');
    }),
);

unless(test, noProc, 'a taken network.port is said, and once it is free the sandbox opens there', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    await host.ask('config.set', 'config', 'set', 'network.port', String(port));
    await host.ask('daemon.stop', 'stop');
    const { code, stderr } = await host.cli('open');
    assert.is(code, 2, stderr);
    assert.match(stderr, `Cannot listen for peers on network.port ${port}: another program has it`);
    await new Promise((resolve) => squatter.close(resolve));
    const { addresses } = await host.ask('sandbox.open', 'open');
    assert.equal(addresses, [`/ip4/127.0.0.1/tcp/${port}`]);
  }),
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test.run();
