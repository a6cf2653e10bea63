/**
 * Registers: named JSON values with one writer. A payload is JSON `[[key, value], …]`, null deletes. The table keeps
 * the latest write of each key by causal order, so that a later incarnation of the same member wins whatever arrives
 * first.
 */

import { SandboxError } from '../errors.ts';

export const MAX_REGISTER_KEY_LENGTH = 256;
/** Writes one envelope may carry. */
export const MAX_REGISTER_WRITES = 1000;
const MAX_VALUE_DEPTH = 32;
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export type RegisterWrite = readonly [key: string, value: unknown];

/** Where a write stands: Lamport time from declared causal deps, then incarnation and seq to break ties. */
export interface WriteOrder {
  readonly lamport: number;
  readonly incarnation: number;
  readonly seq: number;
}

/** The latest write of a key with its order; null for one that was deleted, which an older write must not undo. */
export type RegisterRow = readonly [key: string, value: unknown, lamport: number, incarnation: number, seq: number];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeRegisterWrites(writes: readonly RegisterWrite[]): Uint8Array {
  return encoder.encode(JSON.stringify(writes));
}

/** Reads untrusted bytes. @throws {SandboxError} BAD_ENVELOPE */
export function parseRegisterWrites(payload: Uint8Array): RegisterWrite[] {
  let json: unknown;
  try {
    const text = decoder.decode(payload);
    json = JSON.parse(text);
    // One value has one text: what is stored and hashed is what everybody reads.
    if (JSON.stringify(json) !== text) throw new SyntaxError('not in canonical form');
  } catch (cause) {
    throw new SandboxError('BAD_ENVELOPE', 'Cannot read register writes: not canonical JSON', { cause });
  }
  if (!Array.isArray(json) || json.length < 1 || json.length > MAX_REGISTER_WRITES) {
    throw bad('they are no list of 1 to 1000');
  }
  const writes: RegisterWrite[] = [];
  for (const item of json as unknown[]) {
    if (!Array.isArray(item) || item.length !== 2) throw bad('one is no pair');
    const [key, value] = item as unknown[];
    if (typeof key !== 'string' || key === '' || key.length > MAX_REGISTER_KEY_LENGTH) throw bad('a key is malformed');
    if (PROTOTYPE_KEYS.has(key)) throw bad(`"${key}" is no key`);
    checkValue(value, 0);
    writes.push([key, value]);
  }
  return writes;
}

function checkValue(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth >= MAX_VALUE_DEPTH) throw bad(`a value nests deeper than ${MAX_VALUE_DEPTH}`);
  for (const key of Object.keys(value)) {
    if (PROTOTYPE_KEYS.has(key)) throw bad(`a value has the key "${key}"`);
    checkValue((value as Record<string, unknown>)[key], depth + 1);
  }
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_ENVELOPE', `Cannot read register writes: ${why}`);
}

export class RegisterTable {
  readonly #values = new Map<string, unknown>();
  readonly #orders = new Map<string, WriteOrder>();

  /** A live view; keys whose last write was null are absent. */
  get values(): ReadonlyMap<string, unknown> {
    return this.#values;
  }

  /** Every key ever written, in the order of keys. */
  rows(): RegisterRow[] {
    const rows = [...this.#orders].map(([key, { lamport, incarnation, seq }]): RegisterRow => {
      return [key, this.#values.get(key) ?? null, lamport, incarnation, seq];
    });
    return rows.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Puts back what {@link rows} gave, into an empty table. */
  restore(rows: readonly RegisterRow[]): void {
    for (const [key, value, lamport, incarnation, seq] of rows) {
      this.apply([[key, value]], { lamport, incarnation, seq });
    }
  }

  /** @returns the keys whose value changed */
  apply(writes: readonly RegisterWrite[], order: WriteOrder): string[] {
    const changed: string[] = [];
    for (const [key, value] of writes) {
      const before = this.#orders.get(key);
      if (before !== undefined && compareOrders(before, order) > 0) continue;
      this.#orders.set(key, order);
      if (value === null) this.#values.delete(key);
      else this.#values.set(key, value);
      changed.push(key);
    }
    return changed;
  }
}

function compareOrders(a: WriteOrder, b: WriteOrder): number {
  return a.lamport - b.lamport || a.incarnation - b.incarnation || a.seq - b.seq;
}
