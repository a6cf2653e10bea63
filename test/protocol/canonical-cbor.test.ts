import * as cbor from 'cborg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CborReader, CborWriter } from '#protocol/canonical-cbor.ts';

const NUMBERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER];

test('numbers are written as every CBOR library writes them, and read back', () => {
  for (const number of NUMBERS) {
    const bytes = new CborWriter(1).uint(number).finish();
    assert.equal([...bytes], [...cbor.encode(number)], String(number));
    const reader = new CborReader(bytes);
    assert.is(reader.uint(), number);
    assert.ok(reader.done);
  }
});

test('nested values are written as every CBOR library writes them, and read back', () => {
  const [long, text] = [new Uint8Array(300).fill(7), 'Zürich 🫖'];
  const bytes = new CborWriter(1).array(3).bytes(long).array(1).text(text).bytes(new Uint8Array(0)).finish();
  assert.equal([...bytes], [...cbor.encode([long, [text], new Uint8Array(0)])]);
  const reader = new CborReader(bytes);
  assert.is(reader.array(), 3);
  assert.equal([...reader.bytes()], [...long]);
  assert.is(reader.array(), 1);
  assert.is(reader.text(), text);
  assert.is(reader.bytes().length, 0);
  assert.ok(reader.done);
});

test('a longer form, another type, an end too early and text that is not UTF-8 are refused', () => {
  const refused: [name: 'uint' | 'bytes' | 'text' | 'array', bytes: number[]][] = [
    ['uint', [0x18, 23]],
    ['uint', [0x19, 0, 255]],
    ['uint', [0x1a, 0, 0, 255, 255]],
    ['uint', [0x1b, 0, 0, 0, 0, 255, 255, 255, 255]],
    ['uint', [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]],
    ['uint', [0x1c]],
    ['uint', [0x20]],
    ['uint', [0xf4]],
    ['uint', []],
    ['uint', [0x19, 1]],
    ['bytes', [0x42, 1]],
    ['bytes', [0x5f, 0x41, 1, 0xff]],
    ['bytes', [0x61, 0x41]],
    ['text', [0x62, 0xc3, 0x28]],
    ['array', [0x9f]],
  ];
  for (const [name, bytes] of refused) {
    assert.throws(
      () => new CborReader(new Uint8Array(bytes))[name](),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test.run();
