/** Yjs clientIDs here name a chain: `member · 2^32 + incarnation`, 53 bits, so an integer exactly. */

import type * as Y from 'yjs';
import { isMemberId, type MemberId } from '../ids.ts';

const INCARNATIONS = 2 ** 32;

export function clientIdOf(member: MemberId, incarnation: number): number {
  return member * INCARNATIONS + incarnation;
}

/** @returns undefined for an id that no chain can have */
export function chainOfClient(clientId: number): { member: MemberId; incarnation: number } | undefined {
  const member = Math.floor(clientId / INCARNATIONS);
  return isMemberId(member) ? { member, incarnation: clientId % INCARNATIONS } : undefined;
}

/**
 * Who wrote the present value of a key, read from the item's clientID, which replication verified against the
 * signing chain; a field inside the value could claim anything.
 *
 * @returns undefined when the key has no value
 */
export function writerOfKey(map: Y.Map<unknown>, key: string): MemberId | undefined {
  const item = map._map.get(key);
  if (item === undefined || item.deleted) return undefined;
  return chainOfClient(item.id.client)?.member;
}
