/**
 * Verifies stored envelopes at the speed of the disk: each header's hash names the header before it, each payload's
 * hash is in its header, so that one signature at the head of a chain vouches for all of it. An envelope costs two
 * hashes (some 2 µs) instead of a signature (70 µs) and no object is made of it.
 */

import { hash } from 'node:crypto';
import type { CheckpointChain } from '#protocol/checkpoint.ts';
import { type Crypto, HASH_BYTES } from '#protocol/crypto.ts';
import { chainKey, parseEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';

/** What is found wrong with one envelope. */
export interface ScanProblem {
  readonly position: number;
  readonly problem: string;
}

export interface ScanResult {
  readonly envelopes: number;
  /** Keys of the chains found. */
  readonly chains: readonly string[];
  readonly signatures: number;
  readonly problems: readonly ScanProblem[];
}

/** The envelopes of a chain so far, each after the one before. */
interface Line {
  readonly member: number;
  readonly incarnation: number;
  /** Up to here a checkpoint vouches. */
  readonly base: number;
  /** Of the headers from `base` on, a character per byte; the first is empty where nothing is before. */
  readonly hashes: string[];
  /** Of the last envelope; -1 when there is none after the base. */
  position: number;
}

export interface ChainScanParts {
  readonly crypto: Crypto;
  readonly sandbox: SandboxId;
  /** Device keys an author was admitted with; none for nobody. */
  keysOf(member: number): readonly Uint8Array[];
}

const INCARNATIONS = 2 ** 32;
const UINT = 0;
const BYTES = 2;
const ARRAY = 4;

export class ChainScan {
  readonly #parts: ChainScanParts;
  readonly #sandbox: string;
  readonly #lines = new Map<number, Line>();
  /** Hashes of envelopes that are on no line: branches of forked chains, and what stands behind damage. */
  readonly #apart = new Set<string>();
  readonly #loose: {
    readonly position: number;
    readonly key: number;
    readonly seq: number;
    readonly previous: string;
  }[] = [];
  readonly #problems: ScanProblem[] = [];
  readonly #cursor = new Cursor();
  #envelopes = 0;
  #signatures = 0;

  constructor(parts: ChainScanParts) {
    this.#parts = parts;
    this.#sandbox = Buffer.from(parts.sandbox, 'hex').toString('latin1');
  }

  /** A checkpoint stands for a chain up to its head. */
  begin({ member, incarnation, seq, hash }: Pick<CheckpointChain, 'member' | 'incarnation' | 'seq' | 'hash'>): void {
    const hashes = [Buffer.from(hash).toString('latin1')];
    this.#lines.set(member * INCARNATIONS + incarnation, { member, incarnation, base: seq, hashes, position: -1 });
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
    const sandbox = cursor.take();
    if (cursor.text(cursor.at - sandbox, cursor.at) !== this.#sandbox) {
      return this.#say(position, 'it belongs to another sandbox');
    }
    const member = cursor.head(UINT);
    const incarnation = cursor.head(UINT);
    const seq = cursor.head(UINT);
    const length = cursor.take();
    const previous = cursor.text(cursor.at - length, cursor.at);
    const key = member * INCARNATIONS + incarnation;
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { member, incarnation, base: 0, hashes: [''], position: -1 };
      this.#lines.set(key, line);
    }
    if (seq === line.base + line.hashes.length && previous === line.hashes.at(-1)) {
      line.hashes.push(hash);
      line.position = position;
    } else if (line.hashes[seq - line.base] !== hash && !this.#apart.has(hash)) {
      this.#apart.add(hash);
      this.#loose.push({ position, key, seq, previous });
      this.#verify(position, body, member);
    }
  }

  /** Verifies the heads. @param read the envelope at a position */
  finish(read: (position: number) => Uint8Array): ScanResult {
    const lines = [...this.#lines.values()];
    for (const { position, member } of lines) if (position >= 0) this.#verify(position, read(position), member);
    for (const { position, key, seq, previous } of this.#loose) {
      const line = this.#lines.get(key);
      // Up to the head of a checkpoint the chain may go on from any place: its hashes are not looked at here.
      const known = line !== undefined && (seq <= line.base || line.hashes[seq - 1 - line.base] === previous);
      if (!known && !this.#apart.has(previous)) this.#say(position, `envelope ${seq} follows one that is not here`);
    }
    const found = lines.filter(({ position }) => position >= 0);
    const chains = found.map(({ member, incarnation }) => chainKey(member, incarnation));
    return { envelopes: this.#envelopes, chains, signatures: this.#signatures, problems: this.#problems };
  }

  #verify(position: number, body: Uint8Array, member: number): void {
    this.#signatures++;
    const keys = this.#parts.keysOf(member);
    if (keys.length === 0) return this.#say(position, `its author, member ${member}, was admitted by nobody`);
    try {
      const envelope = parseEnvelope(body, this.#parts.crypto);
      if (keys.some((key) => verifyEnvelope(envelope, key, this.#parts.crypto))) return;
      this.#say(position, 'its signature does not verify');
    } catch (error) {
      this.#say(position, SandboxError.from(error).message);
    }
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
