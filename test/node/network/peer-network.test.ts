// test: limit 120 s
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerHost } from '#node/network/peer-host.ts';
import { PEER_PROTOCOL } from '#node/network/peer-stream.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { encodeFrame, FrameType } from '#protocol/frame.ts';
import { JOIN_PROTOCOL } from '#protocol/join-messages.ts';
import { encodeJson } from '#protocol/messages.ts';
import type { MemberId } from '#shared/ids.ts';
import { LinkProxy, loopbackAddress } from './link-proxy.ts';
import { type Daemon, failureOf, meet, never, portOf, sees, until, type World, withWorld } from './network-fixture.ts';

async function pair(
  world: World,
): Promise<{ owner: Awaited<ReturnType<World['owner']>>; guest: Daemon; member: MemberId }> {
  const owner = await world.owner();
  const guest = await world.daemon('grace');
  const { link } = await world.invite(owner, { role: 'editor' });
  const member = await world.join(guest, link);
  await meet(owner, guest);
  return { owner, guest, member };
}

test('a call travels with its caller proven, its error and its timeout', () =>
  withWorld(async (world) => {
    const { owner, guest, member } = await pair(world);
    const { sandbox } = owner.replica;
    assert.equal(await guest.network.call(sandbox, 1 as MemberId, 'member.list', { a: 1 }), {
      echo: { a: 1 },
      from: member,
    });
    assert.equal(await owner.network.call(sandbox, member, 'member.list', {}), { echo: {}, from: 1 });
    owner.onCall = async (_sandbox, _member, call) => {
      throw Object.assign(new Error(`no ${call.command}`), { name: 'AbortError' });
    };
    assert.is((await failureOf(guest.network.call(sandbox, 1 as MemberId, 'x', {}))).code, 'CANCELLED');
    let aborted = false;
    owner.onCall = (_sandbox, _member, _call, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
      });
    const late = await failureOf(guest.network.call(sandbox, 1 as MemberId, 'slow', {}, { timeoutMs: 50 }));
    assert.is(late.code, 'TIMEOUT');
    await until(() => aborted, 'the callee hears of the timeout');
    const gone = await failureOf(guest.network.call(sandbox, 9 as MemberId, 'x', {}));
    assert.is(gone.code, 'PEER_UNREACHABLE');
  }));

test('broadcasts and replication reach the other side', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    const { sandbox } = owner.replica;
    const heard = guest.network.events.next('broadcast', { signal: AbortSignal.timeout(5000) });
    owner.network.broadcast(sandbox, 'presence', { presence: { member: 1 as MemberId, line: 7 } });
    const { topic, event, member, sequence } = await heard;
    assert.equal(
      { topic, event, member, sequence },
      { topic: 'presence', event: { presence: { member: 1, line: 7 } }, member: 1, sequence: 1 },
    );
    await guest.replica?.edit('debug', (doc) => void doc.getMap('breakpoints').set('2.abcd', { line: 1 }));
    await until(() => owner.replica.document('debug').getMap('breakpoints').has('2.abcd'), 'the edit arrives');
  }));

test('20,000 edits made while apart arrive over a stream that is waited for', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    await owner.network.stop();
    for (let batch = 0; batch < 200; batch++) {
      await guest.replica?.edit('debug', (doc) => {
        for (let i = 0; i < 100; i++) doc.getMap('breakpoints').set(`${batch}-${i}`, randomBytes(200).toString('hex'));
      });
    }
    await owner.restart();
    const map = owner.replica.document('debug').getMap('breakpoints');
    await until(() => map.size === 20_000, 'all edits arrive', 30_000);
  }));

test('a cut connection comes back by itself, whichever side lost it', () =>
  withWorld(async (world) => {
    const { owner, guest, member } = await pair(world);
    const { sandbox } = owner.replica;
    for (const side of [owner, guest, owner]) {
      const lost = owner.network.events.next('peer', { test: (event) => !event.connected });
      const back = owner.network.events.next('peer', { test: (event) => event.connected });
      await side.network.setReach(side.network.reach === 'lan' ? 'loopback' : 'lan');
      await lost;
      await back;
      await meet(owner, guest);
      assert.equal(await owner.network.call(sandbox, member, 'ping', {}), { echo: {}, from: 1 });
    }
  }));

