/** What a daemon has, and what had left it before it died: chain → seq. */

import { decompressBody } from '#node/network/replication/peers/compression.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { chainKey, parseEnvelope } from '#protocol/envelope.ts';
import { decodeReplicationMessage } from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';

/** Heads of what a replica has accepted; of a forked chain its longest line. */
export function heldBy(replica: SandboxReplica): Map<string, number> {
  const held = new Map<string, number>();
  for (const { member, incarnation, seq } of replica.chains.heads()) raise(held, chainKey(member, incarnation), seq);
  return held;
}

/** The highest seq of each of the member's own chains in messages it sent. */
export function highestSent(
  messages: readonly Uint8Array[],
  member: MemberId | undefined,
  crypto: Crypto,
): Map<string, number> {
  const sent = new Map<string, number>();
  for (const message of messages) {
    const decoded = decodeReplicationMessage(message, decompressBody);
    if (decoded.type !== 'envelopes') continue;
    for (const bytes of decoded.envelopes) {
      const { header } = parseEnvelope(bytes, crypto);
      if (header.member === member) raise(sent, chainKey(header.member, header.incarnation), header.seq);
    }
  }
  return sent;
}

function raise(seqs: Map<string, number>, chain: string, seq: number): void {
  seqs.set(chain, Math.max(seqs.get(chain) ?? 0, seq));
}
