/**
 * Reads an audit log back: its lines for people, and what is wrong with it. A line that was edited, removed, added or
 * moved breaks the chain of hashes; whoever rebuilds the chain lacks the device key; and whoever cuts off the end, or
 * holds the key, is found by the heads anchored elsewhere.
 */

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type AuditEntry, type AuditHead, parseAuditLine, verifyAuditHead } from '#protocol/audit-line.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { SandboxError } from '#shared/errors.ts';
import { listSegments } from './audit-segments.ts';

/** More than these say nothing new. */
const MAX_PROBLEMS = 100;

export interface AuditProblem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly problem: string;
}

/** A head that was told to others at some time; `source` says where it is kept. */
export interface AuditAnchor extends AuditHead {
  readonly source: string;
}

export interface AuditVerification {
  readonly lines: number;
  readonly signatures: number;
  readonly head: AuditHead;
  readonly anchors: number;
  readonly problems: readonly AuditProblem[];
}

interface RawLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** @param onUnreadable told of a segment that is no file, or that the disk does not give; the others follow */
async function* rawLines(folder: string, onUnreadable: (at: RawLine, why: string) => void): AsyncGenerator<RawLine> {
  for (const { name } of listSegments(folder)) {
    const reader = createInterface({
      input: createReadStream(join(folder, name)),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
    let line = 0;
    try {
      for await (const text of reader) yield { file: name, line: ++line, text };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      onUnreadable({ file: name, line: line + 1, text: '' }, (error as Error).message);
    }
  }
}

/**
 * @returns the entries that pass, oldest first, at most the last `limit` of them; unreadable lines are left out
 * @throws {SandboxError} STORAGE_CORRUPT naming a segment that cannot be read: the rest would look like all there is
 */
export async function readAuditEntries(
  folder: string,
  crypto: Crypto,
  options: { since?: number | undefined; limit: number },
): Promise<AuditEntry[]> {
  const { since = 0, limit } = options;
  let found: AuditEntry[] = [];
  const refuse = ({ file }: RawLine, why: string): never => {
    throw new SandboxError('STORAGE_CORRUPT', `Cannot read the audit log "${join(folder, file)}": ${why}`, {
      hint: 'Move it away to see the others; "sandmesh audit --verify" then says which lines are missing.',
    });
  };
  for await (const { text } of rawLines(folder, refuse)) {
    const entry = parseAuditLine(text, crypto)?.entry;
    if (entry === undefined || entry.at < since) continue;
    found.push(entry);
    if (found.length >= 2 * limit) found = found.slice(-limit);
  }
  return found.slice(-limit);
}

/** @param key the device's public key; @param anchors heads that must be in the log */
export async function verifyAuditLog(
  folder: string,
  options: { readonly crypto: Crypto; readonly key: Uint8Array; readonly anchors?: readonly AuditAnchor[] },
): Promise<AuditVerification> {
  const walk = new ChainWalk(options.crypto, options.key, options.anchors ?? []);
  const missing = (at: RawLine, why: string): void => walk.say(at, `it cannot be read: ${why}`);
  for await (const raw of rawLines(folder, missing)) walk.step(raw);
  return walk.end();
}

class ChainWalk {
  readonly #crypto: Crypto;
  readonly #key: Uint8Array;
  readonly #anchors: readonly AuditAnchor[];
  readonly #problems: AuditProblem[] = [];
  #head: AuditHead = { seq: 0, hash: '' };
  #last: RawLine = { file: '', line: 0, text: '' };
  #lines = 0;
  #signatures = 0;
  #unsigned = 0;

  constructor(crypto: Crypto, key: Uint8Array, anchors: readonly AuditAnchor[]) {
    this.#crypto = crypto;
    this.#key = key;
    this.#anchors = anchors;
  }

  step(raw: RawLine): void {
    this.#last = raw;
    this.#lines += 1;
    const parsed = parseAuditLine(raw.text, this.#crypto);
    if (parsed === undefined) return this.say(raw, 'it is no line of an audit log: it was damaged or edited');
    const { entry, hash, computed, signature } = parsed;
    if (hash !== computed) this.say(raw, `line ${entry.seq} was edited: its text does not have the hash it states`);
    if (entry.seq !== this.#head.seq + 1) {
      this.say(raw, `line ${entry.seq} follows line ${this.#head.seq}: lines were removed, added or moved`);
    } else if (entry.previous !== this.#head.hash) {
      this.say(raw, `line ${entry.seq} does not follow the line before it: one of them was replaced`);
    }
    this.#judgeSignature(raw, computed, signature);
    for (const anchor of this.#anchors) {
      if (anchor.seq === entry.seq && anchor.hash !== computed) {
        this.say(raw, `line ${entry.seq} is not the one that was anchored in ${anchor.source}`);
      }
    }
    this.#head = { seq: entry.seq, hash };
  }

  end(): AuditVerification {
    if (this.#unsigned > 0) this.say(this.#last, `the last ${this.#unsigned} lines are not signed`);
    for (const { seq, source } of this.#anchors) {
      if (seq <= this.#head.seq) continue;
      this.say(this.#last, `lines ${this.#head.seq + 1} to ${seq} are missing at the end: ${source} knows of them`);
    }
    return {
      lines: this.#lines,
      signatures: this.#signatures,
      head: this.#head,
      anchors: this.#anchors.length,
      problems: this.#problems,
    };
  }

  #judgeSignature(raw: RawLine, hash: string, signature: Uint8Array | undefined): void {
    this.#unsigned += 1;
    if (signature === undefined) return;
    this.#unsigned = 0;
    this.#signatures += 1;
    if (!verifyAuditHead(hash, signature, this.#key, this.#crypto)) {
      this.say(raw, "its signature is not by this device's key");
    }
  }

  say({ file, line }: RawLine, problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ file, line, problem });
  }
}
