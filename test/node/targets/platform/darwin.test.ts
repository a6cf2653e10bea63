import { type AddressInfo, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { darwin, parseListeningName, parseLsof, parsePs, parseSignalMasks } from '#node/targets/platform/darwin.ts';
import { commandMissing, unless } from '#test/skip.ts';

// written after the manual pages of ps, in the columns that darwin.ts asks for
const PS = `    1     0     0 Ss    21840   9:12.31 Mon Nov  4 08:12:01 2024     /sbin/launchd
  812   640   501 S+    84512   1:02.50 Tue Nov 12 19:03:44 2024     /opt/homebrew/bin/node --inspect app.js
  813   812   501 Z         0   0:00.00 Tue Nov 12 19:03:45 2024     (node)
99001     1   501 R    512000 1-02:03:04.00 Tue Nov 12 09:00:00 2024 node
not a line
`;

test('parsePs() reads ids, memory, times and the command; other lines are left out', () => {
  const [launchd, node, zombie, old, ...rest] = parsePs(PS);
  assert.equal(rest, []);
  assert.is(launchd?.uid, 0);
  assert.equal(node?.argv, ['/opt/homebrew/bin/node', '--inspect', 'app.js']);
  assert.equal([node?.pid, node?.ppid, node?.uid], [812, 640, 501]);
  assert.is(node?.rssBytes, 84_512 * 1024);
  assert.is(node?.cpuMs, 62_500);
  assert.is(node?.startedAt, Date.parse('Tue Nov 12 19:03:44 2024'));
  assert.is(zombie?.isZombie, true);
  assert.is(old?.cpuMs, ((24 + 2) * 3600 + 3 * 60 + 4) * 1000);
});

test('parseLsof() pairs names with their process', () => {
  assert.equal(parseLsof('p812\nfcwd\nn/Users/ann/shop\np900\nf21\nn127.0.0.1:9229\nf22\nn[::1]:80\n'), [
    { pid: 812, name: '/Users/ann/shop' },
    { pid: 900, name: '127.0.0.1:9229' },
    { pid: 900, name: '[::1]:80' },
  ]);
  assert.equal(parseLsof(''), []);
});

test('parseListeningName() reads what lsof calls a listening socket', () => {
  assert.equal(parseListeningName('127.0.0.1:9229'), { address: '127.0.0.1', port: 9229 });
  assert.equal(parseListeningName('[::1]:80'), { address: '::1', port: 80 });
  assert.equal(parseListeningName('*:3000'), { address: '0.0.0.0', port: 3000 });
  assert.is(parseListeningName('127.0.0.1:1->127.0.0.1:2'), undefined);
});

test('parseSignalMasks() looks at SIGUSR1, which is 30 there', () => {
  assert.is(parseSignalMasks('20000000 0 0\n'), 'caught');
  assert.is(parseSignalMasks('0 0 20000000'), 'caught');
  assert.is(parseSignalMasks('0 20000000 0'), 'ignored');
  assert.is(parseSignalMasks('200 1000 0'), 'fatal');
  assert.is(parseSignalMasks(''), 'unknown');
  assert.is(parseSignalMasks('- - -'), 'unknown');
});

// ps and lsof of Linux take the same switches and answer in nearly the same words: the nearest to a Mac we can run
unless(
  test,
  commandMissing('lsof') ?? commandMissing('ps'),
  'ps and lsof are asked in words that they know',
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    assert.is((await darwin.processInfo(process.pid))?.ppid, process.ppid);
    assert.is(await darwin.workingFolder(process.pid), process.cwd());
    assert.ok(Math.abs(((await darwin.startedAt(process.pid)) ?? 0) - performance.timeOrigin) < 5_000);
    assert.ok(((await darwin.usage(process.pid))?.rssBytes ?? 0) > 1e6);
    assert.ok((await darwin.listeningPorts(process.pid)).some((found) => found.port === port));
    assert.is(await darwin.portOwner(port), process.pid);
    assert.is(await darwin.connectionsTo(port), 0);
    assert.is(await darwin.isRunning(999_999_999), false);
    server.close();
  },
);

test.run();
