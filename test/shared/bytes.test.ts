import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseHex, toHex } from '#shared/bytes.ts';

test('bytes come back from their hex', () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.equal(parseHex(toHex(all)), all);
  assert.equal(parseHex(''), new Uint8Array(0));
});

test('what is no lower-case hex is none', () => {
  for (const text of ['0', '0A', 'g0', '0g', '/0', '0:', '`0', ' 1', '1 ', '-1', '0x', 'é0', '\ud8000', '00\n']) {
    assert.is(parseHex(text), undefined, JSON.stringify(text));
  }
});

test.run();
