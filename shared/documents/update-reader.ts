/**
 * A strict, bounded reader of Yjs V1 updates. It builds no Yjs object: it lists what an update would do, so that it
 * can be judged before Yjs sees it. Yjs's own reader ignores trailing bytes, unknown content and prototype keys.
 */

/** Content that documents hold: plain values, text and the three shared types. */
export type ContentKind = 'gc' | 'deleted' | 'string' | 'any' | 'array' | 'map' | 'text';

export interface StructId {
  readonly client: number;
  readonly clock: number;
}

export interface UpdateStruct {
  readonly clock: number;
  readonly length: number;
  readonly content: ContentKind;
  readonly origin: StructId | undefined;
  readonly rightOrigin: StructId | undefined;
  /** Present only when the struct names its parent itself: a root type's name or the item that holds the type. */
  readonly parent: string | StructId | undefined;
  /** Map key; present only along with `parent`. */
  readonly parentSub: string | undefined;
  /** Offset of its first byte, which says what follows. */
  readonly from: number;
  /** Offset of its content, after what says where it belongs. */
  readonly body: number;
  readonly to: number;
}

export interface DeleteRange {
  readonly client: number;
  readonly clock: number;
  readonly length: number;
}

export interface ReadUpdate {
  /** The one client that wrote structs; undefined for an update that only deletes. */
  readonly client: number | undefined;
  readonly structs: readonly UpdateStruct[];
  readonly deletes: readonly DeleteRange[];
}

/** Structs and delete ranges of one update together. */
export const MAX_UPDATE_STRUCTS = 2000;
/** Clocks one update may add: as many as its bytes could hold characters. */
export const MAX_CLOCK_ADVANCE = 64 * 1024;
/** Nesting of arrays and objects inside one plain value. */
export const MAX_VALUE_DEPTH = 32;
export const MAX_KEY_LENGTH = 1024;

const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const ORIGIN = 0x80;
const RIGHT_ORIGIN = 0x40;
const PARENT_SUB = 0x20;
const CONTENT = 0x1f;
const TYPE_KINDS: readonly ContentKind[] = ['array', 'map', 'text'];

/** Why an update is refused: a plain sentence part. Internal to the check; never crosses its edge. */
export class UpdateRefusal extends Error {}

/** @throws {UpdateRefusal} */
export function readUpdate(bytes: Uint8Array): ReadUpdate {
  const reader = new Reader(bytes);
  const clients = reader.uint();
  if (clients > 1) throw new UpdateRefusal(`it writes as ${clients} clients`);
  let client: number | undefined;
  let structs: UpdateStruct[] = [];
  if (clients === 1) {
    const count = reader.uint();
    if (count < 1 || count > MAX_UPDATE_STRUCTS) throw new UpdateRefusal(`it has ${count} structs`);
    client = reader.uint();
    structs = readStructs(reader, count);
  }
  const deletes = readDeletes(reader, MAX_UPDATE_STRUCTS - structs.length);
  if (!reader.done) throw new UpdateRefusal('it has trailing bytes');
  return { client, structs, deletes };
}

function readStructs(reader: Reader, count: number): UpdateStruct[] {
  const structs: UpdateStruct[] = [];
  const start = reader.uint();
  let clock = start;
  for (let i = 0; i < count; i++) {
    const struct = readStruct(reader, clock);
    if (struct.length < 1) throw new UpdateRefusal('it has an empty struct');
    structs.push(struct);
    clock += struct.length;
    if (clock - start > MAX_CLOCK_ADVANCE) throw new UpdateRefusal(`it adds more than ${MAX_CLOCK_ADVANCE} clocks`);
  }
  return structs;
}

function readStruct(reader: Reader, clock: number): UpdateStruct {
  const from = reader.at;
  const info = reader.byte();
  if (info === 0) {
    const body = reader.at;
    const length = reader.uint();
    return {
      clock,
      length,
      content: 'gc',
      origin: undefined,
      rightOrigin: undefined,
      parent: undefined,
      parentSub: undefined,
      from,
      body,
      to: reader.at,
    };
  }
  const origin = (info & ORIGIN) === 0 ? undefined : reader.id();
  const rightOrigin = (info & RIGHT_ORIGIN) === 0 ? undefined : reader.id();
  let parent: string | StructId | undefined;
  let parentSub: string | undefined;
  if (origin === undefined && rightOrigin === undefined) {
    const isRoot = reader.uint();
    if (isRoot > 1) throw new UpdateRefusal('it has a malformed parent');
    parent = isRoot === 1 ? reader.key() : reader.id();
    if ((info & PARENT_SUB) !== 0) parentSub = reader.key();
  }
  const body = reader.at;
  const { content, length } = readContent(reader, info & CONTENT);
  return { clock, length, content, origin, rightOrigin, parent, parentSub, from, body, to: reader.at };
}

function readContent(reader: Reader, ref: number): { content: ContentKind; length: number } {
  switch (ref) {
    case 1:
      return { content: 'deleted', length: reader.uint() };
    case 4:
      return { content: 'string', length: reader.text() };
    case 7: {
      const content = TYPE_KINDS[reader.uint()];
      if (content === undefined) throw new UpdateRefusal('it holds a shared type that documents do not have');
      return { content, length: 1 };
    }
    case 8: {
      const length = reader.uint();
      if (length > MAX_CLOCK_ADVANCE) throw new UpdateRefusal(`it holds ${length} values in one struct`);
      for (let i = 0; i < length; i++) reader.value(0);
      return { content: 'any', length };
    }
    default:
      // 0 GC with flags, 2 JSON, 3 binary, 5 embed, 6 format, 9 subdocument, 10 Skip
      throw new UpdateRefusal(`it holds content of kind ${ref}`);
  }
}