test('a peer that goes silent is noticed in some seconds and reached another way', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const { link } = await world.invite(owner);
    const proxy = await LinkProxy.start(portOf(owner));
    try {
      const peers = [{ key: owner.key.publicKey, addresses: [loopbackAddress(proxy.port)] }];
      await world.join(guest, { ...link, peers });
      await meet(owner, guest);
      const frozenAt = Date.now();
      const noticed = [owner, guest].map((daemon) =>
        daemon.network.events.next('peer', { test: (event) => !event.connected }).then(() => Date.now() - frozenAt),
      );
      proxy.freeze();
      const delays = await Promise.all(noticed);
      assert.ok(
        delays.every((delay) => delay < 10_000),
        `noticed after ${delays} ms`,
      );
      await meet(owner, guest);
    } finally {
      proxy.stop();
    }
  }));

test('a restarted daemon finds its peers again from its own files, on its old port', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    const before = guest.network.addresses();
    await guest.network.stop();
    await until(() => !sees(owner, guest), 'the owner notices');
    await owner.network.stop();
    await owner.restart();
    await guest.restart();
    await meet(owner, guest);
    assert.equal(guest.network.addresses(), before);
    assert.match(await readFile(join(guest.folder, 'addresses.json'), 'utf8'), '127.0.0.1');
  }));

test('where a member has moved to, a link says, also to who has joined before', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    await world.join(guest, (await world.invite(owner)).link);
    await meet(owner, guest);
    const [before] = owner.network.addresses();
    await guest.network.stop();
    await owner.network.stop();
    // Another port, and it knows nobody's address: neither finds the other by itself.
    await rm(owner.folder, { recursive: true });
    const squatter = createServer().listen(Number(before?.split('/').at(-1)), '127.0.0.1');
    await once(squatter, 'listening');
    try {
      await owner.restart();
      await guest.restart();
      const { link } = await world.invite(owner);
      guest.network.suggest(link.sandbox, link.peers);
      await meet(owner, guest);
    } finally {
      squatter.close();
    }
  }));

test('two guests of one owner find each other', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    const third = await world.daemon('katherine');
    await world.join(third, (await world.invite(owner)).link);
    await meet(third, owner);
    await meet(third, guest);
    await owner.network.stop();
    await until(() => !sees(guest, owner), 'the owner is gone');
    assert.equal(await third.network.call(owner.replica.sandbox, 2 as MemberId, 'ping', {}), { echo: {}, from: 3 });
  }));

test('both sides dialing at once end up with one stream each time', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    for (let round = 0; round < 5; round++) {
      await Promise.all([owner.network.stop(), guest.network.stop()]);
      await Promise.all([owner.restart(), guest.restart()]);
      await meet(owner, guest);
      const replica = guest.replica;
      await replica?.edit('debug', (doc) => void doc.getMap('breakpoints').set(`round${round}`, round));
      await until(() => owner.replica.document('debug').getMap('breakpoints').has(`round${round}`), `round ${round}`);
    }
  }));

test('a removed member is cut off and its calls are refused', () =>
  withWorld(async (world) => {
    const { owner, guest, member } = await pair(world);
    await owner.replica.authority?.revoke(member);
    await until(() => !sees(owner, guest), 'it is gone at the owner');
    await until(() => guest.network.connected(owner.replica.sandbox).length === 0, 'it is gone at the guest');
    const error = await failureOf(guest.network.call(owner.replica.sandbox, 1 as MemberId, 'x', {}));
    assert.is(error.code, 'PEER_UNREACHABLE');
  }));

async function withStranger(
  owner: Daemon,
  use: (stranger: PeerHost, dial: () => ReturnType<PeerHost['dial']>) => Promise<void>,
): Promise<void> {
  const stranger = new PeerHost({ key: createSigningKey(), portFile: undefined, gate: () => false });
  await stranger.start();
  try {
    await use(stranger, () => stranger.dial(owner.key.publicKey, owner.network.addresses(), never()));
  } finally {
    await stranger.stop();
  }
}

test('a stranger that greets as a peer gets no call through and is dropped', () =>
  withWorld(async (world) => {
    // no hexadecimal id and no hash can hold this name by chance
    const owner = await world.owner('Wilhelmina');
    let served = 0;
    owner.onCall = async () => {
      served += 1;
    };
    await withStranger(owner, async (_stranger, dial) => {
      const stream = await (await dial()).newStream(PEER_PROTOCOL);
      const received: Uint8Array[] = [];
      stream.addEventListener('message', (event) => void received.push(event.data.subarray()));
      const { sandbox } = owner.replica;
      const hello = { command: 'hello', params: { agent: 'x', protocol: 1, sandbox, addresses: [] } };
      stream.send(encodeFrame(FrameType.control, encodeJson(hello)));
      stream.send(encodeFrame(FrameType.call, encodeJson({ id: 1, command: 'member.list', args: {} })));
      await until(() => stream.status !== 'open', 'the stream is dropped', 12_000);
      const text = Buffer.concat(received).toString('latin1');
      assert.match(text, 'FORBIDDEN');
      assert.not.match(text, 'Wilhelmina');
      assert.is(served, 0);
    });
  }));

