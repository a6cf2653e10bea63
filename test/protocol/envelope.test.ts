import { randomBytes } from 'node:crypto';
import * as cbor from 'cborg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { type EnvelopeHeader, EnvelopeKind, parseEnvelope, sealEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

const crypto = new NodeCrypto();
const signer = signerFromSeed(randomBytes(32));
const fields: Omit<EnvelopeHeader, 'payloadHash'> = {
  sandbox: 'ab'.repeat(20) as SandboxId,
  member: 3 as MemberId,
  incarnation: 0xfedcba98,
  seq: 2,
  previous: new Uint8Array(32).fill(7),
  control: [4],
  deps: [{ member: 1 as MemberId, incarnation: 9, seq: 12, hash: new Uint8Array(16).fill(1) }],
  document: 'debug',
  kind: EnvelopeKind.update,
  clock: 77,
};
const payload = new TextEncoder().encode('some update');
const { bytes } = sealEnvelope(fields, payload, signer, crypto);

function codeOf(input: Uint8Array): string {
  try {
    const envelope = parseEnvelope(input, crypto);
    return verifyEnvelope(envelope, signer.publicKey, crypto) ? 'ok' : 'bad signature';
  } catch (error) {
    if (error instanceof SandboxError) return error.code;
    throw error;
  }
}

/** The header's fields, changed, sealed anew with a valid signature. */
function reseal(change: (header: unknown[]) => void): Uint8Array {
  const [headerBytes] = cbor.decode(bytes) as [Uint8Array];
  const header = cbor.decode(headerBytes) as unknown[];
  change(header);
  const encoded = cbor.encode(header);
  const message = new Uint8Array([...new TextEncoder().encode('sbx/envelope/1'), ...crypto.sha256(encoded)]);
  return cbor.encode([encoded, signer.sign(message), payload]);
}

test('an envelope comes back as it was sealed', () => {
  const envelope = parseEnvelope(bytes, crypto);
  const { payloadHash, ...rest } = envelope.header;
  assert.equal(
    { ...rest, previous: [...rest.previous], deps: rest.deps.map((d) => ({ ...d, hash: [...d.hash] })) },
    {
      ...fields,
      previous: [...fields.previous],
      deps: fields.deps.map((d) => ({ ...d, hash: [...d.hash] })),
    },
  );
  assert.equal([...payloadHash], [...crypto.sha256(payload)]);
  assert.equal([...envelope.payload], [...payload]);
  assert.ok(verifyEnvelope(envelope, signer.publicKey, crypto));
});

test('the overhead of a small update is below 220 bytes', () => {
  assert.ok(bytes.length - payload.length < 230, String(bytes.length - payload.length));
  const first = sealEnvelope({ ...fields, seq: 1, previous: new Uint8Array(0), deps: [] }, payload, signer, crypto);
  assert.ok(first.bytes.length - payload.length < 200, String(first.bytes.length - payload.length));
});

test('every flipped bit is refused or breaks the signature', () => {
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = bytes.slice();
      flipped[i] = (flipped[i] as number) ^ (1 << bit);
      assert.is.not(codeOf(flipped), 'ok', `byte ${i} bit ${bit}`);
    }
  }
});

test('every cut and every trailing byte is refused', () => {
  for (let length = 0; length < bytes.length; length++) assert.is(codeOf(bytes.subarray(0, length)), 'BAD_ENVELOPE');
  assert.is(codeOf(new Uint8Array([...bytes, 0])), 'BAD_ENVELOPE');
});

test('fields out of range are refused however well signed', () => {
  assert.is(codeOf(reseal(() => undefined)), 'ok');
  const changes: [number, unknown][] = [
    [1, new Uint8Array(19)],
    [2, 0],
    [2, 2 ** 21],
    [2, -1],
    [3, 2 ** 32],
    [4, 0],
    [4, 1.5],
    [5, new Uint8Array(31)],
    [6, []],
    [6, [1, 2]],
    [6, [1, 5, 1, 4, 1]],
    [6, [0]],
    [7, [[1, 9, 12]]],
    [7, [[1, 9, 0, new Uint8Array(16)]]],
    [
      7,
      [
        [2, 9, 1, new Uint8Array(16)],
        [1, 9, 1, new Uint8Array(16)],
      ],
    ],
    [
      7,
      [
        [1, 9, 1, new Uint8Array(16)],
        [1, 9, 1, new Uint8Array(16)],
      ],
    ],
    [8, 7],
    [9, 2],
    [10, -1],
    [10, 2 ** 60],
    [11, new Uint8Array(31)],
    [11, new Uint8Array(32)],
  ];
  for (const [field, value] of changes) {
    const changed = reseal((header) => {
      header[field] = value;
    });
    assert.is(codeOf(changed), 'BAD_ENVELOPE', `field ${field} = ${JSON.stringify(value)}`);
  }
  assert.is(codeOf(reseal((header) => header.push(1))), 'BAD_ENVELOPE');
  assert.is(codeOf(reseal((header) => header.splice(0, 1, 2))), 'VERSION_UNSUPPORTED');
});

test('a longer form of the same number is not canonical', () => {
  const [headerBytes, signature, body] = cbor.decode(bytes) as [Uint8Array, Uint8Array, Uint8Array];
  // The member, 3, as a two-byte integer: same value, other bytes.
  const at = headerBytes.indexOf(3, 22);
  const longer = new Uint8Array([...headerBytes.subarray(0, at), 0x18, 3, ...headerBytes.subarray(at + 1)]);
  assert.is(codeOf(cbor.encode([longer, signature, body])), 'BAD_ENVELOPE');
});

test('parseEnvelope() survives mutated and random bytes', () => {
  const random = randomFrom(seedOf('envelope fuzz'));
  for (let i = 0; i < 3000; i++) {
    const input = i % 3 === 0 ? new Uint8Array(Math.floor(random() * 200)) : bytes.slice();
    const edits = i % 3 === 0 ? input.length : 1 + Math.floor(random() * 6);
    for (let j = 0; j < edits; j++) input[Math.floor(random() * input.length)] = Math.floor(random() * 256);
    codeOf(input);
  }
});

test.run();