function readDeletes(reader: Reader, limit: number): DeleteRange[] {
  const deletes: DeleteRange[] = [];
  const clients = reader.uint();
  if (clients > limit) throw new UpdateRefusal('it deletes too many ranges');
  for (let i = 0; i < clients; i++) {
    const client = reader.uint();
    const ranges = reader.uint();
    if (ranges < 1 || ranges > limit - deletes.length)
      throw new UpdateRefusal(`it deletes ${ranges} ranges of a client`);
    for (let j = 0; j < ranges; j++) {
      const range = { client, clock: reader.uint(), length: reader.uint() };
      if (range.length < 1) throw new UpdateRefusal('it deletes an empty range');
      deletes.push(range);
    }
  }
  return deletes;
}

const SHORT_TEXT_BYTES = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** lib0's encodings, each read within bounds. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #lastKey = '';

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }
  get at(): number {
    return this.#at;
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new UpdateRefusal('it ends too early');
    this.#at++;
    return byte;
  }

  /** 7 bits a byte, least significant first; at most 2^53 - 1. */
  uint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new UpdateRefusal('it has a number out of range');
      if (byte < 0x80) return value;
      factor *= 128;
      if (factor > 2 ** 56) throw new UpdateRefusal('it has a number out of range');
    }
  }

  id(): StructId {
    return { client: this.uint(), clock: this.uint() };
  }

  /** @returns its length in UTF-16 units */
  text(): number {
    const length = this.uint();
    const from = this.#skip(length);
    // Nearly all text is ASCII, and asking the decoder costs ten times as much as looking.
    return this.#isAscii(from) ? length : this.#decode(from).length;
  }

  key(): string {
    const from = this.#skip(this.uint());
    // The name of a root type comes again and again.
    if (this.#repeatsKey(from)) return this.#lastKey;
    const key = this.#decode(from);
    if (key.length > MAX_KEY_LENGTH) throw new UpdateRefusal(`it has a key of ${key.length} characters`);
    if (PROTOTYPE_KEYS.has(key)) throw new UpdateRefusal(`it writes the key "${key}"`);
    this.#lastKey = key;
    return key;
  }

  /** Reads a key that nobody asks for: as {@link key}, without making a string of it. */
  #skipKey(): void {
    const start = this.#at;
    const length = this.uint();
    const from = this.#skip(length);
    // The three keys that are refused have 9 and 11 characters.
    if (length <= MAX_KEY_LENGTH && length !== 9 && length !== 11 && this.#isAscii(from)) return;
    this.#at = start;
    this.key();
  }

  /** Skips one plain value. */
  value(depth: number): void {
    const tag = this.byte();
    switch (tag) {
      case 127: // undefined
      case 126: // null
      case 121: // false
      case 120: // true
        return;
      case 125:
        return this.#int();
      case 124:
        return void this.#skip(4);
      case 123:
        return void this.#skip(8);
      case 119:
        return void this.text();
      case 118:
      case 117: {
        if (depth >= MAX_VALUE_DEPTH) throw new UpdateRefusal(`it nests values deeper than ${MAX_VALUE_DEPTH}`);
        const count = this.uint();
        for (let i = 0; i < count; i++) {
          if (tag === 118) this.#skipKey();
          this.value(depth + 1);
        }
        return;
      }
      default:
        // 122 bigint and 116 bytes among them
        throw new UpdateRefusal(`it holds a value of kind ${tag}`);
    }
  }

  /** A signed integer: the sign in the first byte's second bit. */
  #int(): void {
    let byte = this.byte();
    let value = byte & 0x3f;
    for (let factor = 64; byte >= 0x80; factor *= 128) {
      if (factor > 2 ** 56) throw new UpdateRefusal('it has a number out of range');
      byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new UpdateRefusal('it has a number out of range');
    }
  }

  /** @returns where the bytes skipped begin; they end where the reader stands now */
  #skip(length: number): number {
    if (length > this.#bytes.length - this.#at) throw new UpdateRefusal('it ends too early');
    const from = this.#at;
    this.#at += length;
    return from;
  }

  #isAscii(from: number): boolean {
    for (let i = from; i < this.#at; i++) if ((this.#bytes[i] as number) >= 0x80) return false;
    return true;
  }

  #repeatsKey(from: number): boolean {
    const last = this.#lastKey;
    if (last.length !== this.#at - from) return false;
    // Bytes above 0x7f never equal the code of the character they stand for.
    for (let i = 0; i < last.length; i++) {
      const code = last.charCodeAt(i);
      if (code >= 0x80 || code !== this.#bytes[from + i]) return false;
    }
    return true;
  }

  /** @throws {UpdateRefusal} */
  #decode(from: number): string {
    // Short and ASCII, as keys are: the decoder's call alone costs more than this.
    if (this.#at - from <= SHORT_TEXT_BYTES && this.#isAscii(from)) {
      let text = '';
      for (let i = from; i < this.#at; i++) text += String.fromCharCode(this.#bytes[i] as number);
      return text;
    }
    try {
      return utf8.decode(this.#bytes.subarray(from, this.#at));
    } catch {
      // The decoder's own message names no place; ours is as good.
      throw new UpdateRefusal('it has text that is not UTF-8');
    }
  }
}
