import { createHash, randomBytes } from 'node:crypto';
import { encode } from 'cborg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeBase64Url, encodeBase64Url } from '#protocol/base64url.ts';
import { encodeLink, type InviteLink, parseLink } from '#protocol/link.ts';
import { SandboxError } from '#shared/errors.ts';

const crypto = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => createHash('sha256').update(Buffer.concat(parts)).digest(),
};
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function bytes(count: number): Uint8Array {
  return new Uint8Array(randomBytes(count));
}

function sampleLink(addresses = 1): InviteLink {
  return {
    ownerKey: bytes(32),
    nonce: bytes(16),
    recoveryHash: bytes(32),
    inviteSeed: bytes(32),
    peers: [{ key: bytes(32), addresses: Array.from({ length: addresses }, () => bytes(8)) }],
  };
}

function failure(text: string): SandboxError {
  try {
    parseLink(text, crypto);
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error(`parsed: ${text}`);
}

test('parseLink() gives back what encodeLink() was given, and the sandbox id', () => {
  const link = sampleLink(3);
  const { sandbox, ...rest } = parseLink(encodeLink(link), crypto);
  assert.equal(rest, link);
  const material = Buffer.concat([Buffer.from('sbx/genesis/1'), link.ownerKey, link.nonce, link.recoveryHash]);
  assert.is(sandbox, createHash('sha256').update(material).digest('hex').slice(0, 40));
});

test('a link with one loopback address stays below 260 characters', () => {
  assert.ok(encodeLink(sampleLink()).length < 260, `${encodeLink(sampleLink()).length}`);
});

test('parseLink() reads a relay address as base, line breaks, quotes and a full stop', () => {
  const link = sampleLink();
  const text = encodeLink(link, 'https://relay.example/s/');
  assert.ok(text.startsWith('https://relay.example/s/#'));
  assert.equal(parseLink(` "${text.slice(0, 70)}\n  ${text.slice(70)}".`, crypto).ownerKey, link.ownerKey);
  assert.equal(parseLink(encodeLink(link).replace('#', ''), crypto).ownerKey, link.ownerKey);
});

test('parseLink() refuses every flipped character and says that a character is wrong', () => {
  const text = encodeLink(sampleLink(2));
  const start = text.indexOf('#') + 1;
  for (let at = start; at < text.length; at++) {
    for (const character of ALPHABET) {
      if (character === text[at]) continue;
      const error = failure(text.slice(0, at) + character + text.slice(at + 1));
      assert.is(error.code, 'BAD_LINK');
      assert.match(error.message, 'a character in it is wrong');
    }
  }
});

test('parseLink() refuses every truncation and says how many characters are missing', () => {
  for (const addresses of [1, 2, 3]) {
    const text = encodeLink(sampleLink(addresses));
    for (let length = text.indexOf('#') + 1; length < text.length; length++) {
      const error = failure(text.slice(0, length));
      assert.is(error.code, 'BAD_LINK');
      assert.match(error.message, 'cut short');
      const missing = /(\d+) characters are missing/.exec(error.message)?.[1];
      if (missing !== undefined) assert.is(Number(missing), text.length - length);
      assert.ok(error.hint);
    }
  }
});

test('parseLink() refuses swapped neighbours and a link pasted twice', () => {
  const text = encodeLink(sampleLink());
  for (let at = text.indexOf('#') + 1; at + 1 < text.length; at++) {
    if (text[at] === text[at + 1]) continue;
    const swapped = `${text.slice(0, at)}${text[at + 1]}${text[at]}${text.slice(at + 2)}`;
    assert.is(failure(swapped).code, 'BAD_LINK');
  }
  assert.is(failure(`${text}${text}`).code, 'BAD_LINK');
  assert.match(failure(`${text}AAAA`).message, '4 characters too many');
});

test('parseLink() refuses what is no link, with a hint', () => {
  for (const text of ['', 'hello', 'https://example.org/', 'sandmesh:', '#', '#AAAA', '#é', `#${'A'.repeat(5000)}`]) {
    const error = failure(text);
    assert.is(error.code, 'BAD_LINK');
    assert.ok(error.hint);
  }
});

test('parseLink() refuses well-guarded contents of another shape', () => {
  const link = sampleLink();
  const good = [link.ownerKey, link.nonce, link.recoveryHash, link.inviteSeed, [[bytes(32), [bytes(8)]]]];
  const odd: unknown[] = [
    null,
    {},
    [],
    good.slice(0, 4),
    [...good, 1],
    [bytes(31), ...good.slice(1)],
    [...good.slice(0, 4), []],
    [...good.slice(0, 4), [[bytes(32), ['text']]]],
    [...good.slice(0, 4), [[bytes(32), [bytes(0)]]]],
    [...good.slice(0, 4), [[bytes(32), [bytes(129)]]]],
    [...good.slice(0, 4), Array.from({ length: 9 }, () => [bytes(32), []])],
  ];
  assert.ok(parseLink(guard(encode(good)), crypto));
  for (const shape of odd) assert.is(failure(guard(encode(shape))).code, 'BAD_LINK', JSON.stringify(shape));
  // A longer form of the same value: 0x98 0x05 in place of 0x85.
  const loose = encode(good);
  assert.is(failure(guard(Uint8Array.of(0x98, 5, ...loose.subarray(1)))).code, 'BAD_LINK');
});

test('parseLink() never throws anything but its own errors on random text', () => {
  for (let round = 0; round < 2000; round++) failure(`sandmesh:#${randomBytes(round % 200).toString('base64url')}`);
});

test('parseLink() tells a link of a later version apart', () => {
  assert.is(failure(guard(Uint8Array.of(0xff), 2)).code, 'VERSION_UNSUPPORTED');
});

test('decodeBase64Url() agrees with Buffer and takes one text per value', () => {
  for (let length = 0; length < 40; length++) {
    const value = bytes(length);
    const text = encodeBase64Url(value);
    assert.is(text, Buffer.from(value).toString('base64url'));
    assert.equal(decodeBase64Url(text), value);
  }
  assert.is(decodeBase64Url('AB'), undefined);
  assert.is(decodeBase64Url('A'), undefined);
  assert.is(decodeBase64Url('A='), undefined);
});

/** Puts a correct head and tail around any body, written from the layout in PROTOCOL.md. */
function guard(body: Uint8Array, version = 1): string {
  const head = [(version << 4) | (body.length >> 8), body.length & 0xff];
  let check = 0xff;
  for (const byte of head) {
    check ^= byte;
    for (let bit = 0; bit < 8; bit++) check = check & 0x80 ? ((check << 1) ^ 0x07) & 0xff : check << 1;
  }
  const start = Uint8Array.of(...head, check, ...body);
  let crc = 0xffffffff;
  for (const byte of start) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(~crc >>> 0);
  return `sandmesh:#${Buffer.concat([start, tail]).toString('base64url')}`;
}

test.run();
