// test: alone
import { realpathSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { AttachedProcess } from '#node/targets/attached-process.ts';
import { parseWhere } from '#node/targets/attachment.ts';
import { listCandidates } from '#node/targets/discovery.ts';
import { withHostLock } from '#node/targets/external/host-lock.ts';
import { findInspector } from '#node/targets/external/inspector-endpoint.ts';
import { DAEMON_TITLE } from '#node/targets/own-daemon.ts';
import { linux } from '#node/targets/platform/linux.ts';
import type { ErrorCode, SandboxError } from '#shared/errors.ts';
import { type Bench, NODE, type Program, until, withBench, within } from './bench.ts';

const LOOP = `globalThis.ticks = 0; console.log('ready'); setInterval(() => { globalThis.ticks += 1; }, 5);`;

/** Starts a program without sandmesh and waits until it says so. */
async function ready(bench: Bench, argv: readonly string[]): Promise<{ program: Program; pid: string }> {
  const program = bench.run(argv, { bare: true });
  await until(() => program.stdout().includes('ready'), 'ready');
  return { program, pid: String(program.child.pid) };
}

async function refusal(work: Promise<unknown>): Promise<SandboxError> {
  return within(
    work.then(
      () => assert.unreachable('should have been refused'),
      (error) => error,
    ),
    'a refusal',
  );
}

async function isRefused(work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> {
  const error = await refusal(work);
  assert.is(error.code, code, error.stack);
  assert.match(`${error.message} ${error.hint ?? ''}`, text);
}

async function ticksOn(target: AttachedProcess): Promise<void> {
  const read = async () => Number((await target.cdp.send('Runtime.evaluate', { expression: 'ticks' })).result.value);
  const before = await read();
  await until(async () => (await read()) > before, 'it runs');
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

for (const file of ['app.cjs', 'app.mjs']) {
  test(`attach to a pid (${file}), with port 9229 free afterwards; detach; attach again`, () =>
    withBench(async (bench) => {
      bench.write({ [file]: LOOP });
      const { program, pid } = await ready(bench, [NODE, file]);
      const announced = bench.attachment.events.next('attached');
      const target = await bench.attachment.attach(pid);
      assert.is(await announced, target);
      assert.is(target.mode, 'external');
      assert.is(String(target.pid), pid);
      assert.match(target.entry ?? '', new RegExp(file));
      assert.is(target.held, false);
      await ticksOn(target);
      const ports = (await linux.listeningPorts(target.pid)).map(({ port }) => port);
      assert.is(ports.length, 1);
      assert.is.not(ports[0], 9229);
      assert.is(await bench.attachment.attach(pid), target, 'attaching twice gives the same');
      const exit = target.events.next('exit');
      await target.detach();
      assert.equal(await within(exit, 'exit'), { code: null, signal: null, how: 'lost' });
      await until(async () => (await linux.listeningPorts(target.pid)).length === 0, 'its inspector is closed again');
      const again = await bench.attachment.attach(pid);
      await ticksOn(again);
      assert.is(program.child.exitCode, null);
    }));
}

test('the end of an attached program is not delayed, and its exit code is known', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `${LOOP} process.stdin.resume().on('end', () => {}); globalThis.stop = () => process.exit(5);`,
    });
    const { program, pid } = await ready(bench, [NODE, 'app.js']);
    const target = await bench.attachment.attach(pid);
    const exit = target.events.next('exit');
    await target.cdp.send('Debugger.enable');
    // the answer never comes: the program ends first
    void target.cdp.send('Runtime.evaluate', { expression: 'stop()' }).catch(() => undefined);
    assert.equal(await within(program.exit, 'ended', 3_000), { code: 5, signal: null });
    assert.equal(await within(exit, 'exit'), { code: 5, signal: null, how: 'exit' });
  }));

test('a pause and resume blocks the program for a few milliseconds, not for 40', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `console.log('ready'); globalThis.blocked = [];
        setInterval(() => { const t = performance.now(); debugger; blocked.push(performance.now() - t); }, 10);`,
    });
    const { pid } = await ready(bench, [NODE, 'app.js']);
    const target = await bench.attachment.attach(pid);
    let pauses = 0;
    const enough = new Promise<void>((resolve) => {
      target.cdp.on('Debugger.paused', () => {
        if (++pauses === 25) resolve();
        // the last one is cut off by the end of the test
        target.cdp.send('Debugger.resume').catch(() => undefined);
      });
    });
    await target.cdp.send('Runtime.evaluate', { expression: 'blocked.length = 0' });
    await target.cdp.send('Debugger.enable');
    await within(enough, '25 pauses');
    const { result } = await target.cdp.send('Runtime.evaluate', {
      expression: 'blocked.slice(1).sort((a, b) => a - b)[12]',
      returnByValue: true,
    });
    assert.ok(Number(result.value) < 20, `p50 ${result.value} ms`);
  }));

