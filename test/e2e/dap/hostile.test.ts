// test: full
// test: limit 300 s
/**
 * Clients that are broken or mean harm: what they send ends their own connection and nobody else's, and costs nothing
 * worth mentioning. Real sockets, one live session beside them.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { homePaths } from '#protocol/home-paths.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import { unless } from '#test/skip.ts';
import { COUNTER, COUNTER_LINE, request } from '../mesh/debugging.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const TOP = { threadId: 1 };

interface Running {
  readonly host: Member;
  readonly file: string;
  readonly url: string;
  readonly editor: Editor;
  /** The daemon's socket that speaks DAP. */
  readonly socketPath: string;
}

async function withSession(body: (running: Running) => Promise<void>): Promise<void> {
  await withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const file = path.join(host.folder, 'server.js');
    writeFileSync(file, COUNTER);
    const program = host.start('run', '-q', '--private', '--', 'node', 'server.js');
    const port = /\d+/.exec((await program.line(/^port \d+$/))[0])?.[0];
    const editor = await Editor.open(host);
    await editor.attachTo({}, () => editor.setLines(file, COUNTER_LINE));
    const env = { SANDMESH_HOME: host.home };
    const { dapSocket: socketPath } = homePaths({ env, platform: process.platform, homedir: homedir() });
    await body({ host, file, url: `http://127.0.0.1:${port}/`, editor, socketPath });
    await editor.leave();
  });
}

/** The session still works: a request stops, is stepped, and is answered. */
async function stillWorks({ editor, url }: Running): Promise<void> {
  const answer = request(url);
  await editor.stopped();
  assert.is((await editor.top()).line, COUNTER_LINE);
  await editor.nextRequest(TOP);
  await editor.stopped();
  await editor.continueRequest(TOP);
  assert.ok(await answer);
}

/** Connects, writes, and gives what came back once the other side has ended it; a timeout is a failure. */
function ending(
  socketPath: string | { port: number; host: string },
  ...parts: (string | Uint8Array)[]
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = typeof socketPath === 'string' ? connect(socketPath) : connect(socketPath);
    let text = '';
    const timer = setTimeout(() => reject(new Error(`The connection stayed open: ${text}`)), 15_000);
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    // A reset is an end, too.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    for (const part of parts) socket.write(part);
  });
}

async function memoryOf(host: Member): Promise<number> {
  const { daemon } = JSON.parse((await host.cli('status', '--json')).stdout);
  return daemon.rssBytes;
}

test('garbage, messages that are none and an HTTP request end their own connection', () =>
  withSession(async (running) => {
    const { socketPath } = running;
    const random = randomFrom(seedOf('garbage'));
    const noise = Uint8Array.from({ length: 5000 }, () => Math.floor(random() * 256));
    await ending(socketPath, noise);
    await ending(socketPath, 'Content-Length: 5\r\n\r\nhello');
    await ending(socketPath, encodeDapMessage({ type: 'nonsense' }));
    await ending(socketPath, encodeDapMessage({ type: 'request', seq: 'one', command: 'initialize' }));
    await ending(socketPath, encodeDapMessage({ type: 'event', event: 'sandmesh.client', body: { folder: 7 } }));
    const page = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}';
    await ending(socketPath, page);
    // Told once where the client stands, and never again.
    const twice = encodeDapMessage({ type: 'event', event: 'sandmesh.client', body: {} });
    await ending(socketPath, twice, twice);
    await stillWorks(running);
  }));

test('a message of 100 MB is refused by its header; half a header costs nothing', () =>
  withSession(async (running) => {
    const { host, socketPath } = running;
    const before = await memoryOf(host);
    const header = 'Content-Length: 104857600\r\n\r\n';
    assert.match(await ending(socketPath, header), /104857600/);
    // What was sent beyond the header may cost them the reason: the end comes as a reset then.
    await Promise.all(Array.from({ length: 20 }, () => ending(socketPath, header, new Uint8Array(100_000))));
    const half = connect(socketPath);
    half.write('Content-Le');
    await stillWorks(running);
    const grown = (await memoryOf(host)) - before;
    assert.ok(grown < 60 * 1024 * 1024, `${Math.round(grown / 1024 / 1024)} MB`);
    half.destroy();
  }));

