import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameDecoder,
  FrameType,
  MAX_FRAME_BYTES,
} from '#protocol/frame.ts';
import { SandboxError } from '#shared/errors.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SandboxError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

function header(fields: { magic?: number; version?: number; type?: number; length?: number }): Uint8Array {
  const view = new DataView(new ArrayBuffer(FRAME_HEADER_BYTES));
  view.setUint32(0, fields.magic ?? 0x534d5348);
  view.setUint16(4, fields.version ?? 1);
  view.setUint16(6, fields.type ?? FrameType.call);
  view.setUint32(8, fields.length ?? 0);
  return new Uint8Array(view.buffer);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test('the header is "SMSH", version, type and length in big endian', () => {
  const bytes = encodeFrame(FrameType.sync, new Uint8Array([9, 8, 7]));
  assert.equal([...bytes], [0x53, 0x4d, 0x53, 0x48, 0, 1, 0, 5, 0, 0, 0, 3, 9, 8, 7]);
});

test('a frame of every type comes back as it was sent, empty payload included', () => {
  for (const type of Object.values(FrameType)) {
    for (const payload of [new Uint8Array(0), new Uint8Array([1, 2, 3])]) {
      const frames = new FrameDecoder().push(encodeFrame(type, payload));
      assert.equal(frames, [{ type, payload }]);
    }
  }
});

test('frames come back whole however the stream is cut', () => {
  const seed = seedOf('frame chunking');
  const random = randomFrom(seed);
  for (let round = 0; round < 300; round++) {
    const sent: Frame[] = Array.from({ length: 1 + Math.floor(random() * 6) }, () => ({
      type: (1 + Math.floor(random() * 6)) as FrameType,
      payload: Uint8Array.from({ length: Math.floor(random() ** 3 * 3_000) }, () => Math.floor(random() * 256)),
    }));
    const bytes = concat(sent.map((frame) => encodeFrame(frame.type, frame.payload)));
    const decoder = new FrameDecoder();
    const received: Frame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = random() < 0.3 ? 0 : 1 + Math.floor(random() ** 4 * 2_000);
      received.push(...decoder.push(bytes.subarray(at, at + size)));
      at += size;
    }
    assert.equal(received, sent, `seed ${seed}, round ${round}`);
  }
});

test('a frame of the largest size passes, one byte at a time its header, and one byte more is refused', () => {
  const bytes = encodeFrame(FrameType.sync, new Uint8Array(MAX_FRAME_BYTES));
  const decoder = new FrameDecoder();
  for (let at = 0; at < FRAME_HEADER_BYTES; at++) assert.equal(decoder.push(bytes.subarray(at, at + 1)), []);
  assert.is(decoder.push(bytes.subarray(FRAME_HEADER_BYTES))[0]?.payload.length, MAX_FRAME_BYTES);
  assert.is(
    codeOf(() => encodeFrame(FrameType.sync, new Uint8Array(MAX_FRAME_BYTES + 1))),
    'FRAME_TOO_LARGE',
  );
});

test('a length above the limit is refused from the header alone, before anything is allocated', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 1_000; n++) {
    assert.is(
      codeOf(() => new FrameDecoder().push(header({ length: 0xffffffff }))),
      'FRAME_TOO_LARGE',
    );
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024);
  assert.is(
    codeOf(() => new FrameDecoder(10).push(header({ length: 11 }))),
    'FRAME_TOO_LARGE',
  );
});

test('a claimed length costs no memory until the bytes arrive', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 200 }, () => new FrameDecoder());
  for (const decoder of decoders) assert.equal(decoder.push(header({ length: MAX_FRAME_BYTES })), []);
  assert.ok(process.memoryUsage().arrayBuffers - before < MAX_FRAME_BYTES);
});

test('a large payload that drips in byte by byte takes memory of its own size, not of its number of chunks', () => {
  const size = 512 * 1024;
  const bytes = encodeFrame(FrameType.sync, new Uint8Array(size).fill(7));
  const decoder = new FrameDecoder();
  const before = process.memoryUsage();
  for (let at = 0; at < bytes.length - 1; at++) decoder.push(Uint8Array.of(bytes[at] as number));
  globalThis.gc?.();
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown < 40 * size, `${grown} bytes for ${size} received`);
  assert.is(decoder.push(bytes.subarray(-1))[0]?.payload.length, size);
});

test('wrong magic, version and type are told apart', () => {
  assert.is(
    codeOf(() => new FrameDecoder().push(header({ magic: 0x47455420 }))),
    'BAD_FRAME',
  );
  assert.is(
    codeOf(() => new FrameDecoder().push(header({ version: 2 }))),
    'VERSION_UNSUPPORTED',
  );
  for (const type of [0, 7, 0xffff]) {
    assert.is(
      codeOf(() => new FrameDecoder().push(header({ type }))),
      'BAD_FRAME',
    );
  }
});

test('a decoder that threw stays broken', () => {
  const decoder = new FrameDecoder();
  assert.is(
    codeOf(() => decoder.push(header({ magic: 1 }))),
    'BAD_FRAME',
  );
  assert.is(
    codeOf(() => decoder.push(encodeFrame(FrameType.call, new Uint8Array(0)))),
    'BAD_FRAME',
  );
});

test('random and damaged bytes give frames or a SandboxError, nothing else', () => {
  const seed = seedOf('frame fuzz');
  const random = randomFrom(seed);
  for (let round = 0; round < 3_000; round++) {
    const bytes = encodeFrame(
      FrameType.cast,
      Uint8Array.from({ length: Math.floor(random() * 40) }, () => 65),
    );
    const flips = Math.floor(random() * 4);
    for (let n = 0; n < flips; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    const decoder = new FrameDecoder(64);
    const code = codeOf(() => {
      for (const frame of decoder.push(bytes)) assert.ok(frame.payload.length <= 64, `seed ${seed}`);
    });
    assert.ok(
      ['nothing thrown', 'BAD_FRAME', 'VERSION_UNSUPPORTED', 'FRAME_TOO_LARGE'].includes(code),
      `seed ${seed}: ${code}`,
    );
  }
});

test.run();
