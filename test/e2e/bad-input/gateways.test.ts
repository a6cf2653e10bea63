// test: full
// test: limit 180 s
/**
 * Malformed frames, JSON and CBOR on every way into a daemon: the CLI's socket, the harness socket, and both libp2p
 * protocols, there as a stranger and as a member gone bad. Whoever sends garbage loses its connection; nobody else
 * notices.
 */

import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';
import { encode } from 'cborg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAddressBytes } from '#node/network/addresses.ts';
import { PeerHost } from '#node/network/peer-host.ts';
import { PEER_PROTOCOL } from '#node/network/peer-stream.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey, loadOrCreateKey, type SigningKey } from '#node/security/identity.ts';
import { encodeFrame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import { JOIN_PROTOCOL } from '#protocol/join-messages.ts';
import { parseLink } from '#protocol/link.ts';
import { encodeJson } from '#protocol/messages.ts';
import { eventually } from '../mesh/members.ts';
import { pathsOf, type Scene, withScene } from './scene.ts';

function header(type: number, length: number, version = 1): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(0x534d5348, 0);
  bytes.writeUInt16BE(version, 4);
  bytes.writeUInt16BE(type, 6);
  bytes.writeUInt32BE(length, 8);
  return bytes;
}

function frame(type: FrameType, payload: string | Uint8Array): Uint8Array {
  return encodeFrame(type, typeof payload === 'string' ? Buffer.from(payload) : payload);
}

/** What no stream of frames starts with. */
const brokenFrames: readonly [string, Uint8Array][] = [
  ['random bytes', randomBytes(5_000)],
  ['a web request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a frame of 4 GB', header(FrameType.call, 0xffff_ffff)],
  ['a frame of a later version', header(FrameType.call, 2, 99)],
  ['a frame of an unknown type', Buffer.concat([header(99, 2), Buffer.from('{}')])],
];

/** Frames as they should be, with something else in them. */
const brokenJson: readonly [string, Uint8Array][] = [
  ['JSON cut short', frame(FrameType.call, '{"id":1,"command":"daemon.sta')],
  ['no UTF-8', frame(FrameType.call, Buffer.from([0x22, 0xff, 0xfe, 0x22]))],
  ['nothing', frame(FrameType.call, '')],
  ['null', frame(FrameType.call, 'null')],
  ['a list', frame(FrameType.call, '[1, 2, 3]')],
  ['100,000 levels of lists', frame(FrameType.call, '['.repeat(100_000))],
  ['a call with a negative id', frame(FrameType.call, '{"id":-1,"command":"daemon.status","args":{}}')],
  ['a call whose arguments are a list', frame(FrameType.call, '{"id":1,"command":"daemon.status","args":[]}')],
  ['an unknown word about the connection', frame(FrameType.control, '{"command":"obey","params":{}}')],
];

/** The bytes of a connection, and its end. */
class Visitor {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;

  constructor(socketPath: string) {
    this.socket = createConnection(socketPath);
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    // being thrown out is what is expected here
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Payloads of the frames received so far. */
  messages(): Record<string, unknown>[] {
    const frames = new FrameDecoder().push(this.received);
    return frames.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()));
  }
}

async function thrownOut(socketPath: string, what: string, bytes: Uint8Array): Promise<Visitor> {
  const visitor = new Visitor(socketPath);
  visitor.socket.write(bytes);
  await eventually(`the end of the connection after ${what}`, () => (visitor.closed ? true : undefined), 10_000);
  return visitor;
}

/** Somebody else is answered, and at once. */
async function stillServes({ host }: Scene): Promise<void> {
  const asked = performance.now();
  const client = await host.client();
  await client.call('daemon.status', {});
  client.close();
  assert.ok(performance.now() - asked < 2_000);
}

test('the CLI socket: broken frames and JSON end their connection with a word why', () =>
  withScene(async (scene) => {
    const { daemonSocket } = pathsOf(scene.host);
    for (const [what, bytes] of [...brokenFrames, ...brokenJson]) {
      const [bye = {}] = (await thrownOut(daemonSocket, what, bytes)).messages();
      assert.is(bye['command'], 'bye', what);
      assert.match((bye['params'] as { reason: string }).reason, /^Cannot /);
    }
    await stillServes(scene);
  }));