test('a flood of requests is answered or refused one by one, and keeps nobody else from stepping', () =>
  withSession(async (running) => {
    const { socketPath } = running;
    const socket = connect(socketPath);
    const count = 20_000;
    let answered = 0;
    let refused = 0;
    const decoder = new DapDecoder();
    socket.on('data', (chunk) => {
      for (const { success } of decoder.push(chunk) as { success: boolean }[]) {
        answered += 1;
        if (!success) refused += 1;
      }
    });
    const flood = Array.from({ length: count }, (_, n) =>
      encodeDapMessage({ type: 'request', seq: n + 1, command: n % 2 === 0 ? 'threads' : 'noSuchRequest' }),
    );
    socket.write(Buffer.concat(flood));
    await stillWorks(running);
    await eventually('every request to be answered', () => (answered === count ? true : undefined));
    assert.ok(refused >= count / 2, `${refused} refused`);
    socket.destroy();
  }));

test('requests out of order, unknown ones and stale numbers are refused with a reason', () =>
  withSession(async (running) => {
    const { host, editor, url } = running;
    const early = await Editor.open(host);
    const refusal = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'answered',
        (error: Error) => error.message,
      );
    assert.match(await refusal(early.customRequest('evaluateEverything')), /sandmesh has no such request/);
    assert.match(await refusal(early.customRequest('constructor')), /sandmesh has no such request/);
    assert.match(await refusal(early.setLines('/x.js', 1)), /no program yet/);
    assert.is(await refusal(early.stackTraceRequest(TOP)), 'notStopped');
    assert.match(await refusal(early.attachRequest({ target: 'nobody' } as never)), /no such program/);
    assert.match(
      await refusal(early.variablesRequest({ variablesReference: 'x' as never })),
      /arguments of this request/,
    );
    await early.leave();

    const answer = request(url);
    await editor.stopped();
    const { id } = await editor.top();
    const locals = await editor.locals(id);
    await editor.continueRequest(TOP);
    await answer;
    assert.match(await refusal(editor.scopesRequest({ frameId: id })), /moved on/);
    const reference = locals.get('request')?.variablesReference ?? 0;
    assert.match(await refusal(editor.variablesRequest({ variablesReference: reference })), /moved on/);
    for (const url of ['file:///%ZZ', 'file://elsewhere/server.js']) {
      assert.match(await refusal(editor.setLines(url, 1)), /^Cannot use the path "file:/);
    }
    await stillWorks(running);
  }));

