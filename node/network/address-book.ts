/**
 * Where members of one sandbox were last reachable, kept in a small file so that a daemon finds its peers again after
 * a restart. Hints only: who answers there is proven by noise.
 */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '#node/storage/atomic-file.ts';
import { MAX_ADDRESS_LENGTH, MAX_ADDRESSES, parseAddress } from './addresses.ts';
import { realTimers, type Timers } from './timers.ts';

/** More members than a full mesh serves; a larger file is not ours. */
const MAX_ENTRIES = 256;
const MAX_FILE_BYTES = 1024 * 1024;
/** Several peers tell their addresses at once when a daemon starts. */
const SAVE_DELAY_MS = 200;

const fileSchema = z.object({
  version: z.literal(1),
  peers: z.record(z.string().regex(/^[0-9a-f]{64}$/), z.array(z.string().max(MAX_ADDRESS_LENGTH)).max(MAX_ADDRESSES)),
});

export class AddressBook {
  readonly #path: string | undefined;
  readonly #peers = new Map<string, readonly string[]>();
  readonly #timers: Timers;
  #cancel: (() => void) | undefined;
  #dirty = false;

  /** @param path of the file; undefined keeps everything in memory */
  constructor(path: string | undefined, timers: Timers = realTimers) {
    this.#path = path;
    this.#timers = timers;
  }

  /** Reads the file. One that is missing or damaged counts as empty: peers tell their addresses again. */
  async load(): Promise<void> {
    if (this.#path === undefined) return;
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch {
      // First start, or unreadable: see above.
      return;
    }
    if (text.length > MAX_FILE_BYTES) return;
    const parsed = fileSchema.safeParse(parseJson(text));
    if (!parsed.success) return;
    for (const [key, addresses] of Object.entries(parsed.data.peers)) this.#peers.set(key, clean(addresses));
  }

  /** @param key device key in hex */
  get(key: string): readonly string[] {
    return this.#peers.get(key) ?? [];
  }

  entries(): ReadonlyMap<string, readonly string[]> {
    return this.#peers;
  }

  /** Replaces what is known of a peer; invalid addresses are dropped. @returns whether anything changed */
  set(key: string, addresses: readonly string[]): boolean {
    const next = clean(addresses);
    if (next.length === 0 || next.join() === this.get(key).join()) return false;
    if (!this.#peers.has(key) && this.#peers.size >= MAX_ENTRIES) return false;
    this.#peers.set(key, next);
    this.#save();
    return true;
  }

  delete(key: string): void {
    if (this.#peers.delete(key)) this.#save();
  }

  /** Writes what has not been written yet. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (!this.#dirty || this.#path === undefined) return;
    this.#dirty = false;
    try {
      writeFileAtomic(this.#path, JSON.stringify({ version: 1, peers: Object.fromEntries(this.#peers) }));
    } catch {
      // A full disk or a removed folder: the addresses stay in memory and are learned anew after a restart.
    }
  }

  #save(): void {
    this.#dirty = true;
    this.#cancel ??= this.#timers.after(SAVE_DELAY_MS, () => this.flush());
  }
}

function clean(addresses: readonly string[]): readonly string[] {
  const parsed = addresses.map(parseAddress).filter((address) => address !== undefined);
  return [...new Set(parsed)].slice(0, MAX_ADDRESSES);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Judged by the schema: undefined is no book.
    return undefined;
  }
}
