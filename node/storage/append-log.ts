/**
 * Warm storage of one sandbox: an append-only log of typed records (layout: `log-format.ts`). What a crash tore off at
 * the end is cut on open; what rotted in the middle is set aside. `write` hands records to the system (they survive
 * kill -9), `durable` waits for a group's fdatasync (they survive a power cut). `compact` moves the log to a new file.
 */

import { SandboxError } from '#shared/errors.ts';
import type { LogFile } from './log-file.ts';
import {
  checkHeader,
  type DamagedRange,
  encodeHeader,
  encodeRecord,
  HEADER_BYTES,
  MAX_RECORD_BYTES,
  RECORD_BYTES,
  type RecordType,
  readRange,
  readRecords,
  writeRecord,
} from './log-format.ts';
import type { LogMove, LogRecord } from './log-move.ts';
import { LogPositions } from './log-positions.ts';

export { RecordType } from './log-format.ts';
export type { KeptRecord, LogRecord } from './log-move.ts';

/** A group is synced when it is this large, or this old. */
const GROUP_RECORDS = 100;
const GROUP_DELAY_MS = 2;
/** The same for what others keep too: an fdatasync for every other keystroke wakes a thread and busies a disk for nobody. */
const LAZY_DELAY_MS = 50;
const BUFFER_BYTES = 1024 * 1024;

export interface LogTimers {
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, task: () => void): () => void;
}

export type RecordVisitor = (record: LogRecord) => void | Promise<void>;

export interface OpenedLog {
  readonly log: AppendLog;
  /** Of a torn tail, cut off. */
  readonly cutBytes: number;
  /** What rotted before the last whole record. It stays in the file until the next compaction. */
  readonly damaged: readonly Uint8Array[];
}

interface Waiter {
  resolve(): void;
  reject(error: SandboxError): void;
}

export class AppendLog {
  #file: LogFile;
  readonly #timers: LogTimers;
  readonly #positions = new LogPositions();
  #buffer = new Uint8Array(64 * 1024);
  #buffered = 0;
  #unsynced = 0;
  #waiters: Waiter[] = [];
  /** Those whose records the running fdatasync covers. */
  #served: Waiter[] = [];
  #syncing: Promise<void> | undefined;
  #handing: (() => void) | undefined;
  #timer: { readonly delayMs: number; readonly cancel: () => void } | undefined;
  #moved: Promise<void> | undefined;
  /** Nothing is acknowledged: the log changes files. */
  #holding = false;
  /** The disk had no room for what is buffered: it stays, and nothing more is taken until it could be handed on. */
  #stuck: SandboxError | undefined;
  /** Nothing later can be promised. */
  #broken: SandboxError | undefined;
  #closed = false;

  private constructor(file: LogFile, timers: LogTimers) {
    this.#file = file;
    this.#timers = timers;
  }

  /**
   * Opens a log, visits every whole record in order, and cuts what follows the last of them.
   *
   * @throws {SandboxError} STORAGE_CORRUPT when it is no log, VERSION_UNSUPPORTED when a newer sandmesh wrote it
   */
  static async open(file: LogFile, timers: LogTimers, visit: RecordVisitor): Promise<OpenedLog> {
    const log = new AppendLog(file, timers);
    if (file.size < HEADER_BYTES) {
      const cutBytes = file.size;
      file.truncate(0);
      file.append(encodeHeader());
      return { log, cutBytes, damaged: [] };
    }
    checkHeader(file.read(0, HEADER_BYTES));
    const damaged: DamagedRange[] = [];
    const records = readRecords(file, HEADER_BYTES, (range) => damaged.push(range));
    let next = records.next();
    for (; next.done !== true; next = records.next()) {
      const visited = visit({ ...next.value, position: next.value.at });
      if (visited !== undefined) await visited;
    }
    const end = next.value;
    const cutBytes = file.size - end;
    if (cutBytes > 0) file.truncate(end);
    return { log, cutBytes, damaged: damaged.map((range) => readRange(file, range)) };
  }

  /** Position the next record will have. */
  get end(): number {
    return this.#positions.logical(this.#file.size) + this.#buffered;
  }

  /** Bytes the log takes on disk. */
  get bytes(): number {
    return this.#file.size + this.#buffered;
  }

