import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linux, parseSignalEffect, parseStat, parseTcpTable } from '#node/targets/platform/linux.ts';
import { isNodeProcess } from '#node/targets/platform/platform.ts';
import { unless } from '#test/skip.ts';
import { until } from '../bench.ts';

const STAT =
  '4242 (node (a) b) S 17 4242 17 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 123456 1100000000 12000 18446744073709551615 0 0';

test('parseStat() survives parentheses and spaces in the name', () => {
  assert.equal(parseStat(STAT), { state: 'S', ppid: 17, cpuMs: 3000, startTicks: 123456 });
});

test('parseTcpTable() reads IPv4, IPv6 and mapped addresses', () => {
  const rows = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 98765 1 0 100 0 0 10 0',
    '   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1',
    '   2: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1',
    '   3: 0000000000000000FFFF00000100007F:240D 0000000000000000FFFF00000100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 1',
  ].join('\n');
  assert.equal(parseTcpTable(rows), [
    { address: '127.0.0.1', port: 9229, state: '0A', inode: '98765' },
    { address: '::1', port: 8080, state: '0A', inode: '11' },
    { address: '::', port: 3000, state: '0A', inode: '12' },
    { address: '127.0.0.1', port: 9229, state: '01', inode: '13' },
  ]);
  assert.equal(parseTcpTable(''), []);
});

test('parseSignalEffect() looks at SIGUSR1 alone', () => {
  const status = (caught: string, blocked: string, ignored: string): string =>
    `Name:\tnode\nSigBlk:\t${blocked}\nSigIgn:\t${ignored}\nSigCgt:\t${caught}\n`;
  const none = '0000000000000000';
  const usr1 = '0000000000000200';
  assert.is(parseSignalEffect(status(usr1, none, none)), 'caught');
  assert.is(parseSignalEffect(status(none, usr1, none)), 'caught');
  assert.is(parseSignalEffect(status(none, none, usr1)), 'ignored');
  assert.is(parseSignalEffect(status('0000000108014dff', none, none)), 'fatal');
});

test('isNodeProcess() goes by the binary, then by the name', () => {
  const info = { pid: 1, ppid: 0, uid: 0 };
  const isNode = (executable: string | undefined, argv: string[]): boolean =>
    isNodeProcess({ ...info, executable, argv });
  assert.ok(isNode('/usr/bin/node', ['my-title']));
  assert.ok(isNode('/opt/node-22/bin/node (deleted)', []));
  assert.ok(isNode('C:\\Program Files\\nodejs\\node.exe', []));
  assert.ok(isNode(undefined, ['/usr/bin/nodejs', 'x.js']));
  assert.not.ok(isNode('/usr/bin/bash', ['node']));
  assert.not.ok(isNode('/usr/bin/node_exporter', []));
  assert.not.ok(isNode(undefined, []));
});

const elsewhere = process.platform === 'linux' ? undefined : 'this is not Linux';

unless(test, elsewhere, 'a process that runs is described, and unknown once it is gone', async () => {
  const startedAt = Date.now();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'a b', ''], {
    cwd: tmpdir(),
    stdio: 'ignore',
  });
  const pid = child.pid ?? 0;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const info = await linux.processInfo(pid);
    assert.equal(info?.argv.slice(1), ['-e', 'setInterval(() => {}, 1000)', 'a b', '']);
    assert.is(info?.ppid, process.pid);
    assert.is(info?.uid, process.getuid?.());
    assert.is(info?.executable, realpathSync(process.execPath));
    assert.is(await linux.workingFolder(pid), realpathSync(tmpdir()));
    assert.ok(Math.abs(((await linux.startedAt(pid)) ?? 0) - startedAt) < 2000);
    assert.ok(((await linux.usage(pid))?.rssBytes ?? 0) > 1e6);
    assert.ok((await linux.listProcesses()).some((process) => process.pid === pid));
    await until(async () => (await linux.debugSignalEffect(pid)) === 'caught', 'Node catches SIGUSR1');
  } finally {
    child.kill('SIGKILL');
  }
  // dead but not yet reaped counts as gone
  await until(async () => !(await linux.isRunning(pid)), 'gone');
  await exited;
  assert.is(await linux.processInfo(pid), undefined);
  assert.is(await linux.usage(pid), undefined);
  assert.equal(await linux.listeningPorts(pid), []);
  assert.is(await linux.debugSignalEffect(pid), 'unknown');
});

unless(test, elsewhere, 'listening ports, their owner and their connections are found', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  assert.ok(
    (await linux.listeningPorts(process.pid)).some((found) => found.port === port && found.address === '127.0.0.1'),
  );
  assert.is(await linux.portOwner(port), process.pid);
  assert.is(await linux.connectionsTo(port), 0);
  const client = connect(port, '127.0.0.1');
  await until(async () => (await linux.connectionsTo(port)) === 1, 'one connection');
  client.destroy();
  server.close();
});

test.run();
