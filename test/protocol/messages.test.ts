import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callSchema, controlSchema, decodeJson, encodeJson, replySchema } from '#protocol/messages.ts';
import { broadcastSchema, TOPIC_NAMES, topics } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

function errorOf(act: () => unknown): SandboxError {
  try {
    act();
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error('nothing thrown');
}

test('a call passes encode and decode unchanged', () => {
  const call = { id: 3, command: 'status', args: { target: '1.00aa11bb', deep: [1, { a: null }] }, timeoutMs: 50 };
  assert.equal(decodeJson(encodeJson(call), callSchema), call);
});

test('text outside ASCII survives', () => {
  const call = { id: 0, command: 'chat', args: { text: 'größer 🙂 \u2028' } };
  assert.equal(decodeJson(encodeJson(call), callSchema), call);
});

test('bytes that are no UTF-8 or no JSON are BAD_JSON', () => {
  for (const bytes of [Uint8Array.of(0xff, 0xfe), new Uint8Array(0), encodeJson('x').subarray(0, 2)]) {
    assert.is(errorOf(() => decodeJson(bytes, callSchema)).code, 'BAD_JSON');
  }
});

test('JSON of the wrong shape is BAD_ARGUMENT and the text names the path', () => {
  const { code, message } = errorOf(() =>
    decodeJson(encodeJson({ id: 1, command: 'x', args: {}, sandbox: 'zz' }), callSchema),
  );
  assert.is(code, 'BAD_ARGUMENT');
  assert.match(message, 'sandbox');
});

test('request ids are whole and not negative, command names are bounded', () => {
  for (const call of [
    { id: -1, command: 'x', args: {} },
    { id: 1.5, command: 'x', args: {} },
    { id: 1, command: 'x'.repeat(81), args: {} },
    { id: 1, command: 'x', args: [] },
    { id: 1, command: 'x' },
  ]) {
    assert.is(errorOf(() => decodeJson(encodeJson(call), callSchema)).code, 'BAD_ARGUMENT');
  }
});

test('a prototype key in the arguments reaches nobody', () => {
  const bytes = new TextEncoder().encode('{"id":1,"command":"x","args":{"__proto__":{"file":"/etc/passwd"}}}');
  const { args } = decodeJson(bytes, callSchema);
  assert.is(args['file'], undefined);
  assert.is(({} as Record<string, unknown>)['file'], undefined);
});

test('a reply holds a result or an error, told apart by ok', () => {
  assert.equal(decodeJson(encodeJson({ id: 1, ok: true, result: [1] }), replySchema), { id: 1, ok: true, result: [1] });
  const refused = { id: 1, ok: false, error: { code: 'FORBIDDEN', message: 'No', hint: 'Ask' } };
  assert.equal(decodeJson(encodeJson(refused), replySchema), refused);
  assert.is(errorOf(() => decodeJson(encodeJson({ id: 1, ok: false }), replySchema)).code, 'BAD_ARGUMENT');
});

test('an unknown control command is refused', () => {
  const bytes = encodeJson({ command: 'shutdown', params: {} });
  assert.is(errorOf(() => decodeJson(bytes, controlSchema)).code, 'BAD_ARGUMENT');
});

test('a subscription names at most 40 topics', () => {
  const subscribe = (count: number): object => ({
    command: 'subscribe',
    params: { topics: Array.from({ length: count }, () => 'pauses') },
  });
  decodeJson(encodeJson(subscribe(40)), controlSchema);
  assert.is(errorOf(() => decodeJson(encodeJson(subscribe(41)), controlSchema)).code, 'BAD_ARGUMENT');
});

test('a broadcast names a known topic, and every topic has a schema', () => {
  const metadata = { sandbox: 'a'.repeat(40), sequence: 0 };
  for (const topic of TOPIC_NAMES) {
    decodeJson(encodeJson({ topic, event: {}, metadata }), broadcastSchema);
    assert.type(topics[topic].safeParse, 'function');
  }
  const unknown = encodeJson({ topic: 'gossip', event: {}, metadata });
  assert.is(errorOf(() => decodeJson(unknown, broadcastSchema)).code, 'BAD_ARGUMENT');
});

test('damaged JSON gives a message or a SandboxError, nothing else', () => {
  const seed = seedOf('message fuzz');
  const random = randomFrom(seed);
  const whole = encodeJson({ id: 7, command: 'break.add', args: { file: 'a.ts', line: 3 }, timeoutMs: 100 });
  for (let round = 0; round < 3_000; round++) {
    const bytes = whole.slice(0, 1 + Math.floor(random() * whole.length));
    for (let n = Math.floor(random() * 3); n > 0; n--) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    try {
      decodeJson(bytes, callSchema);
    } catch (error) {
      assert.instance(error, SandboxError, `seed ${seed}, round ${round}`);
    }
  }
});

test.run();
