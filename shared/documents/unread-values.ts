/**
 * Plain values of an item that nobody has read yet. Most of what a large document holds is never looked at, or much
 * later: until then its values stay the bytes they came as, a quarter of the memory and a tenth of the work.
 */

import { createDecoder } from 'lib0/decoding';
import * as Y from 'yjs';
import { PlainDecoder } from './plain-decoder.ts';

/** Values that lie deeper are read at once: whoever reads later may stand deep already. */
const MAX_DEPTH = 16;
const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** One for all: what is read is read in one breath. */
const reader = new PlainDecoder(createDecoder(NOTHING));

/** For Yjs it is a ContentAny, whose `arr` is made when somebody asks for it. */
class UnreadValues {
  /** What they are written in, or the values themselves. */
  #held: Uint8Array | unknown[];
  #at: number;
  readonly #count: number;

  constructor(bytes: Uint8Array, at: number, count: number) {
    this.#held = bytes;
    this.#at = at;
    this.#count = count;
  }

  get arr(): unknown[] {
    const values = this.#values();
    this.#held = values;
    return values;
  }

  set arr(values: unknown[]) {
    this.#held = values;
  }

  getLength(): number {
    return Array.isArray(this.#held) ? this.#held.length : this.#count;
  }

  /** Whoever writes a document reads it for that only. */
  write(encoder: Parameters<Y.ContentAny['write']>[0], offset: number): void {
    const values = this.#values();
    encoder.writeLen(values.length - offset);
    for (let i = offset; i < values.length; i++) encoder.writeAny(values[i]);
  }

  /** Copies what is unread to where there is less beside it. @param at where. @returns where that ends */
  moveTo(target: Uint8Array, at: number): number {
    if (Array.isArray(this.#held)) return at;
    const end = skipValues(this.#held, this.#at, this.#count) as number;
    target.set(this.#held.subarray(this.#at, end), at);
    const moved = at + end - this.#at;
    this.#held = target;
    this.#at = at;
    return moved;
  }

  #values(): unknown[] {
    if (Array.isArray(this.#held)) return this.#held;
    const { restDecoder } = reader;
    restDecoder.arr = this.#held;
    restDecoder.pos = this.#at;
    const values: unknown[] = [];
    for (let left = this.#count; left > 0; left--) values.push(reader.readAny());
    restDecoder.arr = NOTHING;
    return values;
  }
}

// Not by `extends`: the constructor of what it stands for would make an `arr`.
Object.setPrototypeOf(UnreadValues.prototype, Y.ContentAny.prototype);
// Yjs compares constructors before it joins two contents.
Object.defineProperty(UnreadValues.prototype, 'constructor', { value: Y.ContentAny });

/** @param bytes kept until somebody reads the values. @param at where they start, as {@link skipValues} found them */
export function unreadValues(bytes: Uint8Array, at: number, count: number): Y.ContentAny {
  return new UnreadValues(bytes, at, count) as unknown as Y.ContentAny;
}

/** Gives those that are unread memory of their own. @param bytes how much they take */
export function gatherUnread(contents: Iterable<unknown>, bytes: number): void {
  const target = new Uint8Array(bytes);
  let at = 0;
  for (const content of contents) if (content instanceof UnreadValues) at = content.moveTo(target, at);
}

/**
 * Finds the end of values without reading them.
 *
 * @returns undefined where they are to be read at once: numbers that are no small whole ones, and what is rare or wrong
 * @throws at text that is not UTF-8
 */
export function skipValues(bytes: Uint8Array, at: number, count: number): number | undefined {
  let end = at;
  for (let left = count; left > 0 && end >= 0; left--) end = skipValue(bytes, end, 0);
  // Beyond the end nothing is a number.
  return end >= 0 && end <= bytes.length ? end : undefined;
}

/** @returns below zero, or no number, where it is to be read */
function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  switch (bytes[at]) {
    case 119:
      return skipText(bytes, at + 1);
    case 125:
      return skipInteger(bytes, at + 1);
    case 126:
    case 127:
    case 121:
    case 120:
      return at + 1;
    case 118:
      return depth < MAX_DEPTH ? skipEntries(bytes, at + 1, depth + 1, true) : -1;
    case 117:
      return depth < MAX_DEPTH ? skipEntries(bytes, at + 1, depth + 1, false) : -1;
    default:
      return -1;
  }
}

/** Entries of an object or an array, a few at most. */
function skipEntries(bytes: Uint8Array, at: number, depth: number, keyed: boolean): number {
  const count = bytes[at] as number;
  let end = count < 0x80 ? at + 1 : -1;
  for (let left = count; left > 0 && end >= 0; left--) {
    if (keyed) end = skipText(bytes, end);
    end = skipValue(bytes, end, depth);
  }
  return end;
}

/** Four bytes at most. */
function skipInteger(bytes: Uint8Array, at: number): number {
  for (let i = at; i < at + 4; i++) if ((bytes[i] as number) < 0x80) return i + 1;
  return -1;
}

function skipText(bytes: Uint8Array, at: number): number {
  let length = bytes[at] as number;
  let start = at + 1;
  if (length >= 0x80) {
    const high = bytes[start++] as number;
    if (!(high < 0x80)) return -1;
    length = (high << 7) | (length & 0x7f);
  }
  const end = start + length;
  let i = start;
  while (i < end && (bytes[i] as number) < 0x80) i++;
  if (i < end && end <= bytes.length) utf8.decode(bytes.subarray(i, end));
  return end;
}
