/**
 * The audit log of this daemon: lines, each bound to the one before by its hash, the last of every batch signed with
 * the device key, and synced in groups.
 * Segments of a bounded size in one folder; a segment is named after its first line.
 */

import { join } from 'node:path';
import {
  type AuditEntry,
  type AuditFacts,
  type AuditHead,
  formatAuditLine,
  parseAuditLine,
  sealAuditEntry,
} from '#protocol/audit-line.ts';
import type { Crypto, Signer } from '#protocol/crypto.ts';
import { SandboxError } from '#shared/errors.ts';
import { type LogFile, openLogFile } from '../../storage/log-file.ts';
import { makeHomeFolder } from '../../storage/make-folder.ts';
import { listSegments, segmentName } from './audit-segments.ts';

const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** The end of a segment that is read on opening: no line is longer. */
const TAIL_BYTES = 64 * 1024;

export interface AuditLogOptions {
  /** Made on first use. */
  readonly folder: string;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly maxSegmentBytes?: number;
}

interface Segment {
  readonly file: LogFile;
  readonly first: number;
}

interface SealedLine {
  readonly body: string;
  readonly hash: string;
}

/** Recorded and not hashed yet: whoever records may have a program wait for what comes next. */
interface RecordedLine {
  readonly seq: number;
  readonly at: number;
  readonly facts: LineFacts;
}

/** What a line tells, or what finds it out when the line is made: not while a program waits. It must not throw. */
export type LineFacts = AuditFacts | (() => AuditFacts);

/**
 * Lines are hashed, signed and written a moment after what they tell: a program that was just let go needs the processor
 * more than its record does.
 */
const WRITE_DELAY_MS = 2;

export class AuditLog {
  readonly #options: AuditLogOptions;
  #segment: Segment | undefined;
  /** The last line that is hashed. */
  #head: AuditHead = { seq: 0, hash: '' };
  /** Number of the last line recorded. */
  #seq = 0;
  #recorded: RecordedLine[] = [];
  #sealed: SealedLine[] = [];
  /** The fdatasync under way, and the one that begins after it. */
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #unsynced = false;
  #scheduled = false;
  /** Whether the next write is to be signed. */
  #signs = false;
  /** The last line written here left its signature to the next. */
  #owesSignature = false;
  /** Why what is sealed could not be written, for want of room: it stays, and nothing more is taken until it can be. */
  #unwritten: SandboxError | undefined;
  /** A sync failed: nothing later can be promised. */
  #broken: SandboxError | undefined;
  #closed = false;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** The last line recorded; opens the log to find out. @throws {SandboxError} HOME_UNWRITABLE */
  get head(): AuditHead {
    this.#openFolder();
    this.#seal();
    return this.#head;
  }

