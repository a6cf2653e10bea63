/**
 * One link to one peer key. Control logs are levelled first; only when the key proves to be an active member of the
 * log both now share do heads and envelopes flow. A key that is no member is told nothing but "show me your log".
 */

import type { BlobMessage } from '#protocol/blob-messages.ts';
import {
  decodeReplicationMessage,
  encodeReplicationMessage,
  type ReplicationMessage,
} from '#protocol/replication-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { ReplicationLink } from '../replica-interface.ts';
import type { BlobPeer } from './blob-exchange.ts';
import { compressBody, decompressBody } from './compression.ts';
import { EnvelopeFlow } from './envelope-flow.ts';
import { Inbox } from './inbox.ts';
import { Opening } from './opening.ts';
import type { SessionListener } from './session-listener.ts';
import type { SyncHost } from './sync-host.ts';

export class PeerSession implements BlobPeer {
  readonly #link: ReplicationLink;
  readonly #host: SyncHost;
  readonly #listener: SessionListener;
  readonly #opening: Opening;
  /** What the peer has, is told and is asked for. */
  readonly flow: EnvelopeFlow;
  readonly #inbox = new Inbox(() => this.close('it sent more than can wait'));
  #busy = false;
  #closed = false;

  constructor(link: ReplicationLink, host: SyncHost, listener: SessionListener) {
    this.#link = link;
    this.#host = host;
    this.#listener = listener;
    const { peerKey } = link;
    const send = (message: ReplicationMessage): boolean => this.#send(message);
    this.flow = new EnvelopeFlow({
      host,
      peerKey,
      send,
      sendEncoded: (message) => this.#sendEncoded(message),
      onHeads: () => listener.onHeads(this),
      onServed: () => listener.onServed(this),
      onRested: () => {
        if (!this.#closed) listener.onHeads(this);
      },
    });
    this.#opening = new Opening({
      host,
      peerKey,
      send,
      onLevel: () => this.#onLevel(),
      onDismissed: () => {
        this.flow.stop();
        listener.onDismissed(this);
      },
      close: (reason) => this.close(reason),
    });
  }

  /** The member at the other end, once level. */
  get member(): MemberId | undefined {
    return this.#opening.member;
  }

  start(): void {
    this.#link.onMessage((message) => this.#enqueue(message));
    this.#link.onDrain(() => this.flow.resume());
    this.#link.onClose(() => this.#end());
    this.#opening.start();
  }

  /** See {@link Opening.controlChanged}. */
  controlChanged(): void {
    this.#opening.controlChanged();
  }

  send(message: BlobMessage): void {
    this.#send(message);
  }

  sendEncoded(message: Uint8Array): void {
    this.#sendEncoded(message);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#inbox.clear();
    this.#link.close(reason);
    this.#end();
  }

  /** Control entries that had come by then still count: of a removal nothing else may ever tell. */
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opening.stop();
    this.flow.stop();
    this.#listener.onClosed(this);
  }

  #send(message: ReplicationMessage): boolean {
    return !this.#closed && this.#sendEncoded(encodeReplicationMessage(message, compressBody));
  }

  #sendEncoded(message: Uint8Array): boolean {
    if (this.#closed) return false;
    return this.flow.note(this.#link.send(message));
  }

  #onLevel(): void {
    this.flow.start();
    this.#listener.onLevel(this);
    this.#inbox.release();
    this.#takeWaiting();
  }

  /** Control messages are verified asynchronously; what follows waits in order. */
  #enqueue(bytes: Uint8Array): void {
    if (this.#closed || this.#opening.isDismissed) return;
    if (this.#busy) this.#inbox.push(bytes);
    else this.#take(bytes);
  }

  #take(bytes: Uint8Array): void {
    let pending: Promise<void> | undefined;
    try {
      const message = decodeReplicationMessage(bytes, decompressBody);
      if (this.#closed && message.type !== 'control') return;
      if (this.#opening.isEarly(message)) return this.#inbox.hold(bytes);
      pending = this.#dispatch(message);
    } catch (error) {
      return this.#refuse(error);
    }
    if (pending === undefined) return;
    this.#busy = true;
    pending
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#busy = false;
        this.#takeWaiting();
      });
  }

  #takeWaiting(): void {
    while (!this.#busy && !this.#opening.isDismissed) {
      const next = this.#inbox.shift();
      if (next === undefined) return;
      this.#take(next);
    }
  }

  /** Nothing more is taken from it. */
  #refuse(error: unknown): void {
    this.close(SandboxError.from(error).message);
  }

  #dispatch(message: ReplicationMessage): Promise<void> | undefined {
    switch (message.type) {
      case 'hello':
      case 'needControl':
      case 'control':
        return this.#opening.receive(message);
      case 'wantBlob':
      case 'blobOutline':
      case 'blobChunk':
        this.#assertLevel(message.type);
        return void this.#host.blobRooms.receive(this, message);
      default:
        this.#assertLevel(message.type);
        return void this.flow.receive(message);
    }
  }

  #assertLevel(type: string): void {
    if (!this.#opening.isLevel) {
      throw new SandboxError('FORBIDDEN', `Cannot take "${type}" before the control logs are level`);
    }
  }
}