test('a dead pid, one that never was, and text that is neither', () =>
  withBench(async (bench) => {
    const program = bench.run([NODE, '-e', ''], { bare: true });
    await program.exit;
    await isRefused(bench.attachment.attach(String(program.child.pid)), 'PROCESS_UNKNOWN', /no such process/);
    await isRefused(bench.attachment.attach('999999999'), 'PROCESS_UNKNOWN', /no such process/);
    for (const where of ['', '0', '-5', 'x', '1.5', 'a b:1', ':0', ':70000', 'h:p', '12345678901']) {
      await isRefused(bench.attachment.attach(where), 'BAD_ARGUMENT', /neither a pid nor host:port/);
    }
    assert.equal(parseWhere(':9229'), { host: '127.0.0.1', port: 9229 });
    assert.equal(parseWhere('[::1]:80'), { host: '::1', port: 80 });
    assert.equal(parseWhere('localhost:80'), { host: 'localhost', port: 80 });
    assert.is(parseWhere(' 42 '), 42);
  }));

test('a process that is not Node is refused and lives', () =>
  withBench(async (bench) => {
    const program = bench.run(['sleep', '60'], { bare: true });
    await isRefused(bench.attachment.attach(String(program.child.pid)), 'PROCESS_NOT_NODE', /sleep.*not Node/);
    assert.is(program.child.signalCode, null);
    assert.is(await linux.isRunning(program.child.pid ?? 0), true);
  }));

test("another user's process is refused", () =>
  withBench(async (bench) => {
    // as root there is nobody to be; as anybody else, root's first process is there
    const program = process.getuid?.() === 0 ? bench.run([NODE, '-e', LOOP], { bare: true, uid: 65_534 }) : undefined;
    if (program !== undefined) await until(() => program.stdout().includes('ready'), 'ready');
    const pid = program?.child.pid ?? 1;
    await isRefused(bench.attachment.attach(String(pid)), 'PROCESS_FORBIDDEN', /another user/);
  }));

test('a program with its own SIGUSR1 handler is told from others, and lives', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `process.on('SIGUSR1', () => console.log('mine')); ${LOOP}` });
    const { program, pid } = await ready(bench, [NODE, 'app.js']);
    await isRefused(bench.attachment.attach(pid), 'INSPECTOR_UNAVAILABLE', /SIGUSR1.*sandmesh run/s);
    assert.is(program.child.exitCode, null);
    assert.is(program.child.signalCode, null);
  }));

test('a program that would die of SIGUSR1 never gets it', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `const f = () => {}; process.on('SIGUSR1', f); process.off('SIGUSR1', f); ${LOOP}` });
    const { program, pid } = await ready(bench, [NODE, 'app.js']);
    await isRefused(bench.attachment.attach(pid), 'INSPECTOR_UNAVAILABLE', /would die of SIGUSR1/);
    assert.is(program.child.signalCode, null);
  }));

test('the port that it would open is taken: the message says by whom', () =>
  withBench(async (bench) => {
    const server = createTcpServer();
    const port = await listen(server);
    bench.write({ 'app.js': LOOP });
    const { program, pid } = await ready(bench, [NODE, `--inspect-port=${port}`, 'app.js']);
    await isRefused(
      bench.attachment.attach(pid),
      'INSPECTOR_UNAVAILABLE',
      new RegExp(`port ${port}.*pid ${process.pid}`),
    );
    assert.is(program.stderr(), '');
    server.close();
  }));

test('no sandmesh daemon is attached to: not this one, not another', () =>
  withBench(async (bench) => {
    await isRefused(bench.attachment.attach(String(process.pid)), 'PROCESS_FORBIDDEN', /sandmesh daemon/);
    bench.write({ 'daemon.js': `process.title = '${DAEMON_TITLE}'; ${LOOP}` });
    const { pid } = await ready(bench, [NODE, '--inspect=0', 'daemon.js']);
    await isRefused(bench.attachment.attach(pid), 'PROCESS_FORBIDDEN', /sandmesh daemon/);
    const [port] = await linux.listeningPorts(Number(pid));
    await isRefused(bench.attachment.attach(`:${port?.port}`), 'PROCESS_FORBIDDEN', /sandmesh daemon/);
  }));

