/**
 * Content-addressed blobs of one sandbox, a file each, named by their hash in hex. One that is being fetched lies
 * beside them as `<name>.part`: whole, checked chunks, so that a transfer survives the daemon.
 */

import { BLOB_CHUNK_BYTES, type BlobOutline, blobName, chunkBytes, isOutlineOf } from '#protocol/blob.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { concatBytes, equalBytes, parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { LogFile } from './log-file.ts';
import type { StorageFolder } from './storage-folder.ts';

const PART = '.part';
/** A blob that is not what its name says: kept for whoever wants to look, fetched anew. */
const DAMAGED = '.damaged';
/** A transfer of no more is kept in memory, too: it is read as soon as it is here. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** A whole blob, open for reading. */
export interface Blob {
  readonly name: string;
  readonly bytes: number;
  /** @throws {SandboxError} STORAGE_CORRUPT when the file is shorter than that */
  read(position: number, length: number): Uint8Array;
  close(): void;
}

/** A blob in the making. */
export interface PartialBlob {
  /** Chunks here so far. */
  readonly chunks: number;
  /** The next chunk. @returns false when it is not what the outline says; nothing is changed then */
  add(bytes: Uint8Array): boolean;
  /** The last chunk is here: durable under its name, and closed, when it resolves. */
  finish(): Promise<void>;
  /** All of it from memory, once every chunk is here; undefined where it is only on the disk. */
  whole(): Blob | undefined;
  close(): void;
}

export class BlobStore {
  readonly #folder: StorageFolder;
  readonly #crypto: Pick<Crypto, 'sha256'>;

  constructor(folder: StorageFolder, crypto: Pick<Crypto, 'sha256'>) {
    this.#folder = folder;
    this.#crypto = crypto;
  }

  has(name: string): boolean {
    return this.#folder.size(name) !== undefined;
  }

  /** Whether there is a transfer to go on with. */
  isBegun(name: string): boolean {
    return this.#folder.size(`${name}${PART}`) !== undefined;
  }

  /** @returns undefined where there is none */
  open(name: string): Blob | undefined {
    if (!this.has(name)) return undefined;
    const file = this.#folder.open(name);
    return {
      name,
      bytes: file.size,
      read: (at, length) => readExactly(file, name, at, length),
      close: () => file.close(),
    };
  }

  /** Opens a blob after reading all of it. @returns undefined where there is none, or it was damaged and set aside */
  openChecked(name: string): Blob | undefined {
    const blob = this.open(name);
    if (blob === undefined || toHex(blobName(this.outlineOf(blob), this.#crypto)) === name) return blob;
    blob.close();
    this.#folder.rename(name, `${name}${DAMAGED}`);
    return undefined;
  }

  /** @returns the name a blob of these parts has */
  nameOf(parts: readonly Uint8Array[]): string {
    const bytes = concatBytes(...parts);
    const read = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
    return toHex(blobName(this.outlineOf({ bytes: bytes.length, read }), this.#crypto));
  }

  /** Stores a blob made here, durable when it resolves. @returns its name */
  async put(parts: readonly Uint8Array[]): Promise<string> {
    const temporary = 'new';
    this.#folder.remove(temporary);
    const file = this.#folder.open(temporary);
    try {
      for (const part of parts) file.append(part);
      const name = toHex(
        blobName(this.outlineOf({ bytes: file.size, read: (at, n) => file.read(at, n) }), this.#crypto),
      );
      await file.sync();
      this.#folder.rename(temporary, name);
      await this.#folder.sync();
      return name;
    } finally {
      file.close();
    }
  }

  /** What to tell a peer that wants the blob; reads all of it. */
  outlineOf(blob: Pick<Blob, 'bytes' | 'read'>): BlobOutline {
    const hashes: Uint8Array[] = [];
    for (let at = 0; at < blob.bytes; at += BLOB_CHUNK_BYTES) {
      hashes.push(this.#crypto.sha256(blob.read(at, Math.min(BLOB_CHUNK_BYTES, blob.bytes - at))));
    }
    return { bytes: blob.bytes, hashes };
  }

  chunk(blob: Blob, outline: BlobOutline, index: number): Uint8Array {
    return blob.read(index * BLOB_CHUNK_BYTES, chunkBytes(outline, index));
  }

  /**
   * Begins a transfer or goes on with one. Chunks of an earlier one are checked first: what a crash or the disk did to
   * them is cut.
   *
   * @param outline found to be this blob's
   */
  partial(name: string, outline: BlobOutline): PartialBlob {
    if (!isOutlineOf(parseName(name), outline, this.#crypto)) throw new RangeError('The outline is another blob’s');
    const file = this.#folder.open(`${name}${PART}`);
    let chunks = this.#countWhole(file, outline);
    if (file.size > chunks * BLOB_CHUNK_BYTES && chunks < outline.hashes.length)
      file.truncate(chunks * BLOB_CHUNK_BYTES);
    const kept = chunks === 0 && outline.bytes <= MAX_KEPT_BYTES ? new Uint8Array(outline.bytes) : undefined;
    const add = (bytes: Uint8Array): boolean => {
      if (!this.#isChunk(bytes, outline, chunks)) return false;
      file.append(bytes);
      kept?.set(bytes, chunks * BLOB_CHUNK_BYTES);
      chunks++;
      return true;
    };
    const finish = async (): Promise<void> => {
      try {
        await file.sync();
      } finally {
        file.close();
      }
      this.#folder.rename(`${name}${PART}`, name);
      await this.#folder.sync();
    };
    return {
      get chunks() {
        return chunks;
      },
      add,
      finish,
      whole: () => (kept === undefined ? undefined : inMemory(name, kept)),
      close: () => file.close(),
    };
  }

  /** Removes every blob and every part but those named. What is damaged stays. */
  keep(names: ReadonlySet<string>): void {
    for (const file of this.#folder.list()) {
      const name = file.endsWith(PART) ? file.slice(0, -PART.length) : file;
      if (!names.has(name) && !file.endsWith(DAMAGED)) this.#folder.remove(file);
    }
  }

  #countWhole(file: LogFile, outline: BlobOutline): number {
    let chunks = 0;
    while (chunks < outline.hashes.length) {
      const bytes = file.read(chunks * BLOB_CHUNK_BYTES, chunkBytes(outline, chunks));
      if (!this.#isChunk(bytes, outline, chunks)) break;
      chunks++;
    }
    return chunks;
  }

  #isChunk(bytes: Uint8Array, outline: BlobOutline, index: number): boolean {
    const hash = outline.hashes[index];
    if (hash === undefined || bytes.length !== chunkBytes(outline, index)) return false;
    return equalBytes(this.#crypto.sha256(bytes), hash);
  }
}

/** @returns reads are views */
function inMemory(name: string, bytes: Uint8Array): Blob {
  const read = (at: number, length: number): Uint8Array => {
    if (at + length <= bytes.length) return bytes.subarray(at, at + length);
    throw new SandboxError('STORAGE_CORRUPT', `Cannot read ${length} bytes at ${at} of the blob "${name}"`);
  };
  return { name, bytes: bytes.length, read, close: () => undefined };
}

function readExactly(file: LogFile, name: string, at: number, length: number): Uint8Array {
  const bytes = file.read(at, length);
  if (bytes.length === length) return bytes;
  throw new SandboxError('STORAGE_CORRUPT', `Cannot read ${length} bytes at ${at} of the blob "${name}"`);
}

function parseName(name: string): Uint8Array {
  const bytes = parseHex(name);
  if (bytes === undefined) throw new RangeError(`"${name}" is no name of a blob`);
  return bytes;
}
