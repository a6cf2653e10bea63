/** Inputs that are nearly right: valid ones with a few changes, of their bytes or of the values they stand for. */

import * as cbor from 'cborg';
import type { Random } from '../simulate/random.ts';

const EDGES = [
  0,
  1,
  2,
  23,
  24,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 50,
  2 ** 53 - 1,
];
const WORDS = [
  '',
  ' ',
  '\n',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'debug',
  'draft/a',
  'host/1',
  '\0',
  '\ud800',
  '..',
];

/** One to four changes; rarely none. */
export function mutateBytes(sample: Uint8Array, random: Random, others: readonly Uint8Array[] = []): Uint8Array {
  let bytes = sample;
  for (let left = random.chance(0.05) ? 0 : 1 + random.below(4); left > 0; left--)
    bytes = changeOnce(bytes, random, others);
  return bytes;
}

function changeOnce(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  const copy = bytes.slice();
  switch (random.below(8)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return join(copy.subarray(0, at), random.bytes(1 + random.below(8)), copy.subarray(at));
    case 4:
      return join(copy.subarray(0, at), copy.subarray(at + 1 + random.below(8)));
    case 5:
      // A number of another size in the place of one byte, as a varint and as plain bytes.
      return join(
        copy.subarray(0, at),
        random.chance(0.5) ? varint(random.pick(EDGES)) : wide(random.pick(EDGES)),
        copy.subarray(at + 1),
      );
    case 6: {
      const other = others.length > 0 ? random.pick(others) : copy;
      return join(copy.subarray(0, at), other.subarray(random.below(other.length + 1)));
    }
    default: {
      const from = random.below(copy.length + 1);
      return join(copy.subarray(0, at), copy.subarray(from, from + random.below(64)), copy.subarray(at));
    }
  }
}

/** A value with one to three changes somewhere inside. */
export function mutateValue(value: unknown, random: Random): unknown {
  let changed = value;
  for (let left = 1 + random.below(3); left > 0; left--) changed = changeValue(changed, random);
  return changed;
}

function changeValue(value: unknown, random: Random): unknown {
  if (value instanceof Uint8Array) return random.chance(0.7) ? mutateBytes(value, random) : oddValue(random);
  if (Array.isArray(value)) return changeList(value, random);
  if (typeof value === 'object' && value !== null) return changeObject(value as Record<string, unknown>, random);
  if (typeof value === 'string' && random.chance(0.5)) return changeText(value, random);
  if (typeof value === 'number' && random.chance(0.5)) return value + random.pick([-1, 1, 0.5, 2 ** 32]);
  return oddValue(random);
}

function changeList(list: readonly unknown[], random: Random): unknown {
  const copy = [...list];
  const at = random.below(copy.length + 1);
  const kind = random.below(10);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, copy[random.below(copy.length)] ?? oddValue(random));
  else if (kind === 2 && copy.length > 1) [copy[0], copy[copy.length - 1]] = [copy.at(-1), copy[0]];
  else if (kind === 3) return oddValue(random);
  else if (at < copy.length) copy[at] = changeValue(copy[at], random);
  return copy;
}

function changeObject(object: Record<string, unknown>, random: Random): unknown {
  const entries = Object.entries(object);
  const at = random.below(entries.length + 1);
  const kind = random.below(10);
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1) entries.push([random.pick([...WORDS, 'jwk', 'id', 'sandbox']), oddValue(random)]);
  else if (kind === 2) return oddValue(random);
  else if (at < entries.length) {
    const [key, inner] = entries[at] as [string, unknown];
    entries[at] = [key, changeValue(inner, random)];
  }
  // As JSON.parse makes them: `__proto__` becomes a key of its own.
  const changed: Record<string, unknown> = {};
  for (const [key, inner] of entries) {
    Object.defineProperty(changed, key, { value: inner, enumerable: true, configurable: true, writable: true });
  }
  return changed;
}

export function changeText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return `${text.slice(0, at)}${random.pick(WORDS)}${text.slice(at)}`;
    case 2:
      return `${text.slice(0, at)}${text.slice(at + 1)}`;
    case 3:
      return text.repeat(random.pick([2, 3, 300])).slice(0, 64 * 1024);
    default:
      return `${text.slice(0, at)}${String.fromCharCode(32 + random.below(95))}${text.slice(at + 1)}`;
  }
}

function oddValue(random: Random): unknown {
  const deep = (depth: number): unknown =>
    depth === 0 ? 1 : random.chance(0.5) ? [deep(depth - 1)] : { a: deep(depth - 1) };
  return random.pick([
    null,
    true,
    -1,
    1.5,
    '',
    [],
    {},
    random.pick(EDGES),
    random.pick(WORDS),
    'x'.repeat(random.pick([40, 5000])),
    deep(random.pick([2, 40])),
    Array.from({ length: random.pick([3, 2000]) }, () => 0),
  ]);
}

/** A CBOR item changed as a value, else as bytes. */
export function mutateCbor(sample: Uint8Array, random: Random, others: readonly Uint8Array[] = []): Uint8Array {
  if (random.chance(0.4)) return mutateBytes(sample, random, others);
  try {
    return cbor.encode(mutateValue(cbor.decode(sample), random));
  } catch {
    // A value that CBOR has no form for, such as an unpaired surrogate.
    return mutateBytes(sample, random, others);
  }
}

/** A JSON text changed as a value, else as text. */
export function mutateJson(sample: string, random: Random): string {
  if (random.chance(0.3)) return changeText(sample, random);
  return JSON.stringify(mutateValue(JSON.parse(sample), random)) ?? 'undefined';
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push(128 | (left % 128));
  return new Uint8Array([...bytes, left]);
}

function wide(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return new Uint8Array(bytes.subarray(value < 2 ** 32 ? 4 : 0));
}
