import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CliGateway, type CliGatewayOptions } from '#node/gateway/cli-gateway.ts';
import type { CommandRequest } from '#node/pipeline/request.ts';
import { TopicHub } from '#node/sandbox/topic-hub.ts';
import { Channel } from '#protocol/channel.ts';
import { encodeFrame, FrameType, MAX_FRAME_BYTES } from '#protocol/frame.ts';
import { type ControlMessage, encodeJson } from '#protocol/messages.ts';
import type { Broadcast } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const HERE = 'ab'.repeat(20) as SandboxId;
const THERE = 'cd'.repeat(20) as SandboxId;

interface Rig {
  readonly gateway: CliGateway;
  readonly hub: TopicHub;
  readonly path: string;
  readonly requests: CommandRequest[];
  readonly counts: number[];
  client(): Promise<Client>;
}

interface Client {
  readonly socket: Socket;
  readonly channel: Channel;
  readonly events: Broadcast[];
  readonly controls: ControlMessage[];
  /** Resolves when the daemon has closed it. */
  readonly closed: Promise<unknown>;
}

function openClient(path: string): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(path);
    const events: Broadcast[] = [];
    const controls: ControlMessage[] = [];
    const channel = new Channel({
      send: (bytes) => void socket.write(bytes),
      onBroadcast: (broadcast) => events.push(broadcast),
      onControl: (control) => controls.push(control),
    });
    const closed = new Promise((done) => socket.once('close', done));
    socket.on('data', (chunk) => channel.receive(chunk));
    socket.once('error', reject);
    socket.once('connect', () => {
      // a daemon that drops us may do so in the middle of our writing
      socket.off('error', reject).on('error', () => undefined);
      resolve({ socket, channel, events, controls, closed });
    });
    socket.once('close', () => channel.close(new SandboxError('DAEMON_UNREACHABLE', 'closed')));
  });
}

/** Answers with what it was asked, fails for `fail.*`, and waits for its caller's end for `wait.*`. */
async function answer(request: CommandRequest): Promise<unknown> {
  if (request.command.startsWith('fail.')) throw new SandboxError('NOT_PAUSED', 'it runs', { hint: 'pause it' });
  if (request.command.startsWith('wait.')) {
    await new Promise((_resolve, reject) =>
      request.signal.addEventListener('abort', () => reject(request.signal.reason)),
    );
  }
  if (request.command === 'big') return { text: 'x'.repeat(3_000_000) };
  return { asked: request.command, args: request.args };
}

