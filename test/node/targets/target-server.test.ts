import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Attachment } from '#node/targets/attachment.ts';
import { MAX_CALLS_PER_WINDOW, WINDOW_MS } from '#node/targets/harness/console-burst.ts';
import { LAUNCH_VARIABLE } from '#node/targets/harness/shared-state.ts';
import { encodeFrame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import { encodeJson } from '#protocol/messages.ts';
import { type Bench, NODE, nextAttached, until, withBench, within } from './bench.ts';

const HELLO = {
  type: 'hello',
  protocol: 1,
  pid: process.pid,
  ppid: 1,
  startedAt: 1,
  argv: [],
  execArgv: [],
  cwd: '/',
  nodeVersion: 'v0',
  held: true,
};

interface Stranger {
  readonly socket: Socket;
  readonly messages: unknown[];
  readonly closed: Promise<void>;
}

function stranger(bench: Bench): Stranger {
  const socket = connect(bench.socketPath);
  const decoder = new FrameDecoder();
  const messages: unknown[] = [];
  socket.on('data', (chunk) => {
    for (const { payload } of decoder.push(chunk)) messages.push(JSON.parse(Buffer.from(payload).toString()));
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, messages, closed: within(closed, 'the daemon hung up') };
}

function control(message: object): Uint8Array {
  return encodeFrame(FrameType.control, encodeJson(message));
}

function watchAttached(attachment: Attachment): unknown[] {
  const seen: unknown[] = [];
  attachment.events.on('attached', (process) => seen.push(process));
  return seen;
}

test('the socket is for this user alone', () =>
  withBench(async (bench) => {
    assert.is(statSync(bench.socketPath).mode & 0o777, 0o600);
  }));

const badTickets = [
  '',
  'x',
  'e30.',
  'e30.AAAA',
  `${Buffer.from('{"id":"0123456789abcdef"}').toString('base64url')}.${'A'.repeat(43)}`,
];

test('a stranger without a ticket is refused and hung up on', () =>
  withBench(async (bench) => {
    const seen = watchAttached(bench.attachment);
    const [, other = ''] = (bench.attachment.launch({ argv: ['x'], folder: '/' }).env[LAUNCH_VARIABLE] ?? '').split(
      '.',
    );
    const forged = `${Buffer.from('{"id":"0123456789abcdef","folder":"/","wait":false}').toString('base64url')}.${other}`;
    for (const launch of [...badTickets, forged]) {
      const { socket, messages, closed } = stranger(bench);
      const refused = bench.attachment.events.next('refused');
      socket.write(control({ ...HELLO, launch }));
      await closed;
      assert.equal(messages, [{ type: 'refuse' }]);
      assert.is((await refused).code, 'UNAUTHENTICATED');
    }
    assert.equal(seen, []);
  }));

test('bytes that are no hello end the connection and nothing else', () =>
  withBench(async (bench) => {
    const ticket = bench.attachment.launch({ argv: ['x'], folder: '/' }).env[LAUNCH_VARIABLE];
    const hello = { ...HELLO, launch: ticket };
    const inputs: Uint8Array[] = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      control({ type: 'bye', code: 0 }),
      control({ ...hello, pid: -1 }),
      control({ ...hello, protocol: 2 }),
      encodeFrame(FrameType.control, Buffer.from('{')),
      encodeFrame(FrameType.control, Buffer.alloc(300 * 1024, 32)),
      Buffer.concat([control(hello), control(hello)]),
      Buffer.concat([control(hello), encodeFrame(FrameType.sync, Buffer.from([7]))]),
      Buffer.concat([control(hello), encodeFrame(FrameType.sync, Buffer.from([0, 0x7b]))]),
    ];
    for (const input of inputs) {
      const { socket, closed } = stranger(bench);
      const refused = bench.attachment.events.next('refused');
      socket.write(input);
      await closed;
      await within(refused, 'refused');
    }
    // and it still works
    bench.write({ 'app.js': '' });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js']);
    await (await attached).release();
    assert.equal(await within(program.exit, 'ended'), { code: 0, signal: null });
  }));

test('the daemon dies while a program is held: it runs at once', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `console.log('ran')` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js'], { launch: { wait: true } });
    await attached;
    assert.is(program.stdout(), '');
    const diedAt = performance.now();
    await bench.attachment.stop();
    assert.equal(await within(program.exit, 'ended'), { code: 0, signal: null });
    assert.ok(performance.now() - diedAt < 1000);
    assert.is(program.stdout(), 'ran\n');
    assert.is(program.stderr(), '');
  }));

