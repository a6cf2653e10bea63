/** What a caller gets wrong, and what the daemon refuses, is told to that caller alone: everything else goes on. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SandmeshClient } from '#client/sdk/client.ts';
import { connect } from '#client/sdk/connect.ts';
import type { CallOptions, Connector } from '#client/sdk/conversation.ts';
import { connectWithToken } from '#client/sdk/sdk.ts';
import { MAX_UI_MESSAGE_BYTES } from '#protocol/api/ui-messages.ts';
import { FRAME_VERSION } from '#protocol/frame.ts';
import { failure } from '../../node/failure.ts';
import { HERE, notice, withGateway } from '../../node/gateway/cli-rig.ts';
import { withApi } from '../../node/gateway/http/rig.ts';
import { until, withFakeDaemon } from '../fake-daemon.ts';

/** As a program in plain JavaScript would call it. */
type Untyped = {
  call(command: string, args: unknown, options?: object): Promise<unknown>;
  subscribe(topics: string, options?: object): AsyncIterableIterator<unknown>;
};

const wrongCalls: readonly [what: string, code: string, command: string, args: unknown, options: object][] = [
  ['no such command', 'UNKNOWN_COMMAND', 'chat.lst', {}, {}],
  ['a name that every object has', 'UNKNOWN_COMMAND', 'toString', {}, {}],
  ['arguments that are a list', 'BAD_ARGUMENT', 'chat.list', [], {}],
  ['arguments that are a text', 'BAD_ARGUMENT', 'chat.list', 'x', {}],
  ['no sandbox id', 'BAD_ARGUMENT', 'chat.list', {}, { sandbox: 'zz' }],
  ['a folder that is none', 'BAD_ARGUMENT', 'chat.list', {}, { folder: 5 }],
  ['less than no time', 'BAD_ARGUMENT', 'chat.list', {}, { timeoutMs: -1 }],
  ['a time that is none', 'BAD_ARGUMENT', 'chat.list', {}, { timeoutMs: Number.NaN }],
];

for (const [what, code, command, args, options] of wrongCalls) {
  test(`a call with ${what} fails alone`, () =>
    withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async ({ socketPath, calls }) => {
      const client = await connect({ socketPath, reconnect: true });
      let lost = 0;
      client.events.on('lost', () => lost++);
      assert.is((await failure(() => (client as Untyped).call(command, args, options))).code, code);
      await client.call('chat.list', {});
      assert.equal([lost, calls.length], [0, 1]);
      client.close();
    }));
}

test('a time limit may be a fraction, or none', () =>
  withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async ({ socketPath, calls }) => {
    const client = await connect({ socketPath });
    for (const timeoutMs of [10_000.5, Number.POSITIVE_INFINITY]) await client.call('chat.list', {}, { timeoutMs });
    assert.ok(calls.every(({ timeoutMs }) => Number.isSafeInteger(timeoutMs)));
    client.close();
  }));

test('a subscription to what there is not fails alone', () =>
  withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async ({ socketPath, controls }) => {
    const client = await connect({ socketPath, reconnect: true });
    for (const [topic, options] of [
      ['gossip', {}],
      ['chat', { sandbox: 'zz' }],
    ] as const) {
      const error = await failure(() => (client as Untyped).subscribe(topic, options).next());
      assert.is(error.code, 'BAD_ARGUMENT');
    }
    await client.call('chat.list', {});
    assert.equal(
      controls.map(({ command }) => command),
      ['hello'],
    );
    client.close();
  }));

test('a scope that the daemon refuses ends that subscription, with its reason', () =>
  withGateway(async ({ path, hub, counts }) => {
    const client = await connect({ socketPath: path, reconnect: true });
    let lost = 0;
    client.events.on('lost', () => lost++);
    const notices = client.subscribe('notices', { sandbox: HERE });
    const nowhere = client.subscribe('notices', { folder: '/nowhere' });
    assert.is((await failure(() => nowhere.next())).code, 'SANDBOX_UNKNOWN');
    await client.call('chat.list', {});
    notice(hub, 'on', HERE);
    const { value } = await notices.next();
    assert.equal([value?.event.text, lost, counts], ['on', 0, [1]]);
    client.close();
  }));

test('the time limit of a call covers connecting, and what is left of it the command', async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const never: Connector = (_events, { signal }) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const silent = new SandmeshClient({ connector: never });
  const error = await failure(() => silent.call('chat.list', {}, { timeoutMs: 20 }));
  assert.equal([error.code, signals[0]?.aborted], ['TIMEOUT', true]);
  silent.close();

  const limits: number[] = [];
  const slow: Connector = async () => {
    const until = performance.now() + 20;
    while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
    const call = async (_command: string, _args: object, { timeoutMs }: CallOptions): Promise<unknown> => {
      limits.push(timeoutMs);
      return {};
    };
    return { call, subscribe: () => undefined, close: () => undefined };
  };
  const client = new SandmeshClient({ connector: slow });
  await client.call('chat.list', {}, { timeoutMs: 60_000 });
  await client.call('chat.list', {}, { timeoutMs: 60_000 });
  assert.ok((limits[0] ?? 0) <= 59_981, `${limits[0]} ms were left`);
  assert.is(limits[1], 60_000);
  client.close();
});

test('a call too large for the local API fails alone, and an address may end with a slash', () =>
  withApi(async ({ api, token }) => {
    const client = await connectWithToken({ origin: `${api.origin}/`, token });
    let lost = 0;
    client.events.on('lost', () => lost++);
    for (const text of ['x'.repeat(MAX_UI_MESSAGE_BYTES), 'ö'.repeat(MAX_UI_MESSAGE_BYTES / 2)]) {
      assert.is((await failure(() => client.call('chat.send', { text }))).code, 'FRAME_TOO_LARGE');
    }
    await client.call('chat.send', { text: 'ö'.repeat(MAX_UI_MESSAGE_BYTES / 2 - 1_000) });
    assert.is(lost, 0);
    client.close();
  }));

test('a name of any length is shown by its beginning', () =>
  withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async ({ socketPath, controls }) => {
    const client = await connect({ socketPath, agent: 'x'.repeat(500) });
    await client.call('chat.list', {});
    await until(() => controls.length > 0);
    assert.equal(controls[0]?.params, { agent: 'x'.repeat(100), protocol: FRAME_VERSION });
    client.close();
  }));

test.run();
