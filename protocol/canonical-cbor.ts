/**
 * The few CBOR items that envelopes consist of (unsigned integers, byte strings, text, arrays), written and read in
 * their one canonical form (RFC 8949, 4.2.1: shortest heads, definite lengths). Reading refuses every other form, so
 * that nothing has to be encoded again to be compared: that was half of what checking an envelope cost.
 */

const UINT = 0;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Grows as needed; one value after the other. */
export class CborWriter {
  #bytes: Uint8Array;
  #at = 0;

  /** @param sizeHint bytes it will probably take */
  constructor(sizeHint = 256) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @param value a safe integer, 0 or more */
  uint(value: number): this {
    return this.#head(UINT, value);
  }

  bytes(value: Uint8Array): this {
    this.#head(BYTES, value.length);
    return this.#raw(value);
  }

  text(value: string): this {
    const utf8 = encoder.encode(value);
    this.#head(TEXT, utf8.length);
    return this.#raw(utf8);
  }

  /** Announces an array: its `length` items must follow. */
  array(length: number): this {
    return this.#head(ARRAY, length);
  }

  #head(major: number, value: number): this {
    this.#reserve(9);
    const bytes = this.#bytes;
    const type = major << 5;
    if (value < 24) {
      bytes[this.#at++] = type | value;
    } else if (value < 0x100) {
      bytes[this.#at++] = type | 24;
      bytes[this.#at++] = value;
    } else if (value < 0x10000) {
      bytes[this.#at++] = type | 25;
      this.#bigEndian(value, 2);
    } else if (value < 0x1_0000_0000) {
      bytes[this.#at++] = type | 26;
      this.#bigEndian(value, 4);
    } else {
      bytes[this.#at++] = type | 27;
      this.#bigEndian(Math.floor(value / 0x1_0000_0000), 4);
      this.#bigEndian(value % 0x1_0000_0000, 4);
    }
    return this;
  }

  #bigEndian(value: number, count: number): void {
    for (let shift = 8 * (count - 1); shift >= 0; shift -= 8) this.#bytes[this.#at++] = value >>> shift;
  }

  #raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + count));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Reads untrusted bytes; each method throws a RangeError when the next item is another one, or in another form. */
export class CborReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** @param bytes a plain Uint8Array: what is read shares its memory */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** At most 2^53 - 1. */
  uint(): number {
    return this.#head(UINT);
  }

  /** A view. */
  bytes(): Uint8Array {
    return this.#take(this.#head(BYTES));
  }

  text(): string {
    const utf8 = this.#take(this.#head(TEXT));
    try {
      return decoder.decode(utf8);
    } catch {
      // TextDecoder's TypeError would pass for a programmer's mistake.
      throw new RangeError('text that is not UTF-8');
    }
  }

  /** @returns how many items follow */
  array(): number {
    return this.#head(ARRAY);
  }

  #head(major: number): number {
    const first = this.#byte();
    if (first >> 5 !== major) throw new RangeError(`an item of type ${first >> 5} where ${major} was due`);
    const size = first & 0x1f;
    if (size < 24) return size;
    if (size > 27) throw new RangeError('an indefinite or reserved length');
    let value = 0;
    for (let left = 1 << (size - 24); left > 0; left--) value = value * 256 + this.#byte();
    // The shortest form only: one value has one encoding.
    const least = size === 24 ? 24 : size === 25 ? 0x100 : size === 26 ? 0x10000 : 0x1_0000_0000;
    if (value < least) throw new RangeError('a number that is not in its shortest form');
    if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number out of range');
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError('an end too early');
    this.#at++;
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new RangeError('an end too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
