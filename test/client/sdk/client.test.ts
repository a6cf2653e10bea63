import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SandmeshClient } from '#client/sdk/client.ts';
import { connect } from '#client/sdk/connect.ts';
import type { Connector } from '#client/sdk/conversation.ts';
import { Subscription } from '#client/sdk/subscription.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { until, withFakeDaemon } from '../fake-daemon.ts';

const line = (text: string) => ({ line: { member: 1 as MemberId, text, at: 1 } });

async function rejection(promise: Promise<unknown>): Promise<SandboxError> {
  try {
    await promise;
  } catch (error) {
    return SandboxError.from(error);
  }
  throw new Error('it did not reject');
}

test('call() reaches the daemon with the scope and gives its result', async () => {
  await withFakeDaemon({ 'chat.list': () => ({ lines: [line('hi').line] }) }, async ({ socketPath, calls }) => {
    const client = await connect({ socketPath, scope: { folder: '/project' } });
    const { lines } = await client.call('chat.list', { limit: 3 });
    assert.is(lines[0]?.text, 'hi');
    assert.is(calls[0]?.folder, '/project');
    assert.equal(calls[0]?.args, { limit: 3 });
    client.close();
  });
});

test('call() rejects with the daemon error, code and hint kept', async () => {
  const refuse = () => {
    throw new SandboxError('NOT_PAUSED', 'Cannot step', { hint: 'Pause it first.' });
  };
  await withFakeDaemon({ 'execution.step': refuse }, async ({ socketPath }) => {
    const client = await connect({ socketPath });
    const error = await rejection(client.call('execution.step', { kind: 'over' }));
    assert.is(error.code, 'NOT_PAUSED');
    assert.is(error.hint, 'Pause it first.');
    client.close();
  });
});

test('connect() says that no daemon runs when the socket is not there', async () => {
  const error = await rejection(connect({ socketPath: '/tmp/there/is/no.sock' }));
  assert.is(error.code, 'DAEMON_UNREACHABLE');
  assert.match(error.message, 'no daemon is running');
});

test('an aborted signal cancels the call at the daemon too', async () => {
  const never = () => new Promise(() => undefined);
  await withFakeDaemon({ 'chat.list': never }, async ({ socketPath, calls, controls }) => {
    const client = await connect({ socketPath });
    const controller = new AbortController();
    const call = rejection(client.call('chat.list', {}, { signal: controller.signal }));
    await until(() => calls.length === 1);
    controller.abort(new SandboxError('CANCELLED', 'enough'));
    assert.is((await call).message, 'enough');
    // The Channel itself consumes cancel; what the daemon sees is the connection going on.
    await until(() => controls.some((control) => control.command === 'hello'));
    client.close();
  });
});

test('subscribe() yields the events of its topics only, and ends on close', async () => {
  await withFakeDaemon({}, async (daemon) => {
    const client = await connect({ socketPath: daemon.socketPath });
    const chat = client.subscribe('chat');
    await until(() => daemon.controls.some((control) => control.command === 'subscribe'));
    daemon.broadcast('notices', { level: 'info', text: 'not for us' });
    daemon.broadcast('chat', line('one'));
    daemon.broadcast('chat', line('two'));
    const texts = [(await chat.next()).value?.event.line.text, (await chat.next()).value?.event.line.text];
    assert.equal(texts, ['one', 'two']);
    client.close();
    assert.is((await chat.next()).done, true);
  });
});

test('with reconnect a subscription goes on after the daemon came back', async () => {
  await withFakeDaemon({}, async (daemon) => {
    const client = await connect({ socketPath: daemon.socketPath, reconnect: true });
    const chat = client.subscribe('chat');
    const subscribed = () => daemon.controls.filter((control) => control.command === 'subscribe').length;
    await until(() => subscribed() === 1);
    const back = client.events.next('connected');
    const lost = client.events.next('lost');
    await daemon.stop();
    await lost;
    await daemon.listen();
    await back;
    await until(() => subscribed() === 2);
    daemon.broadcast('chat', line('again'));
    assert.is((await chat.next()).value?.event.line.text, 'again');
    client.close();
  });
});

test('without reconnect a lost daemon fails open calls and subscriptions', async () => {
  await withFakeDaemon({ 'chat.list': () => new Promise(() => undefined) }, async (daemon) => {
    const client = await connect({ socketPath: daemon.socketPath });
    const chat = client.subscribe('chat');
    const read = rejection(chat.next());
    const call = rejection(client.call('chat.list', {}));
    await until(() => daemon.calls.length === 1);
    daemon.cut();
    assert.is((await call).code, 'DAEMON_UNREACHABLE');
    assert.is((await read).code, 'DAEMON_UNREACHABLE');
    client.close();
  });
});

test('without reconnect a subscription after the loss fails as well, until a call has brought the daemon back', async () => {
  await withFakeDaemon({ 'chat.list': () => ({ lines: [] }) }, async (daemon) => {
    const client = await connect({ socketPath: daemon.socketPath });
    const lost = client.events.next('lost');
    daemon.cut();
    await lost;
    assert.is((await rejection(client.subscribe('chat').next())).code, 'DAEMON_UNREACHABLE');
    await client.call('chat.list', {});
    const chat = client.subscribe('chat');
    await until(() => daemon.controls.some((control) => control.command === 'subscribe'));
    daemon.broadcast('chat', line('again'));
    assert.is((await chat.next()).value?.event.line.text, 'again');
    client.close();
  });
});