test('the daemon dies while a program is paused: it runs on, and is offered to the next daemon with its launch', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => { console.log('tick'); debugger; }, 10)` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js'], { launch: { context: 'sandbox 1' } });
    const first = await attached;
    const lost = first.events.next('exit');
    const paused = new Promise<void>((resolve) => first.cdp.on('Debugger.paused', () => resolve()));
    await first.cdp.send('Debugger.enable');
    await first.release();
    await within(paused, 'paused');
    const open = first.cdp.send('Runtime.evaluate', { expression: 'new Promise(() => {})', awaitPromise: true });
    await bench.restart();
    const again = nextAttached(bench);
    assert.is((await open.catch((error) => error)).code, 'TARGET_GONE');
    assert.equal(await within(lost, 'lost'), { code: null, signal: null, how: 'lost' });
    const ticks = program.stdout().length;
    await until(() => program.stdout().length > ticks + 20, 'it runs on');
    const second = await again;
    assert.is(second.pid, first.pid);
    assert.is(second.startedAt, first.startedAt);
    assert.is(second.launch, first.launch);
    assert.is(second.held, false);
    assert.is(bench.attachment.launchOf(second.launch ?? '')?.context, 'sandbox 1');
    assert.is((await second.cdp.send('Runtime.evaluate', { expression: '40 + 2' })).result.value, 42);
    assert.is(program.stderr(), '');
  }));

test('no daemon at all: the program runs without delay worth noticing, and comes in when one starts', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `console.log(Math.round(performance.now())); setInterval(() => {}, 1000)` });
    const { env } = bench.attachment.launch({ argv: ['x'], folder: '/' });
    await bench.attachment.stop();
    const program = bench.run([NODE, 'app.js'], { env: { ...env }, bare: true });
    await until(() => program.stdout() !== '', 'ran');
    assert.ok(Number(program.stdout()) < 1000, program.stdout());
    const [attached] = await Promise.all([bench.restart().then(() => nextAttached(bench))]);
    assert.is(attached.pid, program.child.pid);
    assert.is(attached.held, false);
  }));

test('a daemon that accepts and stays silent delays a program by its limit only', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `console.log('ran')` });
    const { env } = bench.attachment.launch({ argv: ['x'], folder: '/' });
    await bench.attachment.stop();
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined).listen(bench.socketPath);
    const program = bench.run([NODE, 'app.js'], { env: { ...env }, bare: true });
    assert.equal(await within(program.exit, 'ended', 5_000), { code: 0, signal: null });
    assert.is(program.stdout() + program.stderr(), 'ran\n');
    silent.close();
  }));

test('a detached program runs on unpaused and does not come back', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => { console.log('tick'); debugger; }, 10)` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js']);
    const target = await attached;
    const paused = new Promise<void>((resolve) => target.cdp.on('Debugger.paused', () => resolve()));
    await target.cdp.send('Debugger.enable');
    await target.release();
    await within(paused, 'paused');
    const exit = target.events.next('exit');
    await target.detach();
    await target.detach();
    assert.equal(await within(exit, 'exit'), { code: null, signal: null, how: 'lost' });
    const seen = watchAttached(bench.attachment);
    const ticks = program.stdout().length;
    await until(() => program.stdout().length > ticks + 200, 'it runs on');
    assert.equal(seen, []);
    assert.is(bench.attachment.processes.size, 0);
  }));

test('100,000 console lines: a bounded number arrives, and the sum with what was dropped is all', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `for (let i = 0; i < 100_000; i++) console.log('line', i); setTimeout(() => {}, 500)` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js']);
    const target = await attached;
    let arrived = 0;
    let dropped = 0;
    target.cdp.on('Runtime.consoleAPICalled', () => arrived++);
    target.events.on('dropped', ({ count }) => {
      dropped += count;
    });
    const exit = target.events.next('exit');
    await target.cdp.send('Runtime.enable');
    const startedAt = performance.now();
    await target.release();
    await within(exit, 'exit');
    const windows = Math.ceil((performance.now() - startedAt) / WINDOW_MS) + 1;
    assert.is(arrived + dropped, 100_000);
    assert.ok(arrived <= windows * MAX_CALLS_PER_WINDOW, `${arrived} in ${windows} windows`);
    assert.is(program.stdout().split('\n').length, 100_001);
  }));

test('a 20 MB answer arrives whole; one over the limit is a clear refusal, and the session lives on', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => {}, 1000)` });
    const attached = nextAttached(bench);
    bench.run([NODE, 'app.js']);
    const { cdp, release } = await attached.then((target) => ({ cdp: target.cdp, release: () => target.release() }));
    await release();
    // Such an answer takes its time on a busy machine.
    const limit = { timeoutMs: 60_000 };
    const evaluate = (expression: string) => cdp.send('Runtime.evaluate', { expression, returnByValue: true }, limit);
    const large = (await evaluate(`'é'.repeat(10e6)`)).result.value as string;
    assert.ok(large === 'é'.repeat(10e6));
    const refused = await evaluate(`'x'.repeat(70e6)`).catch((error) => error);
    assert.is(refused.code, 'RESULT_TOO_LARGE');
    assert.is((await evaluate('1 + 1')).result.value, 2);
    const sent = await evaluate(`'${'y'.repeat(5e6)}'.length`);
    assert.is(sent.result.value, 5e6);
  }));

test('finish() forgets a launch once its last process is gone', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => {}, 1000)` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js']);
    const target = await attached;
    const id = target.launch ?? '';
    assert.equal([...(bench.attachment.launchOf(id)?.processes ?? [])], [target]);
    bench.attachment.finish(id, { code: null, signal: 'SIGKILL' });
    assert.is.not(bench.attachment.launchOf(id), undefined);
    program.child.kill('SIGKILL');
    await until(() => bench.attachment.launchOf(id) === undefined, 'forgotten');
  }));

test.run();