  /** @throws {SandboxError} HOME_UNWRITABLE while there is no room for what was appended before */
  assertTakes(): void {
    this.#assertUsable();
    if (this.#stuck !== undefined) this.#handOn();
  }

  /** Adds a record to the buffer; {@link write} hands it on. @returns its position. @throws as {@link assertTakes} */
  append(type: RecordType, body: Uint8Array): number {
    this.assertTakes();
    if (body.length > MAX_RECORD_BYTES) throw new RangeError(`A record of ${body.length} bytes is too large`);
    const length = RECORD_BYTES + body.length;
    if (this.#buffered + length > BUFFER_BYTES) this.write();
    this.#reserve(length);
    const position = this.end;
    this.#buffered += writeRecord(this.#buffer, this.#buffered, type, body);
    this.#unsynced++;
    return position;
  }

  /**
   * Adds a record and hands it to the system at once.
   *
   * @throws {SandboxError} HOME_UNWRITABLE: then nothing of it is here, nor will be
   */
  appendNow(type: RecordType, body: Uint8Array): number {
    const position = this.append(type, body);
    try {
      this.#handOn();
    } catch (error) {
      this.#buffered -= RECORD_BYTES + body.length;
      this.#unsynced--;
      if (this.#buffered === 0) this.#stuck = undefined;
      throw error;
    }
    return position;
  }

  /** Hands the buffer to the system. @throws {SandboxError} HOME_UNWRITABLE; it is tried again with the next */
  write(): void {
    this.#handOn();
    this.#schedule(GROUP_DELAY_MS);
  }

  /** Has the buffer handed on in a moment, and synced in no hurry: for records that somebody else keeps too. */
  writeSoon(): void {
    this.#handing ??= this.#timers.after(GROUP_DELAY_MS, () => this.#tryHandOn());
    this.#schedule(LAZY_DELAY_MS);
  }

  /** Resolves when every record appended so far is durable. */
  durable(): Promise<void> {
    const failure = this.#tryHandOn() ? undefined : (this.#broken ?? this.#stuck);
    if (failure !== undefined) return Promise.reject(failure);
    this.#schedule(GROUP_DELAY_MS);
    if (this.#unsynced === 0 && this.#syncing === undefined) return Promise.resolve();
    const queue = this.#unsynced === 0 ? this.#served : this.#waiters;
    return new Promise((resolve, reject) => queue.push({ resolve, reject }));
  }

  /** Whether the record at a position is still here: compaction drops some. */
  has(position: number): boolean {
    return this.#positions.physical(position) !== undefined;
  }

  /** Whether one that is here lies in the file: others may be told it. */
  isInFile(position: number): boolean {
    return position < this.#positions.logical(this.#file.size) || this.#tryHandOn();
  }

  /** The body of the record at a position that {@link append} or a visitor gave; a fresh copy. */
  read(position: number): Uint8Array {
    return this.#readRecord(position).subarray(RECORD_BYTES);
  }

  /** As {@link read}, also while the disk has no room for it: then for this process alone, to be told to nobody. */
  readHere(position: number): Uint8Array {
    const at = position - this.#positions.logical(this.#file.size);
    if (at < 0 || this.#tryHandOn()) return this.read(position);
    const length = new DataView(this.#buffer.buffer, this.#buffer.byteOffset).getUint32(at);
    return this.#buffer.slice(at + RECORD_BYTES, at + RECORD_BYTES + length);
  }

  /** Every record in the order of the file; nothing may be appended meanwhile. */
  *records(): Generator<LogRecord> {
    this.write();
    for (const record of readRecords(this.#file, HEADER_BYTES)) {
      yield { ...record, position: this.#positions.logical(record.at) };
    }
  }

  /**
   * Moves the log to a new file that holds what `select` keeps and whatever is appended meanwhile. Positions stay
   * valid. A crash at any moment leaves the old file or the new one, each whole, and what was acknowledged is in both.
   * Appending goes on; only acknowledging waits for the last steps.
   *
   * @throws {SandboxError} HOME_UNWRITABLE, CANCELLED when the log is closed meanwhile; the log goes on in the old file
   * unless `publish` had returned
   */
  async compact(move: LogMove): Promise<void> {
    if (this.#moved !== undefined) throw new RangeError('The log is being compacted already');
    this.#moved = this.#move(move);
    try {
      await this.#moved;
    } finally {
      this.#moved = undefined;
    }
  }

  /** Makes everything durable and closes the file. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      // Whoever asked for the compaction hears of its failure.
      await this.#moved?.catch(() => undefined);
      await this.#flushAll();
    } finally {
      this.#timer?.cancel();
      this.#handing?.();
      this.#file.close();
    }
  }

  async #move({ target, select, ready, publish, moved, settle }: LogMove): Promise<void> {
    await this.durable();
    target.append(encodeHeader());
    this.write();
    const pivot = this.end;
    let copied = this.#file.size;
    const kept = new Map<number, number>();
    for (const record of select(() => this.records())) {
      if ('position' in record) kept.set(record.position, target.size);
      target.append('position' in record ? this.#readRecord(record.position) : encodeRecord(record.type, record.body));
    }
    const place = target.size;
    // Not before both have ended: a file is not closed while it is being synced.
    for (const outcome of await Promise.allSettled([target.sync(), ready?.()])) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
    this.#holding = true;
    try {
      await this.#syncing;
      const before = copied;
      copied = this.#copyRest(target, before);
      // What is appended from here on is acknowledged only when it is durable in the new file.
      if (copied > before) await target.sync();
      this.write();
      this.#copyRest(target, copied);
      this.#assertUsable();
      publish();
      this.#file.close();
      this.#file = target;
      this.#positions.move(kept, pivot, place);
      moved?.();
      await settle().catch((error: unknown) => {
        this.#fail(SandboxError.from(error));
        throw error;
      });
    } finally {
      this.#holding = false;
      this.#schedule(GROUP_DELAY_MS);
    }
  }

  /** @returns where it stopped */
  #copyRest(target: LogFile, from: number): number {
    let at = from;
    while (at < this.#file.size) {
      const bytes = this.#file.read(at, BUFFER_BYTES);
      target.append(bytes);
      at += bytes.length;
    }
    return at;
  }

  #handOn(): void {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    try {
      this.#file.append(bytes);
    } catch (thrown) {
      // Nothing of it is in the file, all of it here: with room on the disk the log goes on.
      const error = SandboxError.from(thrown);
      if (error.code !== 'HOME_UNWRITABLE') this.#fail(error);
      if (this.#broken !== undefined) throw this.#broken;
      this.#stuck = error;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
      throw error;
    }
    this.#stuck = undefined;
    this.#buffered = 0;
  }

  /** @returns false when the log is broken or stuck: whoever waits was told, and whoever appends will be */
  #tryHandOn(): boolean {
    this.#handing?.();
    this.#handing = undefined;
    if (this.#broken !== undefined) return false;
    try {
      this.#handOn();
      return true;
    } catch {
      return false;
    }
  }

  #readRecord(position: number): Uint8Array {
    if (position >= this.#positions.logical(this.#file.size)) this.write();
    const place = this.#positions.physical(position);
    if (place === undefined)
      throw new SandboxError('STORAGE_CORRUPT', `Cannot read record ${position}: it was dropped`);
    const header = this.#file.read(place, RECORD_BYTES);
    const length = header.length < RECORD_BYTES ? 0 : new DataView(header.buffer, header.byteOffset).getUint32(0);
    const record = this.#file.read(place, RECORD_BYTES + length);
    if (header.length < RECORD_BYTES || record.length !== RECORD_BYTES + length) {
      throw new SandboxError('STORAGE_CORRUPT', `Cannot read the log at byte ${place}`);
    }
    return record;
  }

  async #flushAll(): Promise<void> {
    if (this.#broken || !this.#tryHandOn()) return;
    while (this.#broken === undefined && (this.#syncing !== undefined || this.#unsynced > 0)) {
      this.#sync();
      await this.#syncing;
    }
  }

  /** One fdatasync at a time; what is appended meanwhile belongs to the next group. */
  #sync(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#syncing !== undefined || this.#broken !== undefined || this.#holding) return;
    if (!this.#tryHandOn()) return;
    this.#served = this.#waiters;
    this.#waiters = [];
    this.#unsynced = 0;
    this.#syncing = this.#file.sync().then(
      () => {
        this.#syncing = undefined;
        const served = this.#served;
        this.#served = [];
        for (const waiter of served) waiter.resolve();
        this.#schedule(this.#waiters.length > 0 ? GROUP_DELAY_MS : LAZY_DELAY_MS);
      },
      (error: unknown) => {
        this.#syncing = undefined;
        // After a failed fdatasync the kernel may have dropped the pages: nothing later can be promised.
        this.#fail(SandboxError.from(error));
      },
    );
  }

  /** @param delayMs how long what is here may wait at most: the hasty take those along that are not */
  #schedule(delayMs: number): void {
    if (this.#holding) return;
    if (this.#unsynced >= GROUP_RECORDS) return this.#sync();
    if (this.#unsynced === 0 || (this.#timer !== undefined && this.#timer.delayMs <= delayMs)) return;
    this.#timer?.cancel();
    this.#timer = { delayMs, cancel: this.#timers.after(delayMs, () => this.#sync()) };
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
}
