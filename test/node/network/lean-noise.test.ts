/** What a message costs on its way through libp2p: one write, no exception, and no event that nobody hears. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Session } from 'node:inspector';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeNeededEventsOnly } from '#node/network/needed-events.ts';
import { PeerHost } from '#node/network/peer-host.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { until } from '../../until.ts';

const PROTOCOL = '/test/lean/1';

interface Ends {
  readonly writes: number[];
  received: number;
}

/** Two hosts and a stream between them; `writes` are those of the dialer's socket. */
async function withStream(use: (send: (bytes: Uint8Array) => void, ends: Ends) => Promise<void>): Promise<void> {
  const dialer = new PeerHost({ key: createSigningKey(), portFile: undefined, gate: () => true });
  const ends: Ends = { writes: [], received: 0 };
  const watch = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    // not before: connecting takes back what was put in the place of `write`
    socket.once('connect', () => {
      const write = socket.write.bind(socket) as (bytes: Uint8Array) => boolean;
      socket.write = (bytes: unknown) => {
        ends.writes.push((bytes as Uint8Array).byteLength);
        return write(bytes as Uint8Array);
      };
    });
  };
  const key = createSigningKey();
  const host = new PeerHost({ key, portFile: undefined, gate: () => true });
  host.handle(PROTOCOL, (stream) => {
    stream.addEventListener('message', ({ data }) => {
      ends.received += data.byteLength;
    });
  });
  subscribe('net.client.socket', watch);
  try {
    await host.start();
    await dialer.start();
    const connection = await dialer.dial(key.publicKey, host.addresses(), new AbortController().signal);
    const stream = await connection.newStream(PROTOCOL);
    makeNeededEventsOnly(stream);
    await use((bytes) => void stream.send(bytes), ends);
  } finally {
    unsubscribe('net.client.socket', watch);
    await dialer.stop();
    await host.stop();
  }
}

test('a message leaves as one write, a large one too', () =>
  withStream(async (send, ends) => {
    send(new Uint8Array(1));
    await until(() => ends.received === 1, 'the stream is open');
    for (const size of [300, 100_000]) {
      const [writes, received] = [ends.writes.length, ends.received];
      send(new Uint8Array(size));
      await until(() => ends.received === received + size, `${size} bytes arrive`);
      assert.is(ends.writes.length - writes, 1);
    }
  }));

test('who has read all that came throws no exception', () =>
  withStream(async (send, ends) => {
    send(new Uint8Array(1));
    await until(() => ends.received === 1, 'the stream is open');
    // The debugger hears of what is caught, too.
    const debuggers = new Session();
    let thrown = 0;
    debuggers.connect();
    // Libp2p does other things at the same time; how a reader learns that nothing is left is a RangeError.
    debuggers.on('Debugger.paused', ({ params }) => {
      if (/^RangeError/.test(String((params.data as { description?: string } | undefined)?.description))) thrown++;
    });
    debuggers.post('Debugger.enable');
    debuggers.post('Debugger.setPauseOnExceptions', { state: 'all' });
    try {
      send(new Uint8Array(300));
      await until(() => ends.received === 301, 'it arrives');
    } finally {
      debuggers.disconnect();
    }
    assert.is(thrown, 0);
  }));

test('that its queue is empty again is told nobody when nobody listens', () =>
  withStream(async (send, ends) => {
    send(new Uint8Array(1));
    await until(() => ends.received === 1, 'the stream is open');
    const Original = globalThis.CustomEvent;
    const made: string[] = [];
    globalThis.CustomEvent = new Proxy(Original, {
      construct: (target, [type, detail]) => {
        if (type === 'idle') made.push(type);
        return new target(type, detail);
      },
    });
    try {
      send(new Uint8Array(300));
      await until(() => ends.received === 301, 'it arrives');
    } finally {
      globalThis.CustomEvent = Original;
    }
    assert.equal(made, []);
  }));

test.run();
