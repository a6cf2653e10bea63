/** Every envelope ever made in a run, honest or not, and what whoever made it meant by it. */

import type { Crypto } from '#protocol/crypto.ts';
import { chainKey, type Envelope, parseEnvelope, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';

export interface Known {
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
  /** Who made it. */
  readonly maker: string;
  /** Why no honest daemon may accept it, whatever it knows. */
  readonly crime: string | undefined;
  /** Keys of other members' records that it writes or deletes. */
  readonly touches: readonly string[];
}

export class Registry {
  readonly #crypto: Crypto;
  readonly #byHash = new Map<string, Known>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  add(bytes: Uint8Array, maker: string, meant: { crime?: string; touches?: readonly string[] } = {}): Known {
    const envelope = parseEnvelope(bytes, this.#crypto);
    const hash = shortName(envelope.hash);
    let known = this.#byHash.get(hash);
    if (known === undefined) {
      known = { envelope, bytes, maker, crime: meant.crime, touches: meant.touches ?? [] };
      this.#byHash.set(hash, known);
    }
    return known;
  }

  all(): Iterable<Known> {
    return this.#byHash.values();
  }

  /** What was ever made for a place in a chain: one, unless its author forked it. */
  at(chain: string, seq: number): Known[] {
    return [...this.#byHash.values()].filter(({ envelope: { header } }) => {
      return header.seq === seq && chainKey(header.member, header.incarnation) === chain;
    });
  }

  /** By the first 16 bytes of its header hash, or all of them. */
  find(hash: Uint8Array): Known | undefined {
    return this.#byHash.get(shortName(hash));
  }

  /** The chain up to and with the envelope of this hash, first one first. @throws when a part was never made */
  chainTo(shortHash: Uint8Array): Known[] {
    const chain: Known[] = [];
    for (let hash = shortHash; hash.length > 0; ) {
      const known = this.find(hash);
      if (known === undefined) throw new Error(`nobody ever made an envelope with hash ${toHex(hash)}`);
      chain.push(known);
      hash = known.envelope.header.previous;
    }
    return chain.reverse();
  }
}

function shortName(hash: Uint8Array): string {
  return toHex(hash.subarray(0, SHORT_HASH_BYTES));
}