test('garbage on either protocol ends its stream and nothing else', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    const { sandbox } = owner.replica;
    const hello = { command: 'hello', params: { agent: 'x', protocol: 1, sandbox, addresses: [] } };
    const header = (type: number, length: number): Buffer => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt32BE(0x534d5348, 0);
      bytes.writeUInt16BE(1, 4);
      bytes.writeUInt16BE(type, 6);
      bytes.writeUInt32BE(length, 8);
      return bytes;
    };
    const garbage: Uint8Array[] = [
      randomBytes(1),
      randomBytes(5000),
      header(1, 0xffff_ffff),
      header(99, 1),
      Buffer.concat([header(6, 3), Buffer.from('{"a')]),
      encodeFrame(FrameType.control, encodeJson({ command: 'hello', params: { agent: 'x', protocol: 99, sandbox } })),
      encodeFrame(FrameType.control, encodeJson({ command: 'hello', params: { agent: 'x', protocol: 1 } })),
      encodeFrame(FrameType.sync, randomBytes(100)),
      encodeFrame(FrameType.call, encodeJson({ id: 1, command: 'x', args: {} })),
      Buffer.concat([encodeFrame(FrameType.control, encodeJson(hello)), encodeFrame(FrameType.sync, randomBytes(64))]),
      Buffer.concat([
        encodeFrame(FrameType.control, encodeJson(hello)),
        encodeFrame(FrameType.control, encodeJson(hello)),
      ]),
      encodeFrame(
        FrameType.call,
        encodeJson({ id: 1, command: 'join.begin', args: { version: 1, pad: 'x'.repeat(5000) } }),
      ),
    ];
    await withStranger(owner, async (_stranger, dial) => {
      for (const protocol of [PEER_PROTOCOL, JOIN_PROTOCOL]) {
        for (const [i, bytes] of garbage.entries()) {
          const stream = await (await dial()).newStream(protocol);
          stream.addEventListener('message', () => undefined);
          stream.send(bytes);
          // What is merely incomplete or polite is waited for until a deadline; the rest ends at once.
          if (i < 1 || protocol === JOIN_PROTOCOL) {
            stream.abort(new Error('next'));
            continue;
          }
          await until(
            () => stream.status !== 'open' || stream.remoteWriteStatus !== 'writable',
            `garbage ${i} on ${protocol}`,
          );
        }
      }
    });
    assert.ok(sees(owner, guest));
    assert.equal(await guest.network.call(sandbox, 1 as MemberId, 'ping', {}), { echo: {}, from: 2 });
  }));

test('raw bytes on the port, and floods of connections, do not keep members out', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    const port = portOf(owner);
    const sockets = Array.from({ length: 50 }, () => createConnection(port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write(randomBytes(500));
    }
    assert.equal(await guest.network.call(owner.replica.sandbox, 1 as MemberId, 'ping', {}), { echo: {}, from: 2 });
    for (const socket of sockets) socket.destroy();
  }));

test('strangers may hold some connections, not all: members still come in', () =>
  withWorld(async (world) => {
    const { owner, guest } = await pair(world);
    await guest.network.stop();
    const strangers = Array.from(
      { length: 40 },
      () => new PeerHost({ key: createSigningKey(), portFile: undefined, gate: () => false }),
    );
    try {
      for (const stranger of strangers) {
        await stranger.start();
        const dialed = stranger.dial(owner.key.publicKey, owner.network.addresses(), never());
        const stream = await dialed.then((connection) => connection.newStream(PEER_PROTOCOL)).catch(() => undefined);
        stream?.addEventListener('message', () => undefined);
      }
      const held = owner.network.connectionCount();
      assert.ok(held <= 32, `${held} strangers are in`);
      await guest.restart();
      await meet(owner, guest);
    } finally {
      for (const stranger of strangers) await stranger.stop();
    }
  }));

test('stopping twice, starting twice and closing what is not open are harmless', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    await Promise.all([owner.network.start(), owner.network.start()]);
    owner.network.closeSandbox(owner.replica.sandbox);
    owner.network.closeSandbox(owner.replica.sandbox);
    await Promise.all([owner.network.stop(), owner.network.stop()]);
    assert.equal(owner.network.addresses(), []);
  }));

test.run();