test('breakpoints that an editor takes away as it leaves are gone, however it leaves', () =>
  withSession(async ({ host, file }) => {
    const count = async (): Promise<number> => {
      const { breakpoints } = await host.ask('breakpoint.list', 'break', 'list');
      return breakpoints.length;
    };
    const functions = (...names: string[]): { breakpoints: { name: string }[] } => ({
      breakpoints: names.map((name) => ({ name })),
    });
    for (const leave of ['disconnect', 'hang up'] as const) {
      const port = host.start('dap', '--port', '0', '--json');
      const { port: number } = JSON.parse((await port.line(/^\{"host".*/))[0]);
      const other = await Editor.connectTo(number);
      await other.attachTo({}, async () => {
        await other.setLines(file, 5, 6);
        await other.setFunctionBreakpointsRequest(functions('handle'));
      });
      assert.is(await count(), 4);
      // One waits for the other, and both for the disk.
      for (const removing of [other.setLines(file), other.setFunctionBreakpointsRequest(functions())]) {
        removing.catch(() => undefined);
      }
      if (leave === 'disconnect') await other.disconnectRequest();
      else other.hangUp();
      await eventually('only the other editor’s to be left', async () => ((await count()) === 1 ? true : undefined));
      await port.stop();
    }
  }));

test('breakpoints of a file are taken away by its path, whether the file is there by then or not', () =>
  withSession(async ({ host, editor }) => {
    const lines = async (name: string): Promise<number[]> => {
      const { breakpoints } = await host.ask('breakpoint.list', 'break', 'list');
      return breakpoints.flatMap(({ where }) =>
        where.kind === 'line' && where.file.path === name ? [where.line] : [],
      );
    };
    const [goes, comes] = ['goes.js', 'comes.js'].map((name) => path.join(host.folder, name)) as [string, string];
    writeFileSync(goes, '\n\n');
    await editor.setLines(goes, 1, 2);
    await editor.setLines(comes, 1, 2);
    assert.equal(
      [await lines('goes.js'), await lines('comes.js')],
      [
        [1, 2],
        [1, 2],
      ],
    );
    rmSync(goes);
    writeFileSync(comes, '\n\n');
    await editor.setLines(goes, 2);
    await editor.setLines(comes, 2);
    assert.equal([await lines('goes.js'), await lines('comes.js')], [[2], [2]]);
    await editor.setLines(goes);
    await editor.setLines(comes);
    assert.equal([await lines('goes.js'), await lines('comes.js')], [[], []]);
  }));

test('a line and a column in it stay two breakpoints, in whatever order they come', () =>
  withSession(async ({ file, editor }) => {
    const inner = { line: COUNTER_LINE, column: 60 };
    const numbers = async (...wanted: (number | typeof inner)[]) =>
      (await editor.setLines(file, ...wanted)).map(({ id }) => id);
    await editor.setLines(file);
    const [column, line] = await numbers(inner, COUNTER_LINE);
    assert.equal(await numbers(COUNTER_LINE, inner), [line, column]);
    assert.equal(await numbers(inner, COUNTER_LINE), [column, line]);
    await editor.setLines(file);
  }));

test('50 clients at one target are all told of each stop, and all may leave at once', () =>
  withSession(async (running) => {
    const { host, socketPath, editor, url } = running;
    const port = host.start('dap', '--port', '0', '--json');
    const { port: number } = JSON.parse((await port.line(/^\{"host".*/))[0]);
    const others = await Promise.all(Array.from({ length: 50 }, () => Editor.connectTo(number)));
    await Promise.all(others.map((other) => other.attachTo({})));
    const answer = request(url);
    await Promise.all([editor, ...others].map((each) => each.stopped()));
    const tops = await Promise.all(others.map((other) => other.top()));
    assert.equal([...new Set(tops.map(({ line }) => line))], [COUNTER_LINE]);
    const [driver] = others;
    await driver?.nextRequest(TOP);
    await Promise.all([editor, ...others].map((each) => each.stopped()));
    for (const other of others) other.cut();
    await eventually('all to be gone', async () => {
      const { daemon } = JSON.parse((await host.cli('status', '--json')).stdout);
      return daemon.clients < 10 ? true : undefined;
    });
    assert.is(editor.count('continued'), 0);
    await editor.continueRequest(TOP);
    assert.ok(await answer);
    await ending(socketPath, 'x'.repeat(100));
    await stillWorks(running);
  }));

unless(
  test,
  process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'only root can be another user',
  'the port lets no other user of the machine in',
  () =>
    withSession(async (running) => {
      const port = running.host.start('dap', '--port', '0', '--json');
      const { port: number } = JSON.parse((await port.line(/^\{"host".*/))[0]);
      const script = `
        const socket = require('node:net').connect(${number}, '127.0.0.1');
        socket.on('connect', () => socket.write('Content-Length: 53\\r\\n\\r\\n{"type":"request","seq":1,"command":"initialize"     }'));
        socket.on('data', (data) => console.log('answered'));
        socket.on('error', () => undefined);
        socket.on('close', () => console.log('closed'));`;
      const stranger = running.host.spawn(process.execPath, ['-e', script], { uid: 65534, gid: 65534, cwd: '/' });
      await stranger.exited();
      assert.is(stranger.output.trim(), 'closed');
      const own = running.host.spawn(process.execPath, ['-e', script]);
      await own.line(/^answered$/);
      await own.stop();
      await stillWorks(running);
    }),
);

test.run();