test('a program with its own --inspect: attached to by pid and by address, its port left alone; a second debugger is refused', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': LOOP });
    const { program, pid } = await ready(bench, [NODE, '--inspect=0', 'app.js']);
    const port = Number(/ws:\/\/127\.0\.0\.1:(\d+)/.exec(program.stderr())?.[1]);
    const byPid = await bench.attachment.attach(pid);
    await ticksOn(byPid);
    await byPid.detach();
    const byAddress = await bench.attachment.attach(`127.0.0.1:${port}`);
    await ticksOn(byAddress);
    await byAddress.detach();
    const ide = new WebSocket(await findInspector({ host: '127.0.0.1', port }));
    await new Promise((resolve) => ide.once('open', resolve));
    await isRefused(bench.attachment.attach(pid), 'INSPECTOR_UNAVAILABLE', /another debugger is connected/);
    await isRefused(bench.attachment.attach(`:${port}`), 'INSPECTOR_UNAVAILABLE', /another debugger is connected/);
    await ticksOn(await bench.attachment.attach(pid, { force: true }));
    ide.terminate();
  }));

test('a program that waits under --inspect-brk is held until released', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `console.log('ran');` });
    const program = bench.run([NODE, '--inspect-brk=0', 'app.js'], { bare: true });
    await until(() => program.stderr().includes('Debugger listening'), 'listening');
    const target = await bench.attachment.attach(String(program.child.pid));
    assert.is(target.held, true);
    await target.release();
    assert.is(target.held, false);
    await within(program.exit, 'ended');
    assert.is(program.stdout(), 'ran\n');
  }));

test('addresses that are no inspector, and others than this machine', () =>
  withBench(async (bench) => {
    const web = createServer((_request, response) => response.end('<html>'));
    const mute = createTcpServer(() => undefined);
    const [webPort, mutePort] = [await listen(web), await listen(mute)];
    await isRefused(bench.attachment.attach(`:${webPort}`), 'INSPECTOR_UNAVAILABLE', /No inspector answers/);
    await isRefused(bench.attachment.attach(`:${mutePort}`), 'INSPECTOR_UNAVAILABLE', /no answer in time/);
    await isRefused(bench.attachment.attach('10.255.255.1:9229'), 'PROCESS_FORBIDDEN', /only this machine/);
    web.closeAllConnections();
    web.close();
    mute.close();
    await isRefused(bench.attachment.attach(`:${webPort}`), 'INSPECTOR_UNAVAILABLE', /ECONNREFUSED/);
  }));

test('candidates: own programs with their folder and inspector port; daemons, wrappers and other programs left out', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': LOOP, 'daemon.js': `process.title = '${DAEMON_TITLE}'; ${LOOP}` });
    const plain = await ready(bench, [NODE, 'app.js']);
    const open = await ready(bench, [NODE, '--inspect=0', 'app.js']);
    const daemon = await ready(bench, [NODE, 'daemon.js']);
    const watcher = await ready(bench, [NODE, '--watch', 'app.js']);
    const found = new Map((await bench.attachment.candidates()).map((candidate) => [String(candidate.pid), candidate]));
    assert.is(found.get(plain.pid)?.cwd, bench.folder);
    assert.match(found.get(plain.pid)?.command ?? '', /app\.js$/);
    assert.is(found.get(plain.pid)?.obstacle, undefined);
    assert.type(found.get(open.pid)?.inspectorPort, 'number');
    assert.is(found.has(daemon.pid), false);
    assert.is(found.has(watcher.pid), false);
    assert.is(found.has(String(process.pid)), false);
  }));

test('candidates: what only starts a program is left out under its short name too, and so is the command that asks', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': LOOP,
      'node_modules/nodemon/bin/nodemon.js': LOOP,
      'npm.js': `process.title = 'npm exec app'; ${LOOP}`,
      '.dist/cli.cjs': LOOP,
    });
    symlinkSync('nodemon/bin/nodemon.js', path.join(bench.folder, 'node_modules/.bin-nodemon'));
    const plain = await ready(bench, [NODE, 'app.js']);
    const others = await Promise.all(
      ['node_modules/.bin-nodemon', 'npm.js', '.dist/cli.cjs'].map((script) => ready(bench, [NODE, script])),
    );
    const distDir = path.join(realpathSync(bench.folder), '.dist');
    const found = await listCandidates(linux, { attached: new Set(), distDir });
    const pids = new Set(found.map(({ pid }) => String(pid)));
    assert.is(pids.has(plain.pid), true);
    assert.equal(
      others.map(({ pid }) => pids.has(pid)),
      [false, false, false],
    );
  }));

test('the host lock lets one in at a time and is free after a failure', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all([1, 2, 3].map(() => withHostLock('test', work)));
  assert.is(most, 1);
  await refusal(withHostLock('test', () => Promise.reject(new Error('planted'))));
  await withHostLock('test', work);
});

test.run();
