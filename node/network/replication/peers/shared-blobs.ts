/**
 * Blobs that a register names, snapshots for one: kept in a room of their own beside the checkpoints, given to any
 * member who asks, fetched one after the other.
 */

import { SandboxError } from '#shared/errors.ts';
import { BlobStore } from '../../../storage/blob-store.ts';
import type { StorageFolder } from '../../../storage/storage-folder.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import type { SharedBlobsView } from '../replica-interface.ts';
import { BlobExchange } from './blob-exchange.ts';

export const SHARED_FOLDER = 'shared';
const MAX_BYTES = 4 * 1024 * 1024;
/** Some hundred kilobytes at most, usually ten. */
const FETCH_LIMIT_MS = 20_000;

export class SharedBlobs implements SharedBlobsView {
  readonly exchange: BlobExchange;
  readonly #blobs: BlobStore;
  readonly #environment: ReplicaEnvironment;
  /** One write and one fetch at a time: both use one temporary file, or one fetch. */
  #writing: Promise<unknown> = Promise.resolve();
  #fetching: Promise<unknown> = Promise.resolve();
  #unavailable: ((name: string) => void) | undefined;
  #stopped = false;

  constructor(folder: StorageFolder, environment: ReplicaEnvironment) {
    this.#environment = environment;
    this.#blobs = new BlobStore(folder.folder(SHARED_FOLDER), environment.crypto);
    this.exchange = new BlobExchange({
      blobs: this.#blobs,
      environment,
      onUnavailable: (name) => this.#unavailable?.(name),
      maxBytes: MAX_BYTES,
    });
  }

  put(bytes: Uint8Array): Promise<string> {
    const done = this.#writing.then(() => {
      if (this.#stopped) throw new SandboxError('CANCELLED', 'Cannot store a blob: the sandbox is closed');
      return this.#blobs.put([bytes]);
    });
    this.#writing = done.catch(() => undefined);
    return done;
  }

  read(name: string): Uint8Array | undefined {
    const blob = this.#blobs.openChecked(name);
    if (blob === undefined) return undefined;
    try {
      return blob.bytes > MAX_BYTES ? undefined : blob.read(0, blob.bytes);
    } finally {
      blob.close();
    }
  }

  fetch(name: string): Promise<void> {
    const done = this.#fetching.then(() => this.#fetch(name));
    this.#fetching = done.catch(() => undefined);
    return done;
  }

  keep(names: ReadonlySet<string>): void {
    // One that is being written or fetched has no name yet that anybody could keep it by.
    void Promise.allSettled([this.#writing, this.#fetching]).then(() => {
      if (!this.#stopped) this.#blobs.keep(names);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.exchange.cancel();
  }

  async #fetch(name: string): Promise<void> {
    if (this.#blobs.has(name)) return;
    if (this.#stopped || !this.exchange.hasPeers) throw nobodyHasIt('nobody else is here');
    let reason: SandboxError | undefined;
    const giveUp = (why: SandboxError): void => {
      reason = why;
      this.exchange.cancel();
    };
    this.#unavailable = (missing) => {
      if (missing === name) giveUp(nobodyHasIt('none of the members who are here has it'));
    };
    const stopWaiting = this.#environment.after(FETCH_LIMIT_MS, () =>
      giveUp(new SandboxError('TIMEOUT', `Cannot fetch the blob ${name.slice(0, 8)}: it takes too long`)),
    );
    try {
      await this.exchange.fetch(name);
    } catch (error) {
      throw reason ?? error;
    } finally {
      stopWaiting();
      this.#unavailable = undefined;
    }
  }
}

function nobodyHasIt(why: string): SandboxError {
  return new SandboxError('PEER_UNREACHABLE', `Cannot fetch what is kept elsewhere: ${why}`, {
    hint: 'Try again when its host is back.',
  });
}
