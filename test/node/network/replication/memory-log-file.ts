/** A log file in memory that knows what a power cut would leave of it. */

import type { LogFile } from '#node/storage/log-file.ts';

export class MemoryLogFile implements LogFile {
  bytes = new Uint8Array(1024);
  size = 0;
  synced = 0;

  read(position: number, length: number): Uint8Array {
    return this.bytes.slice(position, Math.min(this.size, position + length));
  }
  append(bytes: Uint8Array): void {
    if (this.size + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.size + bytes.length));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.size);
    this.size += bytes.length;
  }
  async sync(): Promise<void> {
    const { size } = this;
    await Promise.resolve();
    this.synced = Math.max(this.synced, size);
  }
  truncate(size: number): void {
    this.size = size;
    this.synced = Math.min(this.synced, size);
  }
  close(): void {
    // Nothing is held.
  }

  /** What another process would find after the first `size` bytes reached the disk. */
  copy(size = this.size): MemoryLogFile {
    const file = new MemoryLogFile();
    file.append(this.bytes.subarray(0, size));
    file.synced = size;
    return file;
  }
}
