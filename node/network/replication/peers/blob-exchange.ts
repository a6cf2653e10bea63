/**
 * Blobs between peers: serves those that are here, fetches those that are wanted. A fetch goes to one peer at a time,
 * from whichever has it, and goes on where it stopped after a cut connection or a restart.
 */

import { type BlobOutline, isOutlineOf } from '#protocol/blob.ts';
import { type BlobMessage, MAX_WANTED_CHUNKS } from '#protocol/blob-messages.ts';
import { encodeReplicationMessage } from '#protocol/replication-messages.ts';
import { BoundedCache } from '#shared/bounded-cache.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Blob, BlobStore, PartialBlob } from '../../../storage/blob-store.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import { compressBody } from './compression.ts';

/** Chunks asked for and not come yet: 2 MiB cover the round trip of any link a person waits on. */
const WINDOW = 8;
/** A peer that sent nothing for so long is asked no more while another is there. */
const SILENCE_MS = 10_000;
/** Peers that had nothing are asked again: they may have got it meanwhile. */
const AGAIN_MS = 15_000;

/** A checkpoint's chunks as they are sent: of some ten thousand records all, of much more the last. */
const SERVED_BYTES = 512 * 1024;

/** A level peer. */
export interface BlobPeer {
  send(message: BlobMessage): void;
  /** @param message as it goes over the wire */
  sendEncoded(message: Uint8Array): void;
}

export interface BlobExchangeParts {
  readonly blobs: BlobStore;
  readonly environment: Pick<ReplicaEnvironment, 'crypto' | 'after'>;
  /** None of the peers that are there has what is being fetched; the fetch goes on all the same. */
  onUnavailable(name: string): void;
  /** Larger ones are not fetched. */
  readonly maxBytes?: number;
}

/** A blob all of which is here. */
export interface FetchedBlob {
  /** To be read before it is durable; undefined where it can be read from the disk only, when it is. */
  readonly blob: Blob | undefined;
  /** Resolves when it is durable under its name. @throws {SandboxError} HOME_UNWRITABLE */
  readonly durable: Promise<void>;
}

interface Fetch {
  readonly name: string;
  readonly done: (outcome: FetchedBlob | SandboxError) => void;
  peer: BlobPeer | undefined;
  /** Did not have it, or were silent. */
  readonly tried: Set<BlobPeer>;
  outline: BlobOutline | undefined;
  partial: PartialBlob | undefined;
  /** First chunk not asked for yet. */
  next: number;
  /** Messages that came for it. */
  heard: number;
}

export class BlobExchange {
  readonly #parts: BlobExchangeParts;
  readonly #peers = new Set<BlobPeer>();
  /** Of blobs that were asked for: reading all of one takes a while. */
  readonly #outlines = new Map<string, BlobOutline>();
  /** Chunks as they were sent last: to compress one takes longer than to send it, and newcomers ask for the same. */
  readonly #served = new BoundedCache<string, Uint8Array>(SERVED_BYTES);
  #fetch: Fetch | undefined;
  #cancelWatch: (() => void) | undefined;

  constructor(parts: BlobExchangeParts) {
    this.#parts = parts;
  }

  /**
   * Fetches a blob; resolves when it is durable here, however long it takes until somebody has it.
   *
   * @throws {SandboxError} CANCELLED by {@link cancel} or by another fetch, HOME_UNWRITABLE
   */
  async fetch(name: string): Promise<void> {
    await (await this.fetchEarly(name)).durable;
  }