test('the CLI socket: calls that mean nothing are answered, and the connection goes on', () =>
  withScene(async (scene) => {
    const visitor = new Visitor(pathsOf(scene.host).daemonSocket);
    const calls: readonly [string, object, string][] = [
      ['no.such.command', {}, 'UNKNOWN_COMMAND'],
      ['__proto__', {}, 'UNKNOWN_COMMAND'],
      ['constructor', {}, 'UNKNOWN_COMMAND'],
      ['config.get', {}, 'BAD_ARGUMENT'],
      ['config.get', { key: 7 }, 'BAD_ARGUMENT'],
      ['config.get', { key: '__proto__' }, 'CONFIG_INVALID'],
      ['config.get', { key: 'name', more: true }, 'BAD_ARGUMENT'],
      ['sandbox.join', { link: 'x'.repeat(3_000_000) }, 'BAD_LINK'],
      ['chat.send', { text: 'x'.repeat(1_000_000) }, 'BAD_ARGUMENT'],
      ['target.attach', { where: '\u0000' }, 'BAD_ARGUMENT'],
    ];
    for (const [index, [command, args]] of calls.entries()) {
      visitor.socket.write(encodeFrame(FrameType.call, encodeJson({ id: index, command, args })));
    }
    await eventually('all answers', () => (visitor.messages().length === calls.length ? true : undefined));
    for (const [index, [command, , code]] of calls.entries()) {
      const reply = visitor.messages().find(({ id }) => id === index);
      assert.is((reply?.['error'] as { code: string } | undefined)?.code, code, command);
    }
    visitor.socket.destroy();
    await stillServes(scene);
  }));

test('the CLI socket: half frames, single bytes and 200 idle connections keep nobody waiting', () =>
  withScene(async (scene) => {
    const { daemonSocket } = pathsOf(scene.host);
    const idle = Array.from({ length: 200 }, () => new Visitor(daemonSocket));
    for (const [index, visitor] of idle.entries()) {
      const whole = encodeFrame(FrameType.call, encodeJson({ id: 1, command: 'daemon.status', args: {} }));
      visitor.socket.write(whole.subarray(0, index % whole.length));
    }
    const slow = new Visitor(daemonSocket);
    for (const byte of encodeFrame(FrameType.call, encodeJson({ id: 1, command: 'daemon.status', args: {} }))) {
      slow.socket.write(Uint8Array.of(byte));
    }
    await eventually('the answer to the slow one', () => (slow.messages().length === 1 ? true : undefined));
    await stillServes(scene);
    for (const visitor of [...idle, slow]) visitor.socket.destroy();
  }));

test('the harness socket: whoever shows no ticket of a launch is refused, and a program that is one comes to no harm', () =>
  withScene(async (scene) => {
    const { host, file } = scene;
    const { targetsSocket } = pathsOf(host);
    const run = host.start(
      'run',
      '--private',
      '--',
      process.execPath,
      file('idle.js', "setInterval(() => undefined, 1000); console.log('ready');"),
    );
    await run.line(/^ready$/);
    const hello = {
      type: 'hello',
      protocol: 1,
      launch: 'eyJpZCI6IjEifQ.AAAA',
      pid: process.pid,
      ppid: 1,
      startedAt: 0,
      argv: [],
      execArgv: [],
      cwd: '/',
      nodeVersion: 'v20',
      held: false,
    };
    const strangers: readonly [string, Uint8Array][] = [
      ['a ticket that is none', frame(FrameType.control, JSON.stringify(hello))],
      ['a ticket without a proof', frame(FrameType.control, JSON.stringify({ ...hello, launch: '' }))],
      ['a hello of a later version', frame(FrameType.control, JSON.stringify({ ...hello, protocol: 2 }))],
      ['CDP before hello', frame(FrameType.sync, randomBytes(100))],
      ['a hello of 1 MB', header(FrameType.control, 1_000_000)],
    ];
    for (const [what, bytes] of [...brokenFrames, ...brokenJson, ...strangers]) {
      await thrownOut(targetsSocket, what, bytes);
    }
    const { targets } = await host.ask('target.list', 'targets');
    assert.equal(
      targets.map(({ state }) => state),
      ['running'],
    );
    assert.is(run.ended, false);
  }));

interface Door {
  readonly sandbox: string;
  readonly key: Uint8Array;
  readonly addresses: readonly string[];
}

async function doorOf({ host }: Scene): Promise<Door> {
  const { link = '', sandbox } = await host.ask('sandbox.open', 'open');
  const [peer] = parseLink(link, new NodeCrypto()).peers;
  if (peer === undefined) throw new Error('the link names nobody');
  return {
    sandbox: sandbox.id,
    key: peer.key,
    addresses: peer.addresses.flatMap((each) => parseAddressBytes(each) ?? []),
  };
}

async function withPeer(key: SigningKey, body: (peer: PeerHost) => Promise<void>): Promise<void> {
  const peer = new PeerHost({ key, portFile: undefined, gate: () => false });
  await peer.start();
  try {
    await body(peer);
  } finally {
    await peer.stop();
  }
}

