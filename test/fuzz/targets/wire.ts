/** What comes over a stream as bytes: frames, CBOR, envelopes, replication messages, sealed requests. */

import * as cbor from 'cborg';
import { compressBody, decompressBody } from '#node/network/replication/peers/compression.ts';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { signingKeyFromSeed } from '#node/security/identity.ts';
import { openBox, sealBox } from '#node/security/sealed-box.ts';
import { CborReader, CborWriter } from '#protocol/canonical-cbor.ts';
import { EnvelopeKind, parseEnvelope, sealEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from '#protocol/frame.ts';
import {
  decodeReplicationMessage,
  encodeReplicationMessage,
  type ReplicationMessage,
} from '#protocol/replication-messages.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Random } from '../../simulate/random.ts';
import { type FuzzTarget, promise } from '../fuzz.ts';
import { join, mutateBytes, mutateCbor, mutateValue } from '../mutate.ts';

const crypto = new NodeCrypto();
const SANDBOX = 'ab'.repeat(20) as SandboxId;

const frames: FuzzTarget = {
  name: 'frames',
  prepare(random) {
    const samples = Object.values(FrameType).map((type) => encodeFrame(type, random.bytes(random.below(60))));
    return (luck) => {
      const stream = mutateBytes(join(...luck.shuffle(samples).slice(0, 3)), luck, samples);
      const whole = decode([stream]);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < stream.length; ) {
        const to = at + 1 + luck.below(20);
        pieces.push(stream.subarray(at, to));
        at = to;
      }
      const cut = decode(pieces);
      promise(cut.code === whole.code, `in pieces it is ${cut.code}, whole ${whole.code}`);
      promise(whole.code !== 'ok' || cut.text === whole.text, 'in pieces it holds other frames');
      if (whole.code !== 'ok') throw whole.error;
    };
  },
};

/** Limits as small as the samples, so that lengths beyond them occur. */
function decode(pieces: readonly Uint8Array[]): { code: string; text: string; error?: unknown } {
  const decoder = new FrameDecoder(4096);
  const read: Frame[] = [];
  try {
    for (const piece of pieces) read.push(...decoder.push(piece));
  } catch (error) {
    return { code: SandboxError.from(error).code, text: '', error };
  }
  return { code: 'ok', text: read.map(({ type, payload }) => `${type}:${toHex(payload)}`).join() };
}

const canonicalCbor: FuzzTarget = {
  name: 'canonical CBOR',
  prepare(random) {
    const samples = Array.from({ length: 12 }, () => cbor.encode(plainItem(random, 3)));
    return (luck) => {
      const bytes = mutateCbor(luck.pick(samples), luck, samples);
      const writer = new CborWriter();
      try {
        const reader = new CborReader(bytes);
        copyItem(reader, writer, bytes, 0);
        if (!reader.done) throw new RangeError('more follows');
      } catch (error) {
        if (error instanceof RangeError) throw new SandboxError('BAD_CBOR', error.message);
        throw error;
      }
      promise(equalBytes(writer.finish(), bytes), 'what it read is written otherwise');
    };
  },
};

function plainItem(random: Random, depth: number): unknown {
  const kind = random.below(depth === 0 ? 3 : 4);
  if (kind === 0) return random.pick([0, 23, 24, 255, 256, 65_536, 2 ** 32, 2 ** 53 - 1]);
  if (kind === 1) return random.bytes(random.below(40));
  if (kind === 2) return random.pick(['', 'debug', 'ünï']);
  return Array.from({ length: random.below(5) }, () => plainItem(random, depth - 1));
}

/** Types are asked for by what the first byte says, as a reader who knows them would. */
function copyItem(reader: CborReader, writer: CborWriter, bytes: Uint8Array, depth: number): void {
  if (depth > 64) throw new RangeError('it nests deeper than its reader goes');
  // The reader keeps its place to itself: what was written so far is as long.
  const type = (bytes[writer.finish().length] ?? 0xff) >> 5;
  if (type === 0) writer.uint(reader.uint());
  else if (type === 2) writer.bytes(reader.bytes());
  else if (type === 3) writer.text(reader.text());
  else {
    const length = reader.array();
    writer.array(length);
    for (let i = 0; i < length; i++) copyItem(reader, writer, bytes, depth + 1);
  }
}

