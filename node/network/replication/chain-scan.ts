/**
 * Verifies stored envelopes at the speed of the disk: each header's hash names the header before it, each payload's
 * hash is in its header, so that one signature at the head of a chain vouches for all of it. An envelope costs two
 * hashes (some 2 µs) instead of a signature (70 µs) and no object is made of it.
 */

import { hash } from 'node:crypto';
import { type Crypto, HASH_BYTES } from '#protocol/crypto.ts';
import { type Envelope, parseEnvelope, verifyEnvelope } from '#protocol/envelope.ts';

/** What is found wrong with one envelope. */
export interface ScanProblem {
  readonly position: number;
  readonly problem: string;
}

export interface ScanResult {
  readonly envelopes: number;
  readonly chains: number;
  readonly signatures: number;
  readonly problems: readonly ScanProblem[];
}

/** The last envelope of a chain so far. */
interface Tail {
  readonly member: number;
  seq: number;
  /** SHA-256 of its header, a character per byte. */
  hash: string;
  /** -1: a checkpoint vouches for it. */
  position: number;
}

export interface ChainScanParts {
  readonly crypto: Crypto;
  /** The device key an author was admitted with; undefined for nobody. */
  keyOf(member: number): Uint8Array | undefined;
}

const INCARNATIONS = 2 ** 32;
const UINT = 0;
const BYTES = 2;
const ARRAY = 4;

export class ChainScan {
  readonly #parts: ChainScanParts;
  readonly #tails = new Map<number, Tail>();
  readonly #problems: ScanProblem[] = [];
  readonly #cursor = new Cursor();
  #envelopes = 0;
  #signatures = 0;

  constructor(parts: ChainScanParts) {
    this.#parts = parts;
  }

  /** A checkpoint stands for a chain up to here. @param head hash of the header there */
  begin(member: number, incarnation: number, seq: number, head: Uint8Array): void {
    const hash = Buffer.from(head).toString('latin1');
    this.#tails.set(member * INCARNATIONS + incarnation, { member, seq, hash, position: -1 });
  }

  /** Takes the next envelope in the order of the log. @param body valid during the call only */
  add(position: number, body: Uint8Array): void {
    this.#envelopes++;
    const cursor = this.#cursor;
    cursor.open(body);
    const whole = cursor.head(ARRAY) === 3;
    const header = cursor.take();
    const headerEnd = cursor.at;
    cursor.take();
    const payload = cursor.take();
    if (!whole || cursor.at !== body.length) return this.#say(position, 'it is no envelope');
    if (cursor.digest(body.length - payload, body.length) !== cursor.text(headerEnd - HASH_BYTES, headerEnd)) {
      return this.#say(position, 'its payload does not match its hash');
    }
    const hash = cursor.digest(headerEnd - header, headerEnd);
    // Header: version, sandbox, member, incarnation, seq, previous … payload hash.
    cursor.at = headerEnd - header;
    cursor.head(ARRAY);
    cursor.head(UINT);
    cursor.take();
    const member = cursor.head(UINT);
    const key = member * INCARNATIONS + cursor.head(UINT);
    const seq = cursor.head(UINT);
    const previous = cursor.take();
    const tail = this.#tails.get(key);
    if (tail === undefined && seq === 1 && previous === 0) {
      this.#tails.set(key, { member, seq, hash, position });
    } else if (tail?.seq === seq - 1 && cursor.text(cursor.at - previous, cursor.at) === tail.hash) {
      tail.seq = seq;
      tail.hash = hash;
      tail.position = position;
    } else if (tail?.hash !== hash) {
      // A branch of a forked chain, or one that stands behind a damaged record: it vouches for itself.
      this.#verify(position, body, member);
    }
  }

  /** Verifies the heads. @param read the envelope at a position */
  finish(read: (position: number) => Uint8Array): ScanResult {
    for (const { position, member } of this.#tails.values()) {
      if (position >= 0) this.#verify(position, read(position), member);
    }
    const { size } = this.#tails;
    return { envelopes: this.#envelopes, chains: size, signatures: this.#signatures, problems: this.#problems };
  }

  #verify(position: number, body: Uint8Array, member: number): void {
    this.#signatures++;
    const key = this.#parts.keyOf(member);
    if (key === undefined) return this.#say(position, `its author, member ${member}, was admitted by nobody`);
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(body, this.#parts.crypto);
    } catch (error) {
      return this.#say(position, error instanceof Error ? error.message : String(error));
    }
    if (!verifyEnvelope(envelope, key, this.#parts.crypto)) this.#say(position, 'its signature does not verify');
  }

  #say(position: number, problem: string): void {
    this.#problems.push({ position, problem });
  }
}

/** Reads CBOR heads; what is malformed reads as lengths that end beyond the bytes, and does not hash. */
class Cursor {
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);

  open(bytes: Uint8Array): void {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** The number in a head of this major type; -1 for another type. */
  head(major: number): number {
    const first = this.#bytes[this.at++] ?? 0xff;
    if (first >> 5 !== major) return -1;
    const low = first & 31;
    if (low < 24) return low;
    let value = 0;
    for (let left = 1 << (low - 24); left > 0; left--) value = value * 256 + (this.#bytes[this.at++] ?? 0);
    return value;
  }

  /** Steps over a byte string. @returns its length */
  take(): number {
    const length = Math.max(0, this.head(BYTES));
    this.at += length;
    return length;
  }

  text(from: number, to: number): string {
    return this.#bytes.toString('latin1', from, to);
  }

  /** A character per byte: half as expensive as an array of its own. */
  digest(from: number, to: number): string {
    return hash('sha256', this.#bytes.subarray(from, to), 'binary');
  }
}
