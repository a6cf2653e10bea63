/**
 * A storage folder in memory that knows what a crash would leave of it: bytes count once synced, names once the folder
 * is. A test may look on before every operation.
 */

import type { LogFile } from '#node/storage/log-file.ts';
import type { StorageFolder } from '#node/storage/storage-folder.ts';

interface Disk {
  bytes: Uint8Array;
  size: number;
  synced: number;
}

export class MemoryFolder implements StorageFolder {
  /** Called before each operation that changes something, and between a sync's beginning and end. */
  onOperation: (what: string) => void = () => undefined;
  /** Syncs of files wait for this. */
  hold: (what: string) => Promise<void> = () => Promise.resolve();
  /** Throws what a full or failing disk would. */
  fault: (what: string) => void = () => undefined;
  readonly #files = new Map<string, Disk>();
  #durable = new Map<string, Disk>();
  readonly #folders = new Map<string, MemoryFolder>();

  open(name: string): LogFile {
    let disk = this.#files.get(name);
    if (disk === undefined) {
      this.#before(`create ${name}`);
      disk = { bytes: new Uint8Array(1024), size: 0, synced: 0 };
      this.#files.set(name, disk);
    }
    return new MemoryFile(
      disk,
      (what) => this.#before(`${what} ${name}`),
      () => this.hold(`sync ${name}`),
    );
  }

  size(name: string): number | undefined {
    return this.#files.get(name)?.size;
  }
  place(): string {
    return 'memory';
  }
  list(): readonly string[] {
    return [...this.#files.keys()];
  }
  rename(from: string, to: string): void {
    this.#before(`rename ${from}`);
    const disk = this.#files.get(from);
    if (disk === undefined) throw new Error(`there is no file ${from}`);
    this.#files.delete(from);
    this.#files.set(to, disk);
  }
  remove(name: string): void {
    this.#before(`remove ${name}`);
    this.#files.delete(name);
  }
  async sync(): Promise<void> {
    this.#before('sync folder');
    const names = new Map(this.#files);
    await Promise.resolve();
    this.#before('end of sync folder');
    this.#durable = names;
  }
  folder(name: string): MemoryFolder {
    let folder = this.#folders.get(name);
    if (folder === undefined) {
      folder = new MemoryFolder();
      folder.onOperation = (what) => this.onOperation(`${name}/${what}`);
      folder.fault = (what) => this.fault(`${name}/${what}`);
      this.#folders.set(name, folder);
    }
    return folder;
  }

  /** Flips bits of one byte. */
  rot(name: string, at: number): void {
    const disk = this.#files.get(name);
    if (disk === undefined) throw new Error(`there is no file ${name}`);
    disk.bytes[at] = (disk.bytes[at] as number) ^ 0x55;
  }

  /**
   * What another process would find after a crash.
   *
   * @param options `bytes` unsynced bytes reached the disk all the same; `names` unsynced names did
   */
  crashed(options: { bytes: boolean; names: boolean }): MemoryFolder {
    const left = new MemoryFolder();
    for (const [name, disk] of options.names ? this.#files : this.#durable) {
      const size = options.bytes ? disk.size : disk.synced;
      const copy = { bytes: disk.bytes.slice(0, Math.max(size, 1)), size, synced: size };
      left.#files.set(name, copy);
      left.#durable.set(name, copy);
    }
    for (const [name, folder] of this.#folders) {
      const inner = folder.crashed(options);
      left.#folders.set(name, inner);
    }
    return left;
  }

  #before(what: string): void {
    this.onOperation(what);
    this.fault(what);
  }
}

class MemoryFile implements LogFile {
  readonly #disk: Disk;
  readonly #before: (what: string) => void;
  readonly #hold: () => Promise<void>;
  #open = true;

  constructor(disk: Disk, before: (what: string) => void, hold: () => Promise<void>) {
    this.#disk = disk;
    this.#before = before;
    this.#hold = hold;
  }

  get size(): number {
    return this.#disk.size;
  }
  read(position: number, length: number): Uint8Array {
    this.#assertOpen();
    return this.#disk.bytes.slice(position, Math.min(this.#disk.size, position + length));
  }
  append(bytes: Uint8Array): void {
    this.#assertOpen();
    this.#before('append');
    const disk = this.#disk;
    if (disk.size + bytes.length > disk.bytes.length) {
      const grown = new Uint8Array(Math.max(disk.bytes.length * 2, disk.size + bytes.length));
      grown.set(disk.bytes.subarray(0, disk.size));
      disk.bytes = grown;
    }
    disk.bytes.set(bytes, disk.size);
    disk.size += bytes.length;
  }
  async sync(): Promise<void> {
    this.#assertOpen();
    this.#before('sync');
    const { size } = this.#disk;
    await this.#hold();
    this.#before('end of sync');
    this.#disk.synced = Math.max(this.#disk.synced, size);
  }
  truncate(size: number): void {
    this.#assertOpen();
    this.#before('truncate');
    this.#disk.size = size;
    this.#disk.synced = Math.min(this.#disk.synced, size);
  }
  close(): void {
    this.#open = false;
  }

  #assertOpen(): void {
    if (!this.#open) throw new Error('the file is closed');
  }
}