async function withGateway(
  use: (rig: Rig) => Promise<unknown>,
  change: Partial<CliGatewayOptions> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'daemon.sock');
    const hub = new TopicHub();
    const requests: CommandRequest[] = [];
    const counts: number[] = [];
    const errors: unknown[] = [];
    const gateway = new CliGateway({
      socketPath: path,
      hub,
      run: (request) => {
        requests.push(request);
        return answer(request);
      },
      resolveSandbox: async (sandbox, at) => {
        await setImmediate();
        if (sandbox !== undefined) return { id: sandbox };
        if (at === '/here') return { id: HERE };
        throw new SandboxError('SANDBOX_UNKNOWN', `no sandbox in "${at}"`);
      },
      onClients: (count) => counts.push(count),
      onError: (error) => errors.push(error),
      ...change,
    });
    await gateway.start();
    const clients: Client[] = [];
    const client = async (): Promise<Client> => {
      const opened = await openClient(path);
      clients.push(opened);
      return opened;
    };
    try {
      await use({ gateway, hub, path, requests, counts, client });
      assert.equal(errors, []);
    } finally {
      await gateway.stop();
      for (const { socket } of clients) socket.destroy();
    }
  });
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited for ever: ${what}`);
    await setImmediate();
  }
}

function subscribe({ channel }: Client, topics: string[], scope: { sandbox?: SandboxId; folder?: string } = {}): void {
  channel.control({ command: 'subscribe', params: { topics, ...scope } });
}

/** A call is answered after everything sent before it took effect. */
function settled({ channel }: Client): Promise<unknown> {
  return channel.call('sync', {});
}

function notice(hub: TopicHub, text: string, sandbox = HERE): void {
  hub.publish(sandbox, 'notices', { level: 'info', text });
}

const texts = ({ events }: Client): unknown[] => events.map(({ event }) => (event as { text?: string }).text);

test('a call reaches the pipeline as a local request with everything it came with', () =>
  withGateway(async ({ client, requests }) => {
    const { channel } = await client();
    const result = await channel.call(
      'chat.send',
      { text: 'hi' },
      { sandbox: HERE, folder: '/here', timeoutMs: 5_000 },
    );
    assert.equal(result, { asked: 'chat.send', args: { text: 'hi' } });
    const { signal, ...request } = requests[0] as CommandRequest;
    assert.not(signal.aborted);
    assert.equal(request, {
      command: 'chat.send',
      args: { text: 'hi' },
      origin: { kind: 'local' },
      session: 'cli-1',
      sandbox: HERE,
      folder: '/here',
      timeoutMs: 5_000,
    });
  }));

test('an error crosses with its code and hint, and the connection lives on', () =>
  withGateway(async ({ client }) => {
    const { channel } = await client();
    const error = await failure(() => channel.call('fail.it', {}));
    assert.equal(error.toData(), { code: 'NOT_PAUSED', message: 'it runs', hint: 'pause it' });
    assert.equal(await channel.call('a', {}), { asked: 'a', args: {} });
  }));

test('clients have sessions of their own and are counted as they come and go', () =>
  withGateway(async ({ client, requests, counts, gateway }) => {
    const [one, two] = [await client(), await client()];
    await Promise.all([one.channel.call('a', {}), two.channel.call('b', {})]);
    assert.is(new Set(requests.map(({ session }) => session)).size, 2);
    assert.is(gateway.clients, 2);
    one.socket.destroy();
    await until('one is gone', () => gateway.clients === 1);
    assert.equal(counts, [1, 2, 1]);
  }));

test('a client that disappears or cancels aborts what it had asked', () =>
  withGateway(async ({ client, requests }) => {
    const [one, two] = [await client(), await client()];
    one.channel.call('wait.one', {}).catch(() => undefined);
    const controller = new AbortController();
    two.channel.call('wait.two', {}, { signal: controller.signal }).catch(() => undefined);
    await until('both ask', () => requests.length === 2);
    one.socket.destroy();
    controller.abort();
    await until('both are aborted', () => requests.every(({ signal }) => signal.aborted));
    for (const { signal } of requests) assert.is((signal.reason as SandboxError).code, 'CANCELLED');
  }));

test('the socket is the user’s alone, and replaces what a dead daemon left', () =>
  withGateway(async ({ path, client }) => {
    assert.is(statSync(path).mode & 0o777, 0o600);
    const after = `${path}2`;
    await writeFile(after, 'left over');
    const options = { socketPath: after, hub: new TopicHub(), run: answer, onClients: () => undefined };
    const never = async (): Promise<never> => Promise.reject(new Error('not asked'));
    const second = new CliGateway({ ...options, resolveSandbox: never, onError: () => undefined });
    await second.start();
    const { channel, socket } = await openClient(after);
    assert.equal(await channel.call('a', {}), { asked: 'a', args: {} });
    socket.destroy();
    await second.stop();
    await (await client()).channel.call('still here', {});
  }));

test('a place where no socket can be is named', () =>
  withFolder(async (folder) => {
    const inTheWay = join(folder, 'daemon.sock');
    await mkdir(inTheWay);
    const options = { hub: new TopicHub(), run: answer, onClients: () => undefined, onError: () => undefined };
    const resolveSandbox = async (): Promise<never> => Promise.reject(new Error('not asked'));
    for (const socketPath of [inTheWay, join(folder, 'none', 'daemon.sock')]) {
      const gateway = new CliGateway({ ...options, socketPath, resolveSandbox });
      const error = await failure(() => gateway.start());
      assert.is(error.code, 'HOME_UNWRITABLE');
      assert.match(error.message, `"${socketPath}"`);
      await gateway.stop();
    }
  }));

test('a subscription by folder hears that sandbox, one by id that, one by neither all', () =>
  withGateway(async ({ client, hub }) => {
    const [byFolder, byId, all] = [await client(), await client(), await client()];
    subscribe(byFolder, ['notices'], { folder: '/here' });
    subscribe(byId, ['notices'], { sandbox: THERE });
    subscribe(all, ['notices', 'chat']);
    for (const each of [byFolder, byId, all]) await settled(each);
    notice(hub, 'here', HERE);
    notice(hub, 'there', THERE);
    hub.publish(HERE, 'presence', { presence: { member: 1 as never } });
    for (const each of [byFolder, byId, all]) await settled(each);
    assert.equal([byFolder, byId, all].map(texts), [['here'], ['there'], ['here', 'there']]);
  }));

test('a subscription is in place before any later call is answered', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices'], { folder: '/here' });
    await settled(one);
    assert.ok(hub.wanted(HERE, 'notices'));
    assert.not(hub.wanted(THERE, 'notices'));
    assert.not(hub.wanted(HERE, 'chat'));
  }));

test('a later list replaces the earlier one of the same scope, an empty one ends it', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices', 'chat'], { folder: '/here' });
    subscribe(one, ['notices', 'presence'], { folder: '/here' });
    await settled(one);
    assert.equal(
      [hub.wanted(HERE, 'notices'), hub.wanted(HERE, 'presence'), hub.wanted(HERE, 'chat')],
      [true, true, false],
    );
    subscribe(one, [], { folder: '/here' });
    subscribe(one, [], { folder: '/left-meanwhile' });
    await settled(one);
    assert.not(hub.wanted(HERE, 'notices'));
    assert.equal(one.controls, []);
  }));

test('an unsubscribe that follows its subscribe at once wins', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices', 'chat'], { folder: '/here' });
    one.channel.control({ command: 'unsubscribe', params: { topics: ['notices', 'no such'] } });
    await settled(one);
    assert.equal([hub.wanted(HERE, 'notices'), hub.wanted(HERE, 'chat')], [false, true]);
  }));

test('scopes that overlap bring each event once', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    for (const scope of [{}, { folder: '/here' }, { sandbox: HERE }]) subscribe(one, ['notices'], scope);
    await settled(one);
    notice(hub, 'a');
    notice(hub, 'b');
    await settled(one);
    assert.equal(texts(one), ['a', 'b']);
    subscribe(one, [], { folder: '/here' });
    await settled(one);
    notice(hub, 'c');
    await settled(one);
    assert.equal(texts(one), ['a', 'b', 'c']);
  }));

test('a client that goes leaves no subscription behind', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices']);
    await settled(one);
    one.socket.destroy();
    await until('it is forgotten', () => !hub.wanted(HERE, 'notices'));
  }));

const goodbyes: readonly [string, string[], { folder?: string }, string][] = [
  ['an unknown topic', ['gossip'], {}, '"gossip"'],
  ['a topic that every object has', ['__proto__'], {}, '__proto__'],
  ['a folder without a sandbox', ['chat'], { folder: '/nowhere' }, '/nowhere'],
];
for (const [what, topics, scope, reason] of goodbyes) {
  test(`${what} ends the connection with a goodbye that says why`, () =>
    withGateway(async ({ client }) => {
      const [one, other] = [await client(), await client()];
      subscribe(one, topics, scope);
      await one.closed;
      const [bye] = one.controls;
      assert.is(bye?.command, 'bye');
      assert.match(JSON.stringify(bye?.params).replaceAll('\\', ''), reason);
      await settled(other);
    }));
}

test('more scopes than anybody needs end the connection', () =>
  withGateway(async ({ client }) => {
    const one = await client();
    for (let n = 0; n < 65; n++) subscribe(one, ['chat'], { sandbox: n.toString(16).padStart(40, '0') as SandboxId });
    await one.closed;
    assert.match(JSON.stringify(one.controls), 'Cannot listen to more than 64');
  }));

function header(change: { magic?: number; version?: number; type?: number; length?: number }): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, change.magic ?? 0x534d5348);
  view.setUint16(4, change.version ?? 1);
  view.setUint16(6, change.type ?? FrameType.call);
  view.setUint32(8, change.length ?? 0);
  return bytes;
}

const json = (value: unknown, type: FrameType = FrameType.call): Uint8Array => encodeFrame(type, encodeJson(value));
const bad: readonly [string, Uint8Array][] = [
  ['an HTTP request', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['zeros', new Uint8Array(64)],
  ['a wrong magic', header({ magic: 0x534d5349 })],
  ['a later version', header({ version: 2 })],
  ['an unknown type', header({ type: 99 })],
  ['an announced 4 GB', header({ length: 0xffff_ffff })],
  ['one byte too many', header({ length: MAX_FRAME_BYTES + 1 })],
  ['no JSON', encodeFrame(FrameType.call, new TextEncoder().encode('{"id":'))],
  ['no UTF-8', encodeFrame(FrameType.call, new Uint8Array([0xff, 0xfe, 0x7b]))],
  ['an empty call', encodeFrame(FrameType.call, new Uint8Array(0))],
  ['a call that is a list', json([])],
  ['a call without a command', json({ id: 1, args: {} })],
  ['a negative id', json({ id: -1, command: 'a', args: {} })],
  ['arguments that are a list', json({ id: 1, command: 'a', args: [] })],
  ['a sandbox that is none', json({ id: 1, command: 'a', args: {}, sandbox: '../..' })],
  ['a command as long as a book', json({ id: 1, command: 'a'.repeat(81), args: {} })],
  ['an unknown control', json({ command: 'format', params: {} }, FrameType.control)],
];
for (const [what, bytes] of bad) {
  test(`${what}: that client is dropped with a reason, the others notice nothing`, () =>
    withGateway(async ({ client, requests }) => {
      const [one, other] = [await client(), await client()];
      one.socket.write(bytes);
      await one.closed;
      assert.is(one.controls[0]?.command, 'bye');
      assert.equal(requests, []);
      await settled(other);
    }));
}

test('what follows a bad frame in the same bytes is not run', () =>
  withGateway(async ({ client, requests }) => {
    const one = await client();
    const [broken, fine] = [json([]), json({ id: 7, command: 'late', args: {} })];
    one.socket.write(Buffer.concat([broken, fine]));
    one.socket.write(fine);
    await one.closed;
    assert.equal(requests, []);
  }));

test('a prototype key in a call changes no object and reaches no handler', () =>
  withGateway(async ({ client, requests }) => {
    const one = await client();
    const text = '{"id":1,"command":"a","args":{"x":1,"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}';
    one.socket.write(encodeFrame(FrameType.call, new TextEncoder().encode(text)));
    await until('it ran', () => requests.length === 1);
    assert.is(requests[0]?.args['polluted'], undefined);
    assert.not(Object.hasOwn(requests[0]?.args ?? {}, '__proto__'));
    assert.is(({} as Record<string, unknown>)['polluted'], undefined);
  }));

test('an event too large for a frame harms neither its publisher nor the others, and is told', () =>
  withGateway(async ({ client, hub }) => {
    const [one, other] = [await client(), await client()];
    for (const each of [one, other]) {
      subscribe(each, ['notices', 'chat']);
      await settled(each);
    }
    notice(hub, 'x'.repeat(MAX_FRAME_BYTES));
    notice(hub, 'after');
    for (const each of [one, other]) {
      await settled(each);
      assert.equal(
        each.events.map(({ topic }) => topic),
        ['notices', 'notices'],
      );
      assert.match(String(texts(each)[0]), 'Events missed: 1');
      assert.is(texts(each)[1], 'after');
    }
  }));

test('a subscriber that stops reading costs a bounded queue, and is told what it missed once it reads', () =>
  withGateway(async ({ client, hub }) => {
    const [slow, quick] = [await client(), await client()];
    for (const each of [slow, quick]) {
      subscribe(each, ['notices']);
      await settled(each);
    }
    slow.socket.pause();
    const sent = 100;
    const text = 'x'.repeat(500_000);
    for (let n = 0; n < sent; n++) {
      notice(hub, text);
      await until('the quick one has it', () => quick.events.length === n + 1);
    }
    assert.is(quick.events.length, sent);
    slow.socket.resume();
    // nothing more is published: being told must not wait for one more event
    const told = (): string[] => texts(slow).filter((each): each is string => String(each).startsWith('Events missed'));
    await until('the slow one is told', () => told().length > 0);
    await settled(slow);
    const missed = told().reduce((sum, each) => sum + Number(/\d+/.exec(each)?.[0]), 0);
    const got = slow.events.length - told().length;
    assert.is(got + missed, sent);
    // 8 MB here, and what the system's socket buffers took
    assert.ok(got <= 24, `${got} events were queued`);
    const sequences = slow.events.map(({ metadata }) => metadata.sequence);
    assert.equal(
      [...sequences].sort((a, b) => a - b),
      sequences,
    );
  }));

test('a client that asks and never reads is not read from either', () =>
  withGateway(async ({ client, requests }) => {
    const [greedy, other] = [await client(), await client()];
    greedy.socket.pause();
    const asked = Array.from({ length: 60 }, () => greedy.channel.call('big', {}, { timeoutMs: 60_000 }));
    const ended = Promise.allSettled(asked);
    await until('its first calls ran', () => requests.length > 0);
    for (let turn = 0; turn < 50; turn++) await settled(other);
    const first = requests.filter(({ command }) => command === 'big').length;
    greedy.socket.write(json({ id: 10_000, command: 'last', args: {} }));
    for (let turn = 0; turn < 50; turn++) await settled(other);
    assert.not(
      requests.some(({ command }) => command === 'last'),
      `it ran after ${first} replies nobody read`,
    );
    greedy.socket.resume();
    for (const end of await ended) assert.is(end.status, 'fulfilled');
    await until('the last one ran', () => requests.some(({ command }) => command === 'last'));
  }));

test('stop() says goodbye, aborts what runs, takes the socket away, and may come twice', () =>
  withGateway(async ({ gateway, client, requests, path, counts }) => {
    const one = await client();
    const waiting = failure(() => one.channel.call('wait.it', {}));
    await until('it runs', () => requests.length === 1);
    await Promise.all([gateway.stop(), gateway.stop()]);
    assert.ok(requests[0]?.signal.aborted);
    assert.is((await waiting).code, 'DAEMON_UNREACHABLE');
    assert.match(JSON.stringify(one.controls), 'The daemon is stopping');
    assert.not(existsSync(path));
    assert.is(gateway.clients, 0);
    assert.is(counts.at(-1), 0);
    await gateway.stop();
  }));

test('stop() ends although a client reads nothing', () =>
  withGateway(async ({ gateway, client, hub }) => {
    const stuck = await client();
    subscribe(stuck, ['notices']);
    await settled(stuck);
    stuck.socket.pause();
    for (let n = 0; n < 20; n++) notice(hub, 'x'.repeat(1_000_000));
    const started = performance.now();
    await gateway.stop();
    assert.ok(performance.now() - started < 5_000);
    assert.is(gateway.clients, 0);
  }));

test('a half-sent frame keeps nothing waiting when its client goes or the daemon stops', () =>
  withGateway(async ({ gateway, client }) => {
    const [goes, stays] = [await client(), await client()];
    for (const { socket } of [goes, stays]) socket.write(header({ length: 1000 }).subarray(0, 7));
    await settled(await client());
    goes.socket.destroy();
    await until('it is gone', () => gateway.clients === 2);
    await gateway.stop();
    await stays.closed;
  }));

test('a client that ends its side is let go', () =>
  withGateway(async ({ client, gateway }) => {
    const one = await client();
    one.socket.end();
    await once(one.socket, 'close');
    await until('it is forgotten', () => gateway.clients === 0);
  }));

test.run();
