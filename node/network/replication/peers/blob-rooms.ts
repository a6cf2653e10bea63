/** Blobs are kept in rooms of their own (checkpoints, what registers name): what peers ask and send goes to the right one. */

import type { BlobMessage } from '#protocol/blob-messages.ts';
import { toHex } from '#shared/bytes.ts';
import type { BlobExchange, BlobPeer } from './blob-exchange.ts';

export class BlobRooms {
  readonly #exchanges: readonly BlobExchange[];

  constructor(exchanges: readonly (BlobExchange | undefined)[]) {
    this.#exchanges = exchanges.filter((exchange) => exchange !== undefined);
  }

  arrived(peer: BlobPeer): void {
    for (const exchange of this.#exchanges) exchange.arrived(peer);
  }

  left(peer: BlobPeer): void {
    for (const exchange of this.#exchanges) exchange.left(peer);
  }

  /** @throws {SandboxError} BAD_FRAME when the peer breaks the rules */
  receive(peer: BlobPeer, message: Exclude<BlobMessage, { type: 'pruned' }>): void {
    const name = toHex(message.name);
    const concerned = this.#exchanges.find((exchange) =>
      message.type === 'wantBlob' ? exchange.has(name) : exchange.fetching === name,
    );
    // Nobody's: the first one says that it is not here, and takes no offence at what comes late.
    (concerned ?? this.#exchanges[0])?.receive(peer, message);
  }
}