/** Opens a stream, sends, and waits until the other side has ended it, or for `patienceMs` where it need not. */
async function send(peer: PeerHost, door: Door, protocol: string, parts: readonly Uint8Array[], patienceMs?: number) {
  const connection = await peer.dial(door.key, door.addresses, new AbortController().signal);
  const stream = await connection.newStream(protocol);
  stream.addEventListener('message', () => undefined);
  for (const part of parts) if (stream.status === 'open') stream.send(part);
  const ended = () => (stream.status !== 'open' || stream.remoteWriteStatus !== 'writable' ? true : undefined);
  if (patienceMs === undefined) await eventually('the end of the stream', ended, 15_000);
  else await eventually('the end of the stream', ended, patienceMs).catch(() => undefined);
  stream.abort(new Error('next'));
}

test('both libp2p protocols, from a stranger: broken frames and JSON end their stream', () =>
  withScene(async (scene) => {
    const door = await doorOf(scene);
    await withPeer(createSigningKey(), async (peer) => {
      for (const protocol of [PEER_PROTOCOL, JOIN_PROTOCOL]) {
        for (const [, bytes] of [...brokenFrames, ...brokenJson]) await send(peer, door, protocol, [bytes]);
      }
      for (const [command, args] of [
        ['join.begin', { version: 99 }],
        ['join.prove', { sandbox: door.sandbox }],
        ['join.prove', { sandbox: door.sandbox, invite: 'ab'.repeat(32), signature: 'cd'.repeat(64), name: 'x' }],
        ['member.list', {}],
      ] as const) {
        const call = encodeFrame(FrameType.call, encodeJson({ id: 1, command, args }));
        await send(peer, door, JOIN_PROTOCOL, [call], 1_000);
      }
    });
    assert.equal((await scene.host.ask('request.list', 'requests')).requests, []);
    assert.is((await scene.host.ask('member.list', 'members')).members.length, 1);
    await stillServes(scene);
  }));

/** Replication's messages are CBOR: this is what they are not. */
function brokenCbor(): [string, Uint8Array][] {
  return [
    ['random bytes', randomBytes(1_000)],
    ['nothing', new Uint8Array(0)],
    ['a text of 2^63 bytes', Buffer.from('7b7fffffffffffffff', 'hex')],
    ['a list of 2^32 items', Buffer.from('9affffffff', 'hex')],
    ['an endless list', Buffer.from('9f01', 'hex')],
    ['100,000 levels of lists', Buffer.alloc(100_000, 0x81)],
    ['a tag', Buffer.from('c11a514b67b0', 'hex')],
    ['a number', encode(7)],
    ['a map', encode({ type: 'heads' })],
    ['a list of nothing known', encode([99, 'x', [1, 2, 3]])],
    ['heads of nobody', encode([1, [[-1, 0, 2 ** 53]]])],
    ...Array.from({ length: 12 }, (_, kind): [string, Uint8Array] => [
      `kind ${kind} with rubbish`,
      encode([kind, 'rubbish', new Uint8Array(64), [], null]),
    ]),
  ];
}

test('the peer protocol, from a member gone bad: CBOR that is none ends its stream; as itself it is welcome again', () =>
  withScene(async (scene) => {
    const { host, member } = scene;
    const door = await doorOf(scene);
    const guest = member('g', 'elsewhere');
    const { link = '' } = await host.ask('sandbox.open', 'open');
    await guest.join(link, host, 'mallory');
    await guest.ask('daemon.stop', 'stop');
    const key = await loadOrCreateKey(path.join(pathsOf(guest).keysDir, 'device.key'));
    const hello = frame(
      FrameType.control,
      JSON.stringify({ command: 'hello', params: { agent: 'x', protocol: 1, sandbox: door.sandbox, addresses: [] } }),
    );
    await withPeer(key, async (peer) => {
      for (const [, bytes] of brokenCbor()) {
        // What decodes may be something to wait for; what does not is the end.
        await send(peer, door, PEER_PROTOCOL, [hello, frame(FrameType.sync, bytes)], 2_000);
      }
    });
    await guest.ask('config.list', 'config');
    await eventually('the guest to be here again', async () => {
      const { members } = await host.see('member.list');
      return members.some(({ name, online }) => name === 'mallory' && online) ? true : undefined;
    });
    const { id } = await guest.ask('breakpoint.add', 'break', 'add', 'app.js:1');
    await eventually('its breakpoint', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return breakpoints.some((breakpoint) => breakpoint.id === id) ? true : undefined;
    });
  }));

test.run();
