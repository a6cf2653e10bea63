/** Multiaddrs as text and bytes, and which of them this daemon is willing to dial. */

import { multiaddr } from '@multiformats/multiaddr';

export const MAX_ADDRESSES = 8;
export const MAX_ADDRESS_LENGTH = 128;

/** TCP over IP or a name: all that this transport set speaks. Anything else a peer names is ignored. */
const TCP_ADDRESS = /^\/(ip4|ip6|dns|dns4|dns6)\/[0-9a-zA-Z.:-]+\/tcp\/[1-9][0-9]{0,4}$/;

/** @returns the address without `/p2p/…`, or undefined for what is not dialable */
export function parseAddress(text: string): string | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) return undefined;
  const bare = text.replace(/\/p2p\/[0-9A-Za-z]+$/, '');
  if (!TCP_ADDRESS.test(bare)) return undefined;
  try {
    return multiaddr(bare).toString();
  } catch {
    // The pattern is looser than the format: an impossible IP or port is no address.
    return undefined;
  }
}

export function addressToBytes(address: string): Uint8Array {
  return multiaddr(address).bytes;
}

/** @returns undefined for bytes that are no dialable multiaddr */
export function parseAddressBytes(bytes: Uint8Array): string | undefined {
  try {
    return parseAddress(multiaddr(bytes).toString());
  } catch {
    // Bytes of a stranger: not a multiaddr.
    return undefined;
  }
}

export function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address);
}
