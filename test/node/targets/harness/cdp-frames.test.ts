import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CdpAssembler, encodeCdp, MAX_MESSAGE_BYTES } from '#node/targets/harness/cdp-frames.ts';
import { FrameDecoder } from '#protocol/frame.ts';

function payloads(json: string): Uint8Array[] {
  const decoder = new FrameDecoder();
  return (encodeCdp(json) ?? []).flatMap((frame) => decoder.push(frame)).map(({ payload }) => payload);
}

test('a message comes back as it was, in one part or in many, one after the other', () => {
  const assembler = new CdpAssembler();
  for (const json of ['{}', `"${'é'.repeat(3_000_000)}"`, '"x"', `"${'a'.repeat(1024 * 1024 - 2)}"`, '']) {
    const parts = payloads(json);
    assert.is(parts.length, Math.max(1, Math.ceil(Buffer.byteLength(json) / (1024 * 1024))));
    const results = parts.map((part) => assembler.push(part));
    assert.ok(results.pop() === json);
    assert.ok(results.every((result) => result === undefined));
  }
});

test('a message over the limit is not encoded, by characters or by bytes', () => {
  assert.is(encodeCdp('x'.repeat(MAX_MESSAGE_BYTES + 1)), undefined);
  assert.is(encodeCdp('é'.repeat(MAX_MESSAGE_BYTES / 2 + 1)), undefined);
});

test('the assembler refuses unknown marks and endless parts', () => {
  const code = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'nothing';
  };
  assert.is(
    code(() => new CdpAssembler().push(new Uint8Array([2, 1]))),
    'BAD_FRAME',
  );
  assert.is(
    code(() => new CdpAssembler().push(new Uint8Array())),
    'BAD_FRAME',
  );
  const part = new Uint8Array(4 * 1024 * 1024);
  part[0] = 1;
  const assembler = new CdpAssembler();
  assert.is(
    code(() => {
      for (let i = 0; i < 17; i++) assembler.push(part);
    }),
    'FRAME_TOO_LARGE',
  );
});

test.run();
