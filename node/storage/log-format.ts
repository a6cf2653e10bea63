/**
 * The bytes of a sandbox's log (protocol/PROTOCOL.md, The log on disk): a header, then records
 * `length u32, crc32 u32, type u8, body`, big endian; the CRC covers type and body.
 */

import { crc32 } from 'node:zlib';
import { SandboxError } from '#shared/errors.ts';
import type { LogFile } from './log-file.ts';

export const LOG_SCHEMA_VERSION = 1;
export const HEADER_BYTES = 16;
export const RECORD_BYTES = 9;
/** A checkpoint is a blob of its own; nothing in the log comes near. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const MAGIC = 0x534d4c47;
const SCAN_BYTES = 4 * 1024 * 1024;

/**
 * Types of records; 0 is none, so that a run of zeros is never one. A checkpoint's body is its blob's name, 32 bytes.
 * Those of pages are in their journal only, never in the log.
 */
export const RecordType = { control: 1, envelope: 2, checkpoint: 3, page: 4 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];
const HIGHEST_TYPE = RecordType.checkpoint;

/** A whole record as it lies in the file. */
export interface RawRecord {
  readonly type: number;
  /** Where it starts. */
  readonly at: number;
  /** Valid until the next record is asked for. */
  readonly body: Uint8Array;
  /** It follows damage: what looks like a record may be bytes from inside one, chosen by an author. */
  readonly suspect: boolean;
}

/** Bytes between two records, or before the first, that are no record. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
}

export function encodeHeader(): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, LOG_SCHEMA_VERSION);
  return header;
}

/** @throws {SandboxError} STORAGE_CORRUPT when it is no log, VERSION_UNSUPPORTED when a newer sandmesh wrote it */
export function checkHeader(header: Uint8Array): void {
  if (header.length < HEADER_BYTES) {
    throw new SandboxError('STORAGE_CORRUPT', `Cannot read the log: it has ${header.length} bytes`);
  }
  const view = new DataView(header.buffer, header.byteOffset);
  if (view.getUint32(0) !== MAGIC) {
    throw new SandboxError('STORAGE_CORRUPT', 'Cannot read the log: it does not start with "SMLG"');
  }
  const version = view.getUint32(4);
  if (version !== LOG_SCHEMA_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read a log of schema version ${version}`, {
      hint: 'A newer sandmesh wrote it: update this one.',
    });
  }
}

/** Writes a record into `target` at `at`. @returns its length */
export function writeRecord(target: Uint8Array, at: number, type: RecordType, body: Uint8Array): number {
  const length = RECORD_BYTES + body.length;
  const view = new DataView(target.buffer, target.byteOffset);
  target[at + 8] = type;
  target.set(body, at + RECORD_BYTES);
  view.setUint32(at, body.length);
  view.setUint32(at + 4, crc32(target.subarray(at + 8, at + length)));
  return length;
}

/**
 * Reads every whole record from `from` on. What is damaged in the middle is stepped over: reading goes on at the next
 * record whose checksum holds.
 *
 * @param onDamage told of each range stepped over
 * @returns where the last whole record ends
 */
export function* readRecords(
  file: LogFile,
  from: number,
  onDamage: (range: DamagedRange) => void = () => undefined,
): Generator<RawRecord, number> {
  let end = from;
  let suspect = false;
  for (let at: number | undefined = from; at !== undefined; at = findRecord(file, end)) {
    if (at > end) {
      onDamage({ from: end, to: at });
      suspect = true;
    }
    end = yield* readWhole(file, at, suspect);
  }
  return end;
}

/** The body of the record that starts at a place. @returns undefined when there is no whole one */
export function readBody(file: LogFile, at: number): Uint8Array | undefined {
  const next = readWhole(file, at, false).next();
  return next.done === true ? undefined : next.value.body;
}

/** Reads records back to back. @returns where the last of them ends */
function* readWhole(file: LogFile, from: number, suspect: boolean): Generator<RawRecord, number> {
  let base = from;
  let chunk = file.read(base, SCAN_BYTES);
  let at = 0;
  for (;;) {
    const size = recordSize(chunk, at);
    if (size === undefined || at + size > chunk.length) {
      // The record goes on past this chunk, or the file ends in the middle of it.
      base += at;
      chunk = file.read(base, Math.max(SCAN_BYTES, size ?? 0));
      at = 0;
      const again = recordSize(chunk, 0);
      if (again === undefined || again > chunk.length) return base;
      continue;
    }
    if (!isWhole(chunk, at, size)) return base + at;
    const body = chunk.subarray(at + RECORD_BYTES, at + size);
    yield { type: chunk[at + 8] as number, at: base + at, body, suspect };
    at += size;
  }
}

/**
 * Looks for a record after damage that starts at `from`.
 *
 * Every offset could start one, so plausibility comes first (known type, length inside the file), the checksum last;
 * a run of random bytes passes the first two once in 2^15 places.
 */
function findRecord(file: LogFile, from: number): number | undefined {
  for (let base = from + 1; base + RECORD_BYTES <= file.size; base += SCAN_BYTES) {
    const chunk = file.read(base, SCAN_BYTES + RECORD_BYTES);
    for (let at = 0; at < SCAN_BYTES && at + RECORD_BYTES <= chunk.length; at++) {
      const type = chunk[at + 8] as number;
      if (chunk[at] !== 0 || type < 1 || type > HIGHEST_TYPE) continue;
      const size = recordSize(chunk, at);
      if (size === undefined || base + at + size > file.size) continue;
      const record = at + size <= chunk.length ? chunk.subarray(at, at + size) : file.read(base + at, size);
      if (isWhole(record, 0, size)) return base + at;
    }
  }
  return undefined;
}

function isWhole(chunk: Uint8Array, at: number, size: number): boolean {
  const type = chunk[at + 8] as number;
  if (type === 0) return false;
  return readUint32(chunk, at + 4) === crc32(chunk.subarray(at + 8, at + size));
}

/** Bytes of the record at `at`; undefined when its length is not there or makes no sense. */
function recordSize(chunk: Uint8Array, at: number): number | undefined {
  if (at + RECORD_BYTES > chunk.length) return undefined;
  const length = readUint32(chunk, at);
  return length > MAX_RECORD_BYTES ? undefined : RECORD_BYTES + length;
}

/** Without a DataView: one for every record of a million is noticed. */
function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

export function encodeRecord(type: RecordType, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES + body.length);
  writeRecord(bytes, 0, type, body);
  return bytes;
}

export function readRange(file: LogFile, { from, to }: DamagedRange): Uint8Array {
  return file.read(from, to - from);
}
