import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { failure } from '#test/node/failure.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('encodeDapMessage() counts bytes, not characters', () => {
  const text = new TextDecoder().decode(encodeDapMessage({ a: 'é' }));
  assert.is(text, 'Content-Length: 10\r\n\r\n{"a":"é"}');
});

test('a decoder gives what was encoded, however the stream is cut', () => {
  const random = randomFrom(seedOf('a decoder, however the stream is cut'));
  const messages = Array.from({ length: 50 }, (_, n) => ({ seq: n, text: 'ü'.repeat(n * 3), list: [n] }));
  const stream = Buffer.concat(messages.map((message) => encodeDapMessage(message)));
  const decoder = new DapDecoder();
  const decoded: unknown[] = [];
  for (let at = 0; at < stream.length; ) {
    const next = Math.min(stream.length, at + 1 + Math.floor(random() * 40));
    decoded.push(...decoder.push(stream.subarray(at, next)));
    at = next;
  }
  assert.equal(decoded, messages);
});

test('a decoder keeps no part of the chunk that it was given', () => {
  const decoder = new DapDecoder();
  const whole = encodeDapMessage({ text: 'kept' });
  // A slice of a Buffer is the same memory, of any other array it is a copy.
  for (const first of [whole.slice(0, -4), Buffer.from(whole.subarray(0, -4))]) {
    decoder.push(first);
    first.fill(0);
    assert.equal(decoder.push(whole.subarray(-4)), [{ text: 'kept' }]);
  }
});

test('a length above the limit is refused by the header alone', async () => {
  const decoder = new DapDecoder(1000);
  const before = process.memoryUsage().arrayBuffers;
  const error = await failure(() => decoder.push(bytes('Content-Length: 104857600\r\n\r\n')));
  assert.is(error.code, 'FRAME_TOO_LARGE');
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

for (const [what, text] of [
  ['an HTTP request with a Content-Length', 'POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}'],
  ['another header', 'Content-Type: text/json\r\nContent-Length: 2\r\n\r\n{}'],
  ['a second header', 'Content-Length: 2\r\nHost: a\r\n\r\n{}'],
  ['a negative length', 'Content-Length: -2\r\n\r\n{}'],
  ['garbage', '\0\0\0\0garbage garbage garbage garbage garbage garbage garbage garbage'],
  ['a header without an end', `Content-Length: ${' '.repeat(100)}`],
] as const) {
  test(`a decoder refuses ${what}`, async () => {
    const decoder = new DapDecoder();
    const error = await failure(() => decoder.push(bytes(text)));
    assert.is(error.code, 'BAD_FRAME');
  });
}

test('half a header is waited for; content that is no JSON says nothing', () => {
  const decoder = new DapDecoder();
  assert.equal(decoder.push(bytes('Content-Len')), []);
  assert.equal(decoder.push(bytes('gth: 3\r\n\r\nnul')), [undefined]);
  assert.equal(decoder.push(bytes('Content-Length: 1\r\n\r\n7')), [7]);
});

test('a stream of single bytes costs its own size, and not a buffer for each', () => {
  const decoder = new DapDecoder();
  const whole = encodeDapMessage({ text: 'x'.repeat(200_000) });
  const before = process.memoryUsage();
  for (const byte of whole.subarray(0, whole.length - 1)) decoder.push(Uint8Array.of(byte));
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 1024 * 1024, `${after.arrayBuffers - before.arrayBuffers}`);
  assert.is(decoder.push(whole.subarray(whole.length - 1)).length, 1);
});

test.run();
