/**
 * One file on a disk that keeps its promises and no more: what was synced survives a power cut, what was only written
 * survives the death of the process, and the rest is lost, torn or full of zeros. It can rot, and it can be full.
 */

import type { LogFile } from '#node/storage/log-file.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

const SECTOR_BYTES = 512;

/** One file of a daemon, whichever process of it runs. */
export class SimulatedFile {
  #bytes = new Uint8Array(4096);
  #size = 0;
  #synced = 0;

  get size(): number {
    return this.#size;
  }

  read(position: number, length: number): Uint8Array {
    return this.#bytes.slice(position, Math.min(this.#size, position + length));
  }

  append(bytes: Uint8Array): void {
    if (this.#size + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  truncate(size: number): void {
    this.#size = size;
    this.#synced = Math.min(this.#synced, size);
  }

  /** The first `size` bytes reached the disk. */
  markSynced(size: number): void {
    this.#synced = Math.max(this.#synced, Math.min(size, this.#size));
  }

  /** What was not synced is lost from a random byte on; of the sectors before it, some never got there. */
  cutPower(random: Random): void {
    const kept = this.#synced + random.below(this.#size - this.#synced + 1);
    if (random.chance(0.4)) {
      for (let at = this.#synced; at < kept; ) {
        const end = Math.min(kept, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
        if (random.chance(0.5)) this.#bytes.fill(0, at, end);
        at = end;
      }
    }
    this.#size = kept;
    this.#synced = kept;
  }

  /** Flips one bit. @returns where; undefined when there is nothing to rot */
  rot(random: Random): number | undefined {
    if (this.#size === 0) return undefined;
    const at = random.below(this.#size);
    this.#bytes[at] = (this.#bytes[at] as number) ^ (1 << random.below(8));
    return at;
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  replace(bytes: Uint8Array): void {
    this.#bytes = bytes.slice();
    this.#size = bytes.length;
    this.#synced = bytes.length;
  }
}

/** What a file has of the disk it lies on. */
export interface Disk {
  /** @returns false when there is no room for so many bytes */
  take(bytes: number): boolean;
  /** Its bytes, and so its name, are on the disk. */
  synced(): void;
}

/** The file as one process of the daemon holds it. */
export class OpenFile implements LogFile {
  #file: SimulatedFile;
  readonly #life: Life;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #disk: Disk;
  #isGhost = false;

  constructor(file: SimulatedFile, life: Life, scheduler: Scheduler, random: Random, disk: Disk) {
    this.#disk = disk;
    this.#file = file;
    this.#life = life;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get size(): number {
    return this.#file.size;
  }

  read(position: number, length: number): Uint8Array {
    return this.#file.read(position, length);
  }

  append(bytes: Uint8Array): void {
    const before = this.#life.alive;
    if (!this.#life.effect()) this.#leaveWorld(before ? bytes.subarray(0, this.#random.below(bytes.length + 1)) : []);
    // The real one takes back what was written of it.
    if (!this.#isGhost && !this.#disk.take(bytes.length)) {
      throw new SandboxError('HOME_UNWRITABLE', `Cannot write ${bytes.length} bytes: the disk is full`);
    }
    this.#file.append(bytes);
  }

  sync(): Promise<void> {
    const size = this.#file.size;
    return new Promise((resolve) => {
      this.#scheduler.after(this.#random.skewed(0.2, 60), '', () => {
        if (!this.#life.alive) return;
        this.#file.markSynced(size);
        this.#disk.synced();
        resolve();
      });
    });
  }

  truncate(size: number): void {
    if (!this.#life.effect()) this.#leaveWorld([]);
    this.#file.truncate(size);
  }

  close(): void {
    // Nothing is held.
  }

  /** What a dead process still does in its last event happens to a file that nobody will read. */
  #leaveWorld(lastWords: ArrayLike<number>): void {
    if (this.#isGhost) return;
    this.#isGhost = true;
    const ghost = new SimulatedFile();
    ghost.replace(this.#file.copy());
    if (lastWords.length > 0) this.#file.append(Uint8Array.from(lastWords));
    this.#file = ghost;
  }
}
