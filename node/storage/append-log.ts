/**
 * Warm storage of one sandbox: an append-only log of typed records. A header names the schema version; each record
 * carries its length and a CRC; what a crash tore off at the end is cut on open. `write` hands records to the system
 * (they survive kill -9), `durable` waits for a group's fdatasync (they survive a power cut).
 *
 * Layout: "SMLG", version u32, 8 bytes zero; then records `length u32, crc32 u32, type u8, body`; big endian; the CRC
 * covers type and body.
 */

import { crc32 } from 'node:zlib';
import { SandboxError } from '#shared/errors.ts';
import type { LogFile } from './log-file.ts';

export const LOG_SCHEMA_VERSION = 1;
const MAGIC = 0x534d4c47;
const HEADER_BYTES = 16;
const RECORD_BYTES = 9;
/** A checkpoint is a blob of its own; nothing in the log comes near. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;
/** A group is synced when it is this large, or this old. */
const GROUP_RECORDS = 100;
const GROUP_DELAY_MS = 2;
const BUFFER_BYTES = 1024 * 1024;
const SCAN_BYTES = 4 * 1024 * 1024;

/** Types of records; 0 is none, so that a run of zeros is never one. */
export const RecordType = { control: 1, envelope: 2 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

export interface LogTimers {
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, task: () => void): () => void;
}

/** @param position names the record for {@link AppendLog.read}; @param body valid during the call only */
export type RecordVisitor = (type: number, position: number, body: Uint8Array) => void | Promise<void>;

interface Waiter {
  resolve(): void;
  reject(error: SandboxError): void;
}

export class AppendLog {
  readonly #file: LogFile;
  readonly #timers: LogTimers;
  #buffer = new Uint8Array(64 * 1024);
  #buffered = 0;
  #unsynced = 0;
  #waiters: Waiter[] = [];
  /** Those whose records the running fdatasync covers. */
  #served: Waiter[] = [];
  #syncing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #broken: SandboxError | undefined;
  #closed = false;

  private constructor(file: LogFile, timers: LogTimers) {
    this.#file = file;
    this.#timers = timers;
  }

  /**
   * Opens a log, visits every whole record in order, and cuts what follows the last of them.
   *
   * @returns the log and how many bytes were cut
   * @throws {SandboxError} STORAGE_CORRUPT when it is no log, VERSION_UNSUPPORTED when a newer sandmesh wrote it
   */
  static async open(
    file: LogFile,
    timers: LogTimers,
    visit: RecordVisitor,
  ): Promise<{ log: AppendLog; cutBytes: number }> {
    const log = new AppendLog(file, timers);
    if (file.size < HEADER_BYTES) {
      const cutBytes = file.size;
      file.truncate(0);
      log.#writeHeader();
      return { log, cutBytes };
    }
    checkHeader(file.read(0, HEADER_BYTES));
    const end = await log.#scan(visit);
    const cutBytes = file.size - end;
    if (cutBytes > 0) file.truncate(end);
    return { log, cutBytes };
  }

  /** Position the next record will have. */
  get end(): number {
    return this.#file.size + this.#buffered;
  }