test('the daemon’s last word is the reason of what its going ends', async () => {
  await withFakeDaemon({ 'chat.list': () => new Promise(() => undefined) }, async (daemon) => {
    const client = await connect({ socketPath: daemon.socketPath });
    const [read, call] = [rejection(client.subscribe('chat').next()), rejection(client.call('chat.list', {}))];
    await until(() => daemon.calls.length === 1);
    const said = client.events.next('bye');
    daemon.bye();
    await said;
    daemon.cut();
    for (const error of [await read, await call]) assert.match(error.message, /goodbye: stopped/);
    client.close();
  });
});

test('what loses each new connection at once is tried again less and less often', async () => {
  const opened: number[] = [];
  const connector: Connector = async (events) => {
    opened.push(performance.now());
    setImmediate(() => events.onLost(new SandboxError('DAEMON_UNREACHABLE', 'not you')));
    return { call: async () => undefined, subscribe: () => undefined, close: () => undefined };
  };
  const client = new SandmeshClient({ connector, reconnect: true });
  await client.open();
  await until(() => opened.length === 5);
  client.close();
  const [first = 0, last = 0] = [opened[0], opened.at(-1)];
  assert.ok(last - first > 1_400, `100, 200, 400 and 800 ms, not ${last - first} in all`);
});

test('of several who wait for a connection each gives up for itself, and closing ends all', async () => {
  const signals: AbortSignal[] = [];
  let open = (): void => undefined;
  const connector: Connector = (_events, { signal }) => {
    signals.push(signal as AbortSignal);
    return new Promise((resolve) => {
      const conversation = { call: async () => 'answered', subscribe: () => undefined, close: () => undefined };
      open = () => resolve(conversation);
    });
  };
  const enough = new SandboxError('CANCELLED', 'enough');
  const client = new SandmeshClient({ connector });
  const hasty = new AbortController();
  const given = rejection(client.call('chat.list', {}, { signal: hasty.signal }));
  const patient = client.call('chat.list', {});
  hasty.abort(enough);
  assert.is(await given, enough);
  assert.not(signals[0]?.aborted);
  open();
  assert.is(await patient, 'answered');

  const another = new SandmeshClient({ connector });
  const only = new AbortController();
  const left = rejection(another.call('chat.list', {}, { signal: only.signal }));
  only.abort(enough);
  assert.is(await left, enough);
  assert.is(signals[1]?.reason, enough, 'nobody waits for it any more');
  const waiting = rejection(another.call('chat.list', {}));
  another.close();
  assert.is((await waiting).message, 'The client was closed');
  assert.is(signals.length, 3, 'what was given up is not joined');
});

test('reads that came before their events get them in order, and all end', async () => {
  const queue = new Subscription<'chat'>(['chat'], () => undefined);
  const reads = [queue.next(), queue.next(), queue.next()];
  const message = { topic: 'chat' as const, sandbox: 'ab' as never };
  for (const [sequence, text] of ['a', 'b'].entries()) queue.push({ ...message, event: line(text), sequence });
  queue.end();
  const texts = (await Promise.all(reads)).map(({ value, done }) => (done ? 'done' : value.event.line.text));
  assert.equal(texts, ['a', 'b', 'done']);
});

test('bytes that are no frame end the connection instead of the process', async () => {
  const { createServer } = await import('node:net');
  const { mkdtempSync, rmSync } = await import('node:fs');
  const folder = mkdtempSync('/tmp/sm-');
  const server = createServer((socket) => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => void server.listen(`${folder}/s.sock`, resolve));
  const client = await connect({ socketPath: `${folder}/s.sock` });
  const error = await rejection(client.call('chat.list', {}));
  assert.ok(['BAD_FRAME', 'DAEMON_UNREACHABLE'].includes(error.code), error.code);
  client.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

test('a reader that falls behind loses the oldest events and is told how many', async () => {
  const queue = new Subscription<'chat'>(['chat'], () => undefined, 2);
  for (const [sequence, text] of ['a', 'b', 'c', 'd'].entries()) {
    queue.push({ topic: 'chat', event: line(text), sandbox: 'ab' as never, sequence });
  }
  const first = (await queue.next()).value;
  assert.is(first?.event.line.text, 'c');
  assert.is(first?.dropped, 2);
});

test('a thousand calls at once are answered, each in its turn; who waits for one gives up like any other', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const answer = async () => {
    await held;
    return { lines: [] };
  };
  await withFakeDaemon({ 'chat.list': answer }, async ({ socketPath, calls }) => {
    const client = await connect({ socketPath });
    const all = Promise.all(Array.from({ length: 1_000 }, () => client.call('chat.list', {})));
    await until(() => calls.length === 200);
    const abort = new AbortController();
    const aborted = rejection(client.call('chat.list', {}, { signal: abort.signal }));
    abort.abort(new SandboxError('CANCELLED', 'enough'));
    assert.is((await aborted).message, 'enough');
    const late = await rejection(client.call('chat.list', {}, { timeoutMs: 20 }));
    assert.equal([late.code, late.message.endsWith('200 calls of this client are under way')], ['TIMEOUT', true]);
    assert.is(calls.length, 200);
    release();
    assert.is((await all).length, 1_000);
    assert.is(calls.length, 1_000);
    client.close();
  });
});

test('calls that wait for their turn hear that the daemon went away', async () => {
  await withFakeDaemon({ 'chat.list': () => new Promise(() => undefined) }, async ({ socketPath, calls, cut }) => {
    const client = await connect({ socketPath });
    const all = Array.from({ length: 300 }, () => rejection(client.call('chat.list', {})));
    await until(() => calls.length === 200);
    cut();
    for (const { code } of await Promise.all(all)) assert.is(code, 'DAEMON_UNREACHABLE');
    client.close();
  });
});

test.run();
