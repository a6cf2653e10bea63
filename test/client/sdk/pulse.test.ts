import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { SandmeshClient } from '#client/sdk/client.ts';
import type { Connector } from '#client/sdk/conversation.ts';
import { framed } from '#client/sdk/framed-conversation.ts';
import { unixSocket } from '#client/sdk/unix-socket.ts';
import { webSocket } from '#client/sdk/websocket-conversation.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../../node/failure.ts';
import { HERE, withApi } from '../../node/gateway/http/rig.ts';
import { until, withFakeDaemon } from '../fake-daemon.ts';

/** Beats when a test says so. */
class Beats {
  readonly #tasks = new Set<() => void>();

  readonly every = (_ms: number, task: () => void): (() => void) => {
    this.#tasks.add(task);
    return () => void this.#tasks.delete(task);
  };

  beat(): void {
    for (const task of [...this.#tasks]) task();
  }

  get running(): number {
    return this.#tasks.size;
  }
}

test('a page that only listens is told when the daemon hangs, and not while it answers', () =>
  withApi(async ({ api, access }) => {
    const beats = new Beats();
    const sockets: WebSocket[] = [];
    const connector = webSocket({
      origin: api.origin,
      accessToken: async () => ({ accessToken: await access(), expiresInSeconds: 900 }),
      webSocket: (url, protocols) => {
        sockets.push(new WebSocket(url, protocols));
        return sockets.at(-1) as WebSocket;
      },
      every: beats.every,
    });
    const client = new SandmeshClient({ connector, scope: { sandbox: HERE } });
    await client.open();
    const [socket] = sockets as [WebSocket];
    try {
      const notices = client.subscribe('notices');
      await client.call('chat.list', {});
      for (let i = 0; i < 5; i++) {
        const answered = once(socket, 'message');
        beats.beat();
        await answered;
      }
      assert.ok(client.connected);
      // As if the daemon were stopped: the connection stays, and nothing comes through it.
      socket.pause();
      const next = failure(() => notices.next());
      for (let i = 0; i < 3; i++) beats.beat();
      const { code, message } = await next;
      assert.equal([code, message], ['DAEMON_UNREACHABLE', 'The daemon has not answered for 20 s']);
      assert.not.ok(client.connected);
      assert.is(beats.running, 0);
    } finally {
      client.close();
      socket.terminate();
    }
  }));

test('the own socket is no other, and a closed client asks no more', () =>
  withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async ({ socketPath, controls }) => {
    const beats = new Beats();
    let hangs = false;
    let heard = 0;
    const connector = framed(
      (events, options) =>
        unixSocket(socketPath)(
          {
            ...events,
            onData: (chunk) => {
              if (hangs) return;
              events.onData(chunk);
              heard++;
            },
          },
          options,
        ),
      beats.every,
    );
    const client = new SandmeshClient({ connector, reconnect: true });
    await client.open();
    for (let i = 1; i <= 5; i++) {
      beats.beat();
      await until(() => heard === i);
    }
    assert.is(controls.filter(({ command }) => command === 'ping').length, 5);
    hangs = true;
    const lost = client.events.next('lost');
    const back = client.events.next('connected', { signal: AbortSignal.timeout(10_000) });
    for (let i = 0; i < 3; i++) beats.beat();
    assert.match((await lost).message, /has not answered/);
    hangs = false;
    await back;
    await client.call('chat.list', {});
    client.close();
    assert.is(beats.running, 0);
  }));

test('an attempt to come back to a daemon that hangs is given up for another', async () => {
  let attempts = 0;
  let lose = (): void => undefined;
  const conversation = { call: async () => ({}), subscribe: () => undefined, close: () => undefined };
  const connector: Connector = async (events, { signal }) => {
    if (++attempts === 2) {
      // It takes the connection and says nothing.
      return new Promise((_resolve, reject) => {
        const open = setInterval(() => undefined, 60_000);
        const end = (): void => {
          clearInterval(open);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', end, { once: true });
      });
    }
    lose = () => events.onLost(new SandboxError('DAEMON_UNREACHABLE', 'gone'));
    return conversation;
  };
  const client = new SandmeshClient({ connector, reconnect: true, attemptLimitMs: 20 });
  await client.open();
  lose();
  await client.events.next('connected', { signal: AbortSignal.timeout(10_000) });
  assert.is(attempts, 3);
  client.close();
});

test.run();
