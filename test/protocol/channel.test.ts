import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Channel, type ChannelOptions } from '#protocol/channel.ts';
import { encodeFrame, FrameType } from '#protocol/frame.ts';
import { type ControlMessage, encodeJson } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

type Side = Omit<ChannelOptions, 'send'>;

/** Two channels joined in memory; bytes arrive in a later microtask, as from a stream. */
function pair(asked: Side = {}, asking: Side = {}): { server: Channel; client: Channel } {
  const server: Channel = new Channel({ ...asked, send: (bytes) => queueMicrotask(() => client.receive(bytes)) });
  const client: Channel = new Channel({ ...asking, send: (bytes) => queueMicrotask(() => server.receive(bytes)) });
  return { server, client };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof SandboxError ? error.code : `not a SandboxError: ${String(error)}`),
  );
  return outcome;
}

/** Waits until everything that was queued has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a call reaches the other side with its command, arguments, sandbox and folder', async () => {
  const calls: unknown[] = [];
  const { client } = pair({
    onCall: async (call) => {
      calls.push(call);
      return { done: true };
    },
  });
  assert.equal(await client.call('status', { a: 1 }, { folder: '/x', timeoutMs: 500 }), { done: true });
  assert.equal(calls, [{ id: 1, command: 'status', args: { a: 1 }, timeoutMs: 500, folder: '/x' }]);
});

test('calls under way at the same time each get their own answer, in whatever order', async () => {
  const seed = seedOf('concurrent calls');
  const random = randomFrom(seed);
  const { client } = pair({
    onCall: (call) => new Promise((resolve) => setTimeout(() => resolve(call.args['n']), random() * 5)),
  });
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  assert.equal(await Promise.all(numbers.map((n) => client.call('echo', { n }))), numbers);
});

test('an error crosses with its code, text and hint', async () => {
  const { client } = pair({
    onCall: () => Promise.reject(new SandboxError('LEASE_HELD', 'Cannot step: Ada drives', { hint: 'Ask her.' })),
  });
  const error = await client.call('step', {}).catch((thrown: unknown) => thrown as SandboxError);
  assert.instance(error, SandboxError);
  assert.equal((error as SandboxError).toData(), {
    code: 'LEASE_HELD',
    message: 'Cannot step: Ada drives',
    hint: 'Ask her.',
  });
});

test('a handler that throws, at once or later, answers INTERNAL', async () => {
  const later = pair({ onCall: () => Promise.reject(new TypeError('planted')) });
  assert.is(await codeOf(later.client.call('x', {})), 'INTERNAL');
  const atOnce = pair({
    onCall: () => {
      throw new TypeError('planted');
    },
  });
  assert.is(await codeOf(atOnce.client.call('x', {})), 'INTERNAL');
});

test('a side without a handler refuses calls', async () => {
  assert.is(await codeOf(pair().client.call('x', {})), 'UNKNOWN_COMMAND');
});

test('a call without an answer times out, and the other side’s signal aborts', async () => {
  let seen: AbortSignal | undefined;
  const { client } = pair({
    onCall: (_call, signal) => {
      seen = signal;
      return new Promise(() => undefined);
    },
  });
  assert.is(await codeOf(client.call('sleep', {}, { timeoutMs: 20 })), 'TIMEOUT');
  await settled();
  assert.is(seen?.aborted, true);
  assert.is((seen?.reason as SandboxError | undefined)?.code, 'CANCELLED');
});

test('aborting a call rejects with the signal’s reason and cancels it at the other side', async () => {
  let seen: AbortSignal | undefined;
  const { client } = pair({
    onCall: (_call, signal) => {
      seen = signal;
      return new Promise(() => undefined);
    },
  });
  const controller = new AbortController();
  const reason = new Error('enough');
  const outcome = client.call('sleep', {}, { signal: controller.signal }).catch((error: unknown) => error);
  await settled();
  controller.abort(reason);
  assert.is(await outcome, reason);
  await settled();
  assert.is(seen?.aborted, true);
  assert.is(await client.call('x', {}, { signal: controller.signal }).catch((error: unknown) => error), reason);
});

test('a reply that comes after the timeout harms nobody', async () => {
  let answer: (result: unknown) => void = () => undefined;
  const { client } = pair({
    onCall: (call) => (call.command === 'late' ? new Promise((resolve) => (answer = resolve)) : Promise.resolve('ok')),
  });
  assert.is(await codeOf(client.call('late', {}, { timeoutMs: 10 })), 'TIMEOUT');
  answer('too late');
  await settled();
  assert.is(await client.call('next', {}), 'ok');
});

test('a result over the frame limit is RESULT_TOO_LARGE, and the channel lives on', async () => {
  const { client } = pair({ onCall: async (call) => 'x'.repeat(Number(call.args['size'])), maxFrameBytes: 2_000 });
  assert.is(await codeOf(client.call('x', { size: 3_000 })), 'RESULT_TOO_LARGE');
  assert.is(await client.call('x', { size: 3 }), 'xxx');
});

test('a result that is no JSON is INTERNAL, and the channel lives on', async () => {
  const { client } = pair({ onCall: async (call) => (call.args['bad'] === true ? 1n : 'fine') });
  assert.is(await codeOf(client.call('x', { bad: true })), 'INTERNAL');
  assert.is(await client.call('x', {}), 'fine');
});

test('arguments over the frame limit reject the call and send nothing', async () => {
  const { client } = pair({ onCall: async () => 'reached' }, { maxFrameBytes: 200 });
  assert.is(await codeOf(client.call('x', { text: 'x'.repeat(300) })), 'FRAME_TOO_LARGE');
  assert.is(await client.call('x', {}), 'reached');
});

test('the 257th open call is refused', async () => {
  const { client } = pair({ onCall: () => new Promise(() => undefined) });
  const open = Array.from({ length: 256 }, () => client.call('sleep', {}).catch(() => undefined));
  assert.is(await codeOf(client.call('sleep', {})), 'LIMIT_EXCEEDED');
  client.close(new SandboxError('CANCELLED', 'test over'));
  await Promise.all(open);
});

test('a call id that is still open is refused, so that it cannot slip past the limit', async () => {
  let running = 0;
  const replies: Uint8Array[] = [];
  const channel = new Channel({
    send: (bytes) => replies.push(bytes),
    onCall: () => {
      running += 1;
      return new Promise(() => undefined);
    },
  });
  const bytes = encodeFrame(FrameType.call, encodeJson({ id: 1, command: 'sleep', args: {} }));
  for (let n = 0; n < 10; n++) channel.receive(bytes);
  assert.is(running, 1);
  assert.is(replies.length, 9);
});

test('closing rejects open calls with the reason, aborts those being served, and is heard once', async () => {
  let seen: AbortSignal | undefined;
  const { server, client } = pair({
    onCall: (_call, signal) => {
      seen = signal;
      return new Promise(() => undefined);
    },
  });
  const heard: SandboxError[] = [];
  client.events.on('close', (reason) => heard.push(reason));
  const call = client.call('sleep', {});
  const outcome = codeOf(call);
  await settled();
  const reason = new SandboxError('PEER_UNREACHABLE', 'gone');
  client.close(reason);
  client.close(new SandboxError('INTERNAL', 'again'));
  server.close(reason);
  assert.is(await outcome, 'PEER_UNREACHABLE');
  assert.is(seen?.aborted, true);
  assert.equal(heard, [reason]);
  assert.is(client.closed, true);
  assert.is(await codeOf(client.call('x', {})), 'PEER_UNREACHABLE');
});

test('a closed channel serves nothing more, not even the rest of the same chunk', () => {
  let served = 0;
  const channel: Channel = new Channel({
    send: () => undefined,
    onCall: async () => {
      served += 1;
      channel.close(new SandboxError('CANCELLED', 'enough'));
    },
  });
  const frame = (id: number): Uint8Array => encodeFrame(FrameType.call, encodeJson({ id, command: 'x', args: {} }));
  channel.receive(Buffer.concat([frame(1), frame(2)]));
  channel.receive(frame(3));
  assert.is(served, 1);
});

test('a stream that refuses bytes closes the channel instead of throwing into a timer', async () => {
  const channel = new Channel({
    send: () => {
      throw new Error('stream is closed');
    },
    onCall: async () => 'answer',
  });
  assert.is(await codeOf(channel.call('x', {}, { timeoutMs: 20 })), 'INTERNAL');
  assert.is(channel.closed, true);
});

test('casts, broadcasts, sync payloads and control messages each reach their listener', async () => {
  const heard: string[] = [];
  const { client } = pair({
    onCast: (cast) => heard.push(`cast ${cast.command}`),
    onBroadcast: (broadcast) => heard.push(`broadcast ${broadcast.topic}`),
    onSync: (payload) => heard.push(`sync ${payload.length}`),
    onControl: (control) => heard.push(`control ${control.command}`),
  });
  client.cast({ command: 'presence', args: {} });
  client.broadcast({ topic: 'pauses', event: {}, metadata: { sandbox: 'a'.repeat(40) as never, sequence: 1 } });
  client.sync(new Uint8Array(5));
  client.control({ command: 'bye', params: { reason: 'test' } });
  await settled();
  assert.equal(heard, ['cast presence', 'broadcast pauses', 'sync 5', 'control bye']);
});

test('a ping is answered with its nonce', async () => {
  const heard: ControlMessage[] = [];
  const { client } = pair({}, { onControl: (control) => heard.push(control) });
  client.control({ command: 'ping', params: { nonce: 42 } });
  await settled();
  assert.equal(heard, [{ command: 'pong', params: { nonce: 42 } }]);
});

test('garbage throws at receive(), so that the owner can drop the stream', () => {
  const code = (bytes: Uint8Array): string => {
    try {
      new Channel({ send: () => undefined, onCall: async () => 1 }).receive(bytes);
    } catch (error) {
      return error instanceof SandboxError ? error.code : String(error);
    }
    return 'accepted';
  };
  assert.is(code(new TextEncoder().encode('GET / HTTP/1.1\r\nhost: x\r\n\r\n')), 'BAD_FRAME');
  assert.is(code(encodeFrame(FrameType.call, Uint8Array.of(0xff))), 'BAD_JSON');
  assert.is(code(encodeFrame(FrameType.call, encodeJson({ id: 1 }))), 'BAD_ARGUMENT');
  assert.is(code(encodeFrame(FrameType.control, encodeJson({ command: 'reboot', params: {} }))), 'BAD_ARGUMENT');
});

test('a reply to a call that was never made is ignored', () => {
  const channel = new Channel({ send: () => undefined });
  channel.receive(encodeFrame(FrameType.reply, encodeJson({ id: 99, ok: true, result: 1 })));
  channel.receive(encodeFrame(FrameType.control, encodeJson({ command: 'cancel', params: { id: 99 } })));
});

test('an error code from elsewhere that we do not know becomes INTERNAL', async () => {
  const channel: Channel = new Channel({
    send: () =>
      queueMicrotask(() =>
        channel.receive(
          encodeFrame(FrameType.reply, encodeJson({ id: 1, ok: false, error: { code: 'NEW_CODE', message: 'm' } })),
        ),
      ),
  });
  assert.is(await codeOf(channel.call('x', {})), 'INTERNAL');
});

test.run();