  /**
   * Adds a line. It is written a moment later, or by {@link write}.
   *
   * @param options `sign` as in {@link write}, for that write
   * @returns its number
   * @throws {SandboxError} HOME_UNWRITABLE; what cannot be recorded must not be done
   */
  record(facts: LineFacts, { sign = true }: { sign?: boolean } = {}): number {
    this.#assertUsable();
    this.#openFolder();
    const seq = this.#add(facts);
    this.#signs ||= sign;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setTimeout(() => {
        this.#scheduled = false;
        // Who waits for the line hears of a failure by `durable`, everybody else by the next `record`.
        if (this.#broken === undefined) this.#tryWrite(this.#signs);
      }, WRITE_DELAY_MS);
    }
    return seq;
  }

  /**
   * Hands every recorded line to the system: they survive the death of this process.
   *
   * @param options `sign` false leaves the signature, a tenth of a millisecond, to the lines that follow: the chain
   * binds these to them
   */
  write({ sign = true }: { sign?: boolean } = {}): void {
    this.#assertUsable();
    this.#tryWrite(sign);
    if (this.#unwritten !== undefined) throw this.#unwritten;
  }

  /** Writes what is recorded, and where a line waits for the next one to be signed with it, adds that: it is going to be read. */
  writeForReading(): void {
    this.write();
    if (!this.#owesSignature) return;
    this.record({ type: 'done', via: 'daemon', what: 'audit.verify', outcome: 'ok' });
    this.write();
  }

  /** Resolves when every line recorded so far survives a power cut. @throws {SandboxError} HOME_UNWRITABLE */
  async durable(): Promise<void> {
    if (this.#broken === undefined) this.#tryWrite();
    const failure = this.#broken ?? this.#unwritten;
    if (failure !== undefined) throw failure;
    if (!this.#unsynced) return this.#syncing;
    // One sync at a time; what was written while one runs belongs to the next.
    this.#next ??= (this.#syncing ?? Promise.resolve()).then(() => this.#sync());
    return this.#next;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.durable();
    } finally {
      this.#closed = true;
      this.#segment?.file.close();
    }
  }

  #sync(): Promise<void> {
    this.#next = undefined;
    this.#unsynced = false;
    const file = this.#segment?.file;
    this.#syncing = (file === undefined ? Promise.resolve() : file.sync()).then(
      () => {
        this.#syncing = undefined;
      },
      (error: unknown) => {
        this.#syncing = undefined;
        this.#broken = SandboxError.from(error);
        throw this.#broken;
      },
    );
    return this.#syncing;
  }

  #add(facts: LineFacts): number {
    const { now = Date.now } = this.#options;
    this.#seq += 1;
    this.#recorded.push({ seq: this.#seq, at: now(), facts });
    return this.#seq;
  }

  /** Binds each line to the one before. */
  #seal(): void {
    const { crypto } = this.#options;
    for (const { seq, at, facts } of this.#recorded.splice(0)) {
      const told = typeof facts === 'function' ? facts() : facts;
      const entry: AuditEntry = { v: 1, seq, previous: this.#head.hash as AuditEntry['previous'], at, ...told };
      const line = sealAuditEntry(entry, crypto);
      this.#sealed.push(line);
      this.#head = { seq, hash: line.hash };
    }
  }

  #tryWrite(sign = true): void {
    this.#signs = false;
    this.#seal();
    if (this.#sealed.length === 0 || this.#closed) return;
    const lines = this.#sealed;
    this.#sealed = [];
    try {
      const last = lines.length - 1;
      const text = lines.map(({ body, hash }, i) =>
        formatAuditLine(body, hash, sign && i === last ? this.#options.signer : undefined),
      );
      this.#segmentFor(lines.length).file.append(new TextEncoder().encode(`${text.join('\n')}\n`));
      this.#unsynced = true;
      this.#owesSignature = !sign;
      this.#unwritten = undefined;
    } catch (error) {
      this.#sealed = lines;
      this.#unwritten = SandboxError.from(error);
      if (this.#unwritten.code !== 'HOME_UNWRITABLE') this.#broken = this.#unwritten;
    }
  }

  /** The segment to write to, a new one when the last is full. */
  #segmentFor(lines: number): Segment {
    const { folder, maxSegmentBytes = MAX_SEGMENT_BYTES } = this.#options;
    const current = this.#segment;
    if (current !== undefined && current.file.size < maxSegmentBytes) return current;
    const first = this.#head.seq - lines + 1;
    const file = openLogFile(join(folder, segmentName(first)));
    if (current !== undefined) {
      // It is full and stays as it is: synced before anything in the next one can be.
      const done = (this.#syncing ?? Promise.resolve()).then(() => current.file.sync());
      this.#syncing = done.finally(() => current.file.close());
    }
    this.#segment = { file, first };
    return this.#segment;
  }

  #openFolder(): void {
    if (this.#segment !== undefined || this.#seq > 0) return;
    const { folder, crypto } = this.#options;
    makeHomeFolder(folder);
    const last = listSegments(folder).at(-1);
    if (last === undefined) return;
    const file = openLogFile(join(folder, last.name));
    this.#segment = { file, first: last.first };
    const { head, cutBytes, unreadable } = readTail(file, last.first, crypto);
    this.#head = head;
    this.#seq = head.seq;
    const notes = [
      ...(cutBytes > 0 ? [`a line of ${cutBytes} bytes that was cut short by a crash was taken off`] : []),
      ...(unreadable ? ['the lines before cannot be read'] : []),
    ];
    const why = notes.length === 0 ? {} : { why: notes.join('; ') };
    this.#add({ type: 'opened', via: 'daemon', what: 'audit.opened', outcome: 'ok', pid: process.pid, ...why });
  }

  #assertUsable(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#closed) throw new SandboxError('CANCELLED', 'Cannot write to the audit log: it is closed');
    if (this.#unwritten !== undefined) this.#tryWrite();
    if (this.#unwritten !== undefined) throw this.#unwritten;
  }
}

/** Where the chain goes on. A line without its newline was never answered for: it is cut. */
function readTail(
  file: LogFile,
  first: number,
  crypto: Crypto,
): { head: AuditHead; cutBytes: number; unreadable: boolean } {
  const from = Math.max(0, file.size - TAIL_BYTES);
  const tail = file.read(from, TAIL_BYTES);
  const end = tail.lastIndexOf(0x0a) + 1;
  const cutBytes = tail.length - end;
  if (cutBytes > 0) file.truncate(from + end);
  const lines = new TextDecoder().decode(tail.subarray(0, end)).split('\n').filter(Boolean);
  for (const line of lines.toReversed()) {
    const parsed = parseAuditLine(line, crypto);
    // What does not add up is for `verify` to find: the chain goes on from what is stated.
    if (parsed !== undefined)
      return { head: { seq: parsed.entry.seq, hash: parsed.hash }, cutBytes, unreadable: false };
  }
  return { head: { seq: first - 1, hash: '' }, cutBytes, unreadable: lines.length > 0 };
}