const envelopes: FuzzTarget = {
  name: 'envelopes',
  prepare(random) {
    const signer = signerFromSeed(random.bytes(32));
    const samples = [0, 1, 2, 3].map((i) => {
      const dep = { member: 2 as MemberId, incarnation: 9, seq: 12, hash: random.bytes(16) };
      const fields = {
        sandbox: SANDBOX,
        member: 3 as MemberId,
        incarnation: random.below(2 ** 32),
        seq: i + 1,
        previous: i === 0 ? new Uint8Array(0) : random.bytes(32),
        control: i === 3 ? [4, 2, 7] : [4],
        deps: i % 2 === 0 ? [] : [dep, { ...dep, member: 5 as MemberId }],
        document: random.pick(['debug', 'draft/src/cart.ts', 'notes/3']),
        kind: EnvelopeKind.update,
        clock: i * 7,
      };
      return sealEnvelope(fields, random.bytes(i * 20), signer, crypto).bytes;
    });
    const known = new Set(samples.map(toHex));
    return (luck) => {
      const sample = luck.pick(samples);
      const bytes = luck.chance(0.5) ? mutateCbor(sample, luck, samples) : changeHeader(sample, luck);
      const envelope = parseEnvelope(bytes, crypto);
      const signed = verifyEnvelope(envelope, signer.publicKey, crypto);
      promise(signed === known.has(toHex(bytes)), 'a changed envelope carries a valid signature');
      if (!signed) throw new SandboxError('BAD_ENVELOPE', 'not signed');
    };
  },
};

/** The header's fields changed, its payload hash kept true. */
function changeHeader(sample: Uint8Array, luck: Random): Uint8Array {
  const [header, signature, payload] = cbor.decode(sample) as [Uint8Array, Uint8Array, Uint8Array];
  const changed = luck.chance(0.5) ? payload : mutateBytes(payload, luck);
  const fields = cbor.decode(header) as unknown[];
  const mutated = mutateValue(fields, luck);
  if (Array.isArray(mutated) && mutated.length === fields.length) mutated[fields.length - 1] = crypto.sha256(changed);
  try {
    return cbor.encode([cbor.encode(mutated), signature, changed]);
  } catch {
    return mutateBytes(sample, luck);
  }
}

const replication: FuzzTarget = {
  name: 'replication messages',
  prepare(random) {
    const head = () => ({ member: 3 as MemberId, incarnation: random.below(2 ** 32), seq: 7, hash: random.bytes(16) });
    const logs = [{ log: 0, tips: [{ seq: 3, hash: Buffer.from(random.bytes(32)).toString('base64url') }] }];
    const messages = [
      { type: 'hello', sandbox: SANDBOX, logs },
      { type: 'needControl', sandbox: SANDBOX, logs },
      { type: 'control', entries: ['a.b.c', 'x'.repeat(2000)] },
      { type: 'heads', full: true, heads: Array.from({ length: 60 }, head) },
      { type: 'pull', wants: [{ ...head(), have: [{ seq: 3, hash: random.bytes(16) }] }] },
      { type: 'envelopes', envelopes: [random.bytes(300), random.bytes(2), new Uint8Array(900)] },
      { type: 'served' },
      { type: 'wantBlob', name: random.bytes(32), from: 3, count: 16 },
      { type: 'blobOutline', name: random.bytes(32), outline: { bytes: 9, hashes: [random.bytes(32)] } },
      { type: 'blobOutline', name: random.bytes(32), outline: undefined },
      { type: 'blobChunk', name: random.bytes(32), index: 2, bytes: random.bytes(50) },
      { type: 'blobChunk', name: random.bytes(32), index: 3, bytes: new Uint8Array(5000) },
      { type: 'pruned', bases: [{ member: 3 as MemberId, incarnation: 1, seq: 9 }] },
    ] as unknown as ReplicationMessage[];
    const samples = messages.map((message) => encodeReplicationMessage(message, compressBody));
    return (luck) => {
      const message = decodeReplicationMessage(changeMessage(luck.pick(samples), luck, samples), decompressBody);
      const again = decodeReplicationMessage(
        encodeReplicationMessage(message, () => undefined),
        decompressBody,
      );
      promise(asText(again) === asText(message), 'what it read is written otherwise');
    };
  },
};

function changeMessage(sample: Uint8Array, luck: Random, samples: readonly Uint8Array[]): Uint8Array {
  const [type = 0, flags = 0] = sample;
  if (type === 6 || type === 11 || luck.chance(0.3)) return mutateBytes(sample, luck, samples);
  const format = flags === 2 ? 'brotli' : 'deflate';
  const body = flags === 0 ? sample.subarray(2) : decompressBody(sample.subarray(2), format, 2 ** 20);
  const changed = mutateCbor(body, luck);
  const small = luck.chance(0.5) ? compressBody(changed, format) : undefined;
  return join(new Uint8Array([type, small === undefined ? 0 : format === 'brotli' ? 2 : 1]), small ?? changed);
}

function asText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Uint8Array ? toHex(inner) : inner));
}

const sealedBoxes: FuzzTarget = {
  name: 'sealed requests',
  prepare(random) {
    const key = signingKeyFromSeed(random.bytes(32));
    const message = random.bytes(200);
    const box = sealBox(key.publicKey, message);
    return (luck) => {
      const changed = mutateBytes(box, luck);
      const opened = openBox(key, changed);
      promise(equalBytes(opened, message), 'a changed box opens');
      // The top bit of an X25519 point means nothing (RFC 7748), yet it is under the key's hash.
      promise(equalBytes(changed, box), 'another box opens');
    };
  },
};

export const WIRE_TARGETS: readonly FuzzTarget[] = [frames, canonicalCbor, envelopes, replication, sealedBoxes];
