import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LAUNCH_VARIABLE, SOCKET_VARIABLE } from '#node/targets/harness/shared-state.ts';
import { LaunchBook, loadLaunchKey, mergeNodeOptions } from '#node/targets/launch.ts';

const options = { key: new Uint8Array(32).fill(7), distDir: '/dist', socketPath: '/run/targets.sock' };

test('the environment of a launch names the harness, the socket and a ticket', () => {
  const { launch, env } = new LaunchBook(options).prepare({ argv: ['node', 'x'], folder: '/shop' });
  assert.is(env['NODE_OPTIONS'], '--require /dist/harness.cjs');
  assert.is(env[SOCKET_VARIABLE], '/run/targets.sock');
  assert.match(env[LAUNCH_VARIABLE] ?? '', /^[\w-]+\.[\w-]{43}$/);
  assert.match(launch.id, /^[0-9a-f]{16}$/);
});

test('a ticket is known to a later daemon of the same home, with its context, and to no other', () => {
  const { launch, env } = new LaunchBook(options).prepare({
    argv: ['node'],
    folder: '/shop',
    wait: true,
    context: 'c',
  });
  const ticket = env[LAUNCH_VARIABLE] ?? '';
  const later = new LaunchBook(options).admit(ticket);
  assert.equal([later.id, later.folder, later.wait, later.context, later.argv], [launch.id, '/shop', true, 'c', []]);
  const stranger = new LaunchBook({ ...options, key: new Uint8Array(32) });
  assert.throws(() => stranger.admit(ticket), /did not start it/);
  for (let i = 0; i < ticket.length; i++) {
    const flipped = `${ticket.slice(0, i)}${ticket[i] === 'A' ? 'B' : 'A'}${ticket.slice(i + 1)}`;
    // the last character of the proof carries two bits that mean nothing
    if (i < ticket.length - 1) assert.throws(() => new LaunchBook(options).admit(flipped), /did not start it/);
  }
});

test('a program that Node lets no debugger into is refused before it starts; its own arguments are its own', () => {
  const prepare =
    (argv: string[], nodeOptions = '') =>
    () =>
      void new LaunchBook(options).prepare({ argv, folder: '/shop', nodeOptions });
  for (const argv of [
    ['node', '--permission', 'app.js'],
    ['/usr/bin/node', '--experimental-permission', '--allow-fs-read=*', '-e', '1'],
  ]) {
    assert.throws(prepare(argv), /Cannot debug a program that runs with --(experimental-)?permission/);
  }
  assert.throws(prepare(['npm', 'start'], '--no-warnings --permission'), /runs with --permission/);
  prepare(['node', 'app.js', '--permission'])();
  prepare(['tool', '--permission'])();
});

test('NODE_OPTIONS: ours first, the own ones kept, an outer launch replaced', () => {
  assert.is(mergeNodeOptions('', '/d/harness.cjs'), '--require /d/harness.cjs');
  assert.is(mergeNodeOptions('--trace-warnings', '/d/harness.cjs'), '--require /d/harness.cjs --trace-warnings');
  assert.is(mergeNodeOptions('--require /d/harness.cjs -r x', '/e/harness.cjs'), '--require /e/harness.cjs -r x');
  assert.is(mergeNodeOptions('-r x --require "/a b/harness.cjs"', '/e/harness.cjs'), '--require /e/harness.cjs -r x');
  assert.is(mergeNodeOptions('', 'C:\\d "x"\\harness.cjs'), '--require "C:\\\\d \\"x\\"\\\\harness.cjs"');
});

test('Node reads the quoting of any path', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sandmesh quote-'));
  const odd = path.join(folder, 'a "b" \\c');
  mkdirSync(odd);
  writeFileSync(path.join(odd, 'harness.cjs'), 'process.stdout.write("loaded")');
  const env = { ...process.env, NODE_OPTIONS: mergeNodeOptions('--no-warnings', path.join(odd, 'harness.cjs')) };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', '0'], { env, encoding: 'utf8' });
  assert.is(stdout, 'loaded', stderr);
  rmSync(folder, { recursive: true });
});

test('the launch key is made once, for this user alone, and a damaged one is refused', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sandmesh key-'));
  const file = path.join(folder, 'keys', 'launch.key');
  const key = loadLaunchKey(file);
  assert.is(key.length, 32);
  assert.equal(loadLaunchKey(file), key);
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file), Buffer.from(key));
  writeFileSync(file, 'short');
  assert.throws(() => loadLaunchKey(file), /has 5 bytes, not 32/);
  // a folder that cannot be made, a file in its way: both are told with what was tried
  assert.throws(() => loadLaunchKey('/proc/self/sandmesh/launch.key'), /Cannot write the launch key/);
  assert.throws(() => loadLaunchKey(path.join(file, 'launch.key')), /Cannot write the launch key/);
  rmSync(folder, { recursive: true });
});

test.run();
