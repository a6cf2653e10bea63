/**
 * A daemon's home: files by path, and which of them a power cut would leave. Making, renaming and removing happen in the
 * order they were asked for; those not synced yet may be undone, the last ones first.
 */

import type { LogFile } from '#node/storage/log-file.ts';
import type { StorageFolder } from '#node/storage/storage-folder.ts';
import { OpenFile, SimulatedFile } from './disk.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

type Entries = ReadonlyMap<string, SimulatedFile>;

/** A copy of all files, as a backup tool makes it. */
export type HomeCopy = ReadonlyMap<string, Uint8Array>;

export class SimulatedHome {
  #files: Entries = new Map();
  /** What the disk may hold after a power cut: the synced state, then each change since. */
  #history: Entries[] = [new Map()];

  /** A bit of it was flipped at some time. */
  hasRotted = false;
  /** Bytes that the disk still takes. */
  room = Number.POSITIVE_INFINITY;

  get isFull(): boolean {
    return this.room < Number.POSITIVE_INFINITY;
  }

  /** @returns false when there is no room for so many bytes */
  take(bytes: number): boolean {
    if (bytes > this.room) return false;
    this.room -= bytes;
    return true;
  }

  get files(): Entries {
    return this.#files;
  }
  get bytes(): number {
    return [...this.#files.values()].reduce((sum, file) => sum + file.size, 0);
  }

  /** Whether these bytes are in some file, in one piece. */
  contains(bytes: Uint8Array): boolean {
    return [...this.#files.values()].some((file) => Buffer.from(file.copy()).includes(Buffer.from(bytes)));
  }

  /** Changes which files there are. */
  change(edit: (files: Map<string, SimulatedFile>) => void): void {
    const files = new Map(this.#files);
    edit(files);
    this.#files = files;
    this.#history.push(files);
  }

  /** The present state; hand it to {@link settle} when it is on the disk. */
  mark(): Entries {
    return this.#files;
  }
  settle(mark: Entries): void {
    const at = this.#history.indexOf(mark);
    if (at > 0) this.#history = this.#history.slice(at);
  }

  cutPower(random: Random): void {
    this.#files = random.pick(this.#history);
    this.#history = [this.#files];
    for (const file of this.#files.values()) file.cutPower(random);
  }

  /** Flips one bit somewhere. @returns where */
  rot(random: Random): string {
    this.hasRotted = true;
    let at = random.below(Math.max(1, this.bytes));
    for (const [path, file] of this.#files) {
      if (at < file.size) return `${path}:${file.rot(random)}`;
      at -= file.size;
    }
    return 'nowhere';
  }

  copy(): HomeCopy {
    return new Map([...this.#files].map(([path, file]) => [path, file.copy()]));
  }

  replace(copy: HomeCopy): void {
    const files = new Map<string, SimulatedFile>();
    for (const [path, bytes] of copy) {
      const file = new SimulatedFile();
      file.replace(bytes);
      files.set(path, file);
    }
    this.#files = files;
    this.#history = [files];
  }
}

/** A folder of the home as one process of the daemon has it. */
export class OpenFolder implements StorageFolder {
  #home: SimulatedHome;
  readonly #prefix: string;
  readonly #life: Life;
  readonly #scheduler: Scheduler;
  readonly #random: Random;

  constructor(home: SimulatedHome, prefix: string, life: Life, scheduler: Scheduler, random: Random) {
    this.#home = home;
    this.#prefix = prefix;
    this.#life = life;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  open(name: string): LogFile {
    const path = this.#prefix + name;
    const file = this.#home.files.get(path) ?? new SimulatedFile();
    if (!this.#home.files.has(path)) this.#change((files) => void files.set(path, file));
    const random = this.#random.fork(`${path} ${this.#scheduler.count}`);
    const home = this.#home;
    const mark = home.mark();
    // Linux file systems put a new file's name on the disk along with its first synced bytes.
    const disk = { take: (bytes: number) => home.take(bytes), synced: () => home.settle(mark) };
    return new OpenFile(file, this.#life, this.#scheduler, random, disk);
  }

  size(name: string): number | undefined {
    return this.#home.files.get(this.#prefix + name)?.size;
  }

  /** No pages are simulated. */
  place(): string {
    return this.#prefix;
  }

  list(): readonly string[] {
    const inside = [...this.#home.files.keys()].filter((path) => path.startsWith(this.#prefix));
    return inside.map((path) => path.slice(this.#prefix.length)).filter((name) => !name.includes('/'));
  }

  rename(from: string, to: string): void {
    this.#change((files) => {
      const file = files.get(this.#prefix + from);
      if (file === undefined) throw new Error(`there is no file ${this.#prefix}${from} to rename`);
      files.delete(this.#prefix + from);
      files.set(this.#prefix + to, file);
    });
  }

  remove(name: string): void {
    if (this.#home.files.has(this.#prefix + name)) this.#change((files) => void files.delete(this.#prefix + name));
  }

  sync(): Promise<void> {
    const mark = this.#home.mark();
    return new Promise((resolve) => {
      this.#scheduler.after(this.#random.skewed(0.2, 60), '', () => {
        if (!this.#life.alive) return;
        this.#home.settle(mark);
        resolve();
      });
    });
  }

  folder(name: string): StorageFolder {
    return new OpenFolder(this.#home, `${this.#prefix}${name}/`, this.#life, this.#scheduler, this.#random);
  }

  #change(edit: (files: Map<string, SimulatedFile>) => void): void {
    if (!this.#life.effect()) this.#leaveWorld();
    this.#home.change(edit);
  }

  /** What a dead process still does in its last event happens to a home that nobody will see. */
  #leaveWorld(): void {
    const ghost = new SimulatedHome();
    ghost.replace(this.#home.copy());
    this.#home = ghost;
  }
}