  /** Adds a record to the buffer; {@link write} hands it on. @returns its position */
  append(type: RecordType, body: Uint8Array): number {
    this.#assertUsable();
    if (body.length > MAX_RECORD_BYTES) throw new RangeError(`A record of ${body.length} bytes is too large`);
    const length = RECORD_BYTES + body.length;
    if (this.#buffered + length > BUFFER_BYTES) this.write();
    this.#reserve(length);
    const position = this.end;
    const at = this.#buffered;
    const view = new DataView(this.#buffer.buffer);
    this.#buffer[at + 8] = type;
    this.#buffer.set(body, at + RECORD_BYTES);
    view.setUint32(at, body.length);
    view.setUint32(at + 4, crc32(this.#buffer.subarray(at + 8, at + length)));
    this.#buffered += length;
    this.#unsynced++;
    return position;
  }

  /** Hands the buffer to the system. @throws {SandboxError} HOME_UNWRITABLE; the log takes no more records then */
  write(): void {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    try {
      this.#file.append(bytes);
    } catch (error) {
      this.#fail(SandboxError.from(error));
      throw error;
    }
    this.#buffered = 0;
    this.#schedule();
  }

  /** Resolves when every record appended so far is durable. */
  durable(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    this.write();
    if (this.#unsynced === 0 && this.#syncing === undefined) return Promise.resolve();
    const queue = this.#unsynced === 0 ? this.#served : this.#waiters;
    return new Promise((resolve, reject) => queue.push({ resolve, reject }));
  }

  /** The body of the record at a position that {@link append} or the visitor gave; a fresh copy. */
  read(position: number): Uint8Array {
    if (position >= this.#file.size) this.write();
    const header = this.#file.read(position, RECORD_BYTES);
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0);
    const body = this.#file.read(position + RECORD_BYTES, length);
    if (body.length !== length) throw new SandboxError('STORAGE_CORRUPT', `Cannot read the log at byte ${position}`);
    return body;
  }

  /** Makes everything durable and closes the file. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#flushAll();
    } finally {
      this.#cancelTimer?.();
      this.#file.close();
    }
  }

  async #flushAll(): Promise<void> {
    if (this.#broken) return;
    this.write();
    while (this.#broken === undefined && (this.#syncing !== undefined || this.#unsynced > 0)) {
      this.#sync();
      await this.#syncing;
    }
  }

  /** One fdatasync at a time; what is appended meanwhile belongs to the next group. */
  #sync(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#syncing !== undefined || this.#broken !== undefined) return;
    if (this.#buffered > 0) return this.write();
    this.#served = this.#waiters;
    this.#waiters = [];
    this.#unsynced = 0;
    this.#syncing = this.#file.sync().then(
      () => {
        this.#syncing = undefined;
        const served = this.#served;
        this.#served = [];
        for (const waiter of served) waiter.resolve();
        this.#schedule();
      },
      (error: unknown) => {
        this.#syncing = undefined;
        // After a failed fdatasync the kernel may have dropped the pages: nothing later can be promised.
        this.#fail(SandboxError.from(error));
      },
    );
  }

  #schedule(): void {
    if (this.#unsynced >= GROUP_RECORDS) this.#sync();
    else if (this.#unsynced > 0) this.#cancelTimer ??= this.#timers.after(GROUP_DELAY_MS, () => this.#sync());
  }

  #fail(error: SandboxError): void {
    this.#broken = error;
    const waiters = [...this.#served, ...this.#waiters];
    this.#served = [];
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #assertUsable(): void {
    if (this.#broken) throw this.#broken;
    if (this.#closed) throw new SandboxError('CANCELLED', 'Cannot write to the log: it is closed');
  }

  #reserve(length: number): void {
    if (this.#buffered + length <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#buffered + length));
    grown.set(this.#buffer.subarray(0, this.#buffered));
    this.#buffer = grown;
  }

  #writeHeader(): void {
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, MAGIC);
    view.setUint32(4, LOG_SCHEMA_VERSION);
    this.#file.append(header);
  }

  /** @returns where the last whole record ends */
  async #scan(visit: RecordVisitor): Promise<number> {
    let base = HEADER_BYTES;
    let chunk = this.#file.read(base, SCAN_BYTES);
    let at = 0;
    for (;;) {
      const size = recordSize(chunk, at);
      if (size === undefined || at + size > chunk.length) {
        // The record goes on past this chunk, or the file ends in the middle of it.
        const wanted = Math.max(SCAN_BYTES, size ?? 0);
        base += at;
        chunk = this.#file.read(base, wanted);
        at = 0;
        const again = recordSize(chunk, 0);
        if (again === undefined || again > chunk.length) return base;
        continue;
      }
      const record = chunk.subarray(at + 8, at + size);
      const view = new DataView(chunk.buffer, chunk.byteOffset + at);
      if (view.getUint32(4) !== crc32(record) || record[0] === 0) return base + at;
      const visited = visit(record[0] as number, base + at, record.subarray(1));
      if (visited !== undefined) await visited;
      at += size;
    }
  }
}

/** Bytes of the record at `at`; undefined when its length is not there or makes no sense. */
function recordSize(chunk: Uint8Array, at: number): number | undefined {
  if (at + RECORD_BYTES > chunk.length) return undefined;
  const length = new DataView(chunk.buffer, chunk.byteOffset + at).getUint32(0);
  return length > MAX_RECORD_BYTES ? undefined : RECORD_BYTES + length;
}

function checkHeader(header: Uint8Array): void {
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
