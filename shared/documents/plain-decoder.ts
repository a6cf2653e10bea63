/**
 * Yjs's reader of V1 updates, quicker at what documents hold most of: short strings, and plain objects that have the
 * same keys one after the other. Yjs asks the platform's decoder for each of them, which costs more than the string.
 */

import type { Decoder } from 'lib0/decoding';
import * as Y from 'yjs';

/** Shorter strings are put together from their characters. */
const SHORT_BYTES = 24;
/** For the characters of one, by length. */
const CHARACTERS = Array.from({ length: SHORT_BYTES + 1 }, (_, length) => new Array<number>(length).fill(0));
/** Different keys that are remembered. */
const MAX_FOLLOWERS = 1000;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** As `Y.applyUpdate`. */
export function applyPlainUpdate(doc: Y.Doc, update: Uint8Array, origin?: unknown): void {
  Y.applyUpdateV2(doc, update, origin, PlainDecoder);
}

export class PlainDecoder extends Y.UpdateDecoderV1 {
  /** Key that followed, by the key before: objects of one kind tell their keys in one order. */
  readonly #followers = new Map<string, string>();
  #before = '';

  /** Where the client that came last is written, and how it is called. */
  #clientAt = 0;
  #clientEnd = 0;
  #client = 0;

  override readLeftID(): Y.ID {
    return Y.createID(this.readClient(), this.readLen());
  }

  override readRightID(): Y.ID {
    return Y.createID(this.readClient(), this.readLen());
  }

  /** Mostly the same as before, in five bytes or more. */
  override readClient(): number {
    const { restDecoder } = this;
    const { arr, pos } = restDecoder;
    const start = this.#clientAt;
    const end = this.#clientEnd;
    let same = start;
    while (same < end && arr[same] === arr[pos + same - start]) same++;
    if (same === end && end > start) {
      restDecoder.pos = pos + end - start;
      return this.#client;
    }
    this.#client = super.readClient();
    this.#clientAt = pos;
    this.#clientEnd = restDecoder.pos;
    return this.#client;
  }

  override readString(): string {
    return this.#text(this.readLen());
  }

  override readAny(): unknown {
    const { restDecoder } = this;
    const tag = restDecoder.arr[restDecoder.pos];
    switch (tag) {
      case 119:
        restDecoder.pos++;
        return this.readString();
      case 118:
        restDecoder.pos++;
        return this.#object();
      case 117:
        restDecoder.pos++;
        return this.#array();
      default:
        return super.readAny();
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const count = this.readLen();
    this.#before = '';
    for (let i = 0; i < count; i++) {
      const key = this.#expectedText();
      object[key] = this.readAny();
      this.#before = key;
    }
    return object;
  }

  #array(): unknown[] {
    const count = this.readLen();
    const array: unknown[] = [];
    for (let i = 0; i < count; i++) array.push(this.readAny());
    return array;
  }

  /** A string that is probably the one that came here last time. */
  #expectedText(): string {
    const expected = this.#followers.get(this.#before);
    const text = this.readExpected(expected);
    if (text === expected) return text;
    if (this.#followers.size >= MAX_FOLLOWERS) this.#followers.clear();
    this.#followers.set(this.#before, text);
    return text;
  }

  /** @returns `expected` itself, if the next string is equal to it; else that string */
  readExpected(expected: string | undefined): string {
    const { restDecoder } = this;
    const length = this.readLen();
    if (expected === undefined || !isAt(restDecoder, expected, length)) return this.#text(length);
    restDecoder.pos += length;
    return expected;
  }

  /** @throws {Error} when the bytes end before, or are no UTF-8 */
  #text(length: number): string {
    const { arr, pos } = this.restDecoder;
    const end = pos + length;
    if (end > arr.length) throw new RangeError('The update ends too early');
    this.restDecoder.pos = end;
    if (length <= SHORT_BYTES) {
      const characters = CHARACTERS[length] as number[];
      let at = pos;
      for (; at < end && (arr[at] as number) < 0x80; at++) characters[at - pos] = arr[at] as number;
      if (at === end) return String.fromCharCode.apply(null, characters);
    }
    return utf8.decode(arr.subarray(pos, end));
  }

  /** Nearly every number takes one byte. */
  override readLen(): number {
    const { restDecoder } = this;
    const byte = restDecoder.arr[restDecoder.pos] as number;
    if (!(byte < 0x80)) return super.readLen();
    restDecoder.pos++;
    return byte;
  }
}

/** Whether `length` bytes are the characters of `text`: never, where one of them is not ASCII. */
function isAt({ arr, pos }: Decoder, text: string, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code !== arr[pos + i] || code >= 0x80) return false;
  }
  return true;
}
