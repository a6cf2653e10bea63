import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCim, parseNetstat, splitCommandLine, win32 } from '#node/targets/platform/win32.ts';

// written after the documented output of Windows PowerShell 5.1
const ROW = {
  ProcessId: 4712,
  ParentProcessId: 980,
  CommandLine: '"C:\\Program Files\\nodejs\\node.exe" --inspect "C:\\my shop\\app.js" --name "a \\"b\\""',
  ExecutablePath: 'C:\\Program Files\\nodejs\\node.exe',
  CreationDate: '/Date(1700000000123)/',
  WorkingSetSize: 52_428_800,
  KernelModeTime: 1_562_500,
  UserModeTime: 3_437_500,
};
const SYSTEM = {
  ...ROW,
  ProcessId: 4,
  CommandLine: null,
  ExecutablePath: null,
  CreationDate: '2023-11-14T22:13:20.123Z',
};

test('parseCim() reads a list, a single row, and nothing', () => {
  const [node, system] = parseCim(JSON.stringify([ROW, SYSTEM]));
  assert.equal(node, {
    pid: 4712,
    ppid: 980,
    uid: undefined,
    argv: ['C:\\Program Files\\nodejs\\node.exe', '--inspect', 'C:\\my shop\\app.js', '--name', 'a "b"'],
    executable: 'C:\\Program Files\\nodejs\\node.exe',
    startedAt: 1_700_000_000_123,
    rssBytes: 52_428_800,
    cpuMs: 500,
  });
  assert.equal(system?.argv, []);
  assert.is(system?.executable, undefined);
  assert.is(system?.startedAt, 1_700_000_000_123);
  assert.is(parseCim(JSON.stringify(ROW)).length, 1);
  assert.equal(parseCim(' \r\n'), []);
});

test('splitCommandLine() keeps quoted spaces together', () => {
  assert.equal(splitCommandLine('node a "b c" --x="y z"'), ['node', 'a', 'b c', '--x=y z']);
  assert.equal(splitCommandLine(''), []);
});

test('parseNetstat() reads any language by the numbers', () => {
  const text = [
    'Aktive Verbindungen',
    '  Proto  Lokale Adresse         Remoteadresse          Status           PID',
    '  TCP    127.0.0.1:9229         0.0.0.0:0              ABHÖREN          4712',
    '  TCP    127.0.0.1:9229         127.0.0.1:50112        ESTABLISHED      4712',
    '  TCP    [::]:3000              [::]:0                 ABHÖREN          4712',
    '',
  ].join('\r\n');
  assert.equal(parseNetstat(text), [
    { address: '127.0.0.1', port: 9229, state: 'LISTENING', pid: 4712 },
    { address: '127.0.0.1', port: 9229, state: 'ESTABLISHED', pid: 4712 },
    { address: '::', port: 3000, state: 'LISTENING', pid: 4712 },
  ]);
});

test('sockets are named pipes with a name of bounded length, different for different paths', () => {
  const [a, b] = [win32.socketAddress('C:\\a\\targets.sock'), win32.socketAddress('C:\\b\\targets.sock')];
  assert.match(a, /^\\\\\.\\pipe\\sandmesh-[0-9a-f]{32}$/);
  assert.is.not(a, b);
});

test.run();