  /** As {@link fetch}; resolves when all of it is here, before it is durable. */
  fetchEarly(name: string): Promise<FetchedBlob> {
    this.cancel();
    if (this.#parts.blobs.has(name)) return Promise.resolve({ blob: undefined, durable: Promise.resolve() });
    return new Promise((resolve, reject) => {
      const done = (outcome: FetchedBlob | SandboxError): void =>
        outcome instanceof SandboxError ? reject(outcome) : resolve(outcome);
      const fresh = { peer: undefined, outline: undefined, partial: undefined, next: 0, heard: 0 };
      this.#fetch = { name, done, tried: new Set(), ...fresh };
      this.#seek();
    });
  }

  /** The name of what is being fetched. */
  get fetching(): string | undefined {
    return this.#fetch?.name;
  }

  get hasPeers(): boolean {
    return this.#peers.size > 0;
  }

  /** Whether the blob lies here for others to have. */
  has(name: string): boolean {
    return this.#parts.blobs.has(name);
  }

  cancel(): void {
    const fetch = this.#fetch;
    if (fetch !== undefined) this.#end(fetch, new SandboxError('CANCELLED', 'Cannot fetch a blob: it was given up'));
  }

  arrived(peer: BlobPeer): void {
    this.#peers.add(peer);
    if (this.#fetch?.peer === undefined) this.#seek();
  }

  left(peer: BlobPeer): void {
    this.#peers.delete(peer);
    this.#fetch?.tried.delete(peer);
    if (this.#fetch?.peer === peer) this.#turnTo(undefined);
  }

  /** @throws {SandboxError} BAD_FRAME when the peer breaks the rules */
  receive(peer: BlobPeer, message: Exclude<BlobMessage, { type: 'pruned' }>): void {
    if (message.type === 'wantBlob') return this.#serve(peer, message);
    const fetch = this.#fetch;
    // What comes late, for a fetch that went elsewhere, is no offence.
    if (fetch === undefined || fetch.peer !== peer || toHex(message.name) !== fetch.name) return;
    fetch.heard++;
    if (message.type === 'blobOutline') this.#begin(fetch, peer, message.outline);
    else this.#take(fetch, peer, message.index, message.bytes);
  }

  #serve(peer: BlobPeer, { name, from, count }: Extract<BlobMessage, { type: 'wantBlob' }>): void {
    const key = toHex(name);
    const blob = this.#parts.blobs.open(key);
    if (blob === undefined) return peer.send({ type: 'blobOutline', name, outline: undefined });
    try {
      let outline = this.#outlines.get(key);
      if (outline === undefined) {
        outline = this.#parts.blobs.outlineOf(blob);
        this.#outlines.set(key, outline);
      }
      if (from === 0) peer.send({ type: 'blobOutline', name, outline });
      for (let index = from; index < Math.min(from + count, outline.hashes.length); index++) {
        const id = `${key} ${index}`;
        let message = this.#served.get(id);
        if (message === undefined) {
          const bytes = this.#parts.blobs.chunk(blob, outline, index);
          message = encodeReplicationMessage({ type: 'blobChunk', name, index, bytes }, compressBody);
          this.#served.set(id, message, message.length);
        }
        peer.sendEncoded(message);
      }
    } finally {
      blob.close();
    }
  }

  /** Turns to a peer that was not tried; when all were, waits for another or tries again later. */
  #seek(): void {
    const fetch = this.#fetch;
    if (fetch === undefined) return;
    const peer = [...this.#peers].find((candidate) => !fetch.tried.has(candidate));
    fetch.peer = peer;
    this.#watch(fetch);
    if (peer === undefined) {
      if (this.#peers.size > 0) this.#parts.onUnavailable(fetch.name);
      return;
    }
    if (fetch.outline !== undefined) return this.#ask(fetch, peer);
    // Of one that was begun some chunks are here already: which, the outline must show.
    fetch.next = this.#parts.blobs.isBegun(fetch.name) ? 0 : WINDOW;
    this.#want(fetch, peer, 0, fetch.next);
  }

  #begin(fetch: Fetch, peer: BlobPeer, outline: BlobOutline | undefined): void {
    if (outline === undefined) return this.#turnTo(undefined, peer);
    if (fetch.outline === undefined) {
      const name = parseHex(fetch.name) as Uint8Array;
      if (!isOutlineOf(name, outline, this.#parts.environment.crypto)) throw bad('its outline is another blob’s');
      if (outline.bytes > (this.#parts.maxBytes ?? Number.POSITIVE_INFINITY)) {
        const problem = `Cannot fetch a blob of ${outline.bytes} bytes: it is too large`;
        return this.#end(fetch, new SandboxError('RESULT_TOO_LARGE', problem));
      }
      fetch.outline = outline;
      fetch.partial = this.#parts.blobs.partial(fetch.name, outline);
    }
    this.#ask(fetch, peer);
  }

  #take(fetch: Fetch, peer: BlobPeer, index: number, bytes: Uint8Array): void {
    const { partial } = fetch;
    // A chunk of an earlier round may come twice.
    if (partial === undefined || index !== partial.chunks) return;
    if (!partial.add(bytes)) throw bad(`chunk ${index} is not what its hash says`);
    this.#ask(fetch, peer);
  }

  /** Keeps the window full, or finishes. */
  #ask(fetch: Fetch, peer: BlobPeer): void {
    const { outline, partial } = fetch;
    if (outline === undefined || partial === undefined) return;
    const total = outline.hashes.length;
    if (partial.chunks >= total) {
      const durable = partial.finish();
      // Whoever waits hears of it, perhaps later than it happens.
      durable.catch(() => undefined);
      fetch.partial = undefined;
      return this.#end(fetch, { blob: partial.whole(), durable });
    }
    fetch.next = Math.max(fetch.next, partial.chunks);
    const room = Math.min(total, partial.chunks + WINDOW) - fetch.next;
    // Half a window at a time: a message for every chunk would be one too many.
    if (room < Math.min(WINDOW / 2, total - fetch.next)) return;
    const count = Math.min(room, MAX_WANTED_CHUNKS);
    if (count < 1) return;
    this.#want(fetch, peer, fetch.next, count);
    fetch.next += count;
  }

  #want(fetch: Fetch, peer: BlobPeer, from: number, count: number): void {
    peer.send({ type: 'wantBlob', name: parseHex(fetch.name) as Uint8Array, from, count });
  }

  #turnTo(peer: BlobPeer | undefined, tried?: BlobPeer): void {
    const fetch = this.#fetch;
    if (fetch === undefined) return;
    if (tried !== undefined) fetch.tried.add(tried);
    fetch.peer = peer;
    fetch.next = fetch.partial?.chunks ?? 0;
    this.#seek();
  }

  #watch(fetch: Fetch): void {
    const heard = fetch.heard;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    // With nobody there, whoever comes sets it going.
    if (this.#peers.size === 0) return;
    const waiting = fetch.peer === undefined;
    this.#cancelWatch = this.#parts.environment.after(waiting ? AGAIN_MS : SILENCE_MS, () => {
      if (waiting) fetch.tried.clear();
      if (fetch.heard > heard) this.#watch(fetch);
      else this.#turnTo(undefined, fetch.peer);
    });
  }

  #end(fetch: Fetch, outcome: FetchedBlob | SandboxError): void {
    if (this.#fetch !== fetch) return;
    this.#fetch = undefined;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    fetch.partial?.close();
    fetch.done(outcome);
  }
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_FRAME', `Cannot take a part of a blob: ${why}`);
}
