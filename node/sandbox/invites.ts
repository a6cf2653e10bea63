/** Links this daemon prints: makes invites in the control log, and reuses one that is still good. */

import { randomBytes } from 'node:crypto';
import { encodeLink, type LinkPeer } from '#protocol/link.ts';
import { type Role, roleNeedsApproval } from '#shared/rights.ts';
import type { InviteRecord, Replica } from '../network/replication/replica-interface.ts';
import { signingKeyFromSeed } from '../security/identity.ts';
import type { LocalRecord, StoredInvite } from './local-record.ts';

/** A link about to expire is not worth printing again. */
const REUSE_MARGIN_MS = 3600_000;

export interface PrintedLink {
  readonly link: string;
  readonly role: Role;
  readonly expiresAt: number;
  /** The record with the invite added, if a new one was made: store it. */
  readonly record: LocalRecord;
}

export interface LinkOptions {
  readonly role: Role;
  readonly expiresMs: number;
  /** Never reuse an earlier link. */
  readonly fresh: boolean;
  readonly peer: LinkPeer;
}

/**
 * @param replica of a sandbox whose control key lies here
 * @returns undefined where the control key does not lie: only the owner prints links
 * @throws {SandboxError} what the control log throws when it cannot store the invite
 */
export async function printLink(
  replica: Replica,
  record: LocalRecord,
  options: LinkOptions,
): Promise<PrintedLink | undefined> {
  const { authority } = replica;
  if (authority === undefined) return undefined;
  const now = Date.now();
  const reusable = options.fresh ? undefined : findReusable(record, replica, options.role, now);
  if (reusable !== undefined) return { ...encode(replica, reusable, options.peer), record };
  const seed = randomBytes(32);
  const key = signingKeyFromSeed(seed);
  const expiresAt = now + options.expiresMs;
  await authority.createInvite({
    publicKey: key.publicKey,
    role: options.role,
    uses: 1,
    expiresAt,
    approval: roleNeedsApproval(options.role),
  });
  const publicKey = Buffer.from(key.publicKey).toString('hex');
  const invite: StoredInvite = { seed: seed.toString('hex'), publicKey, role: options.role, expiresAt };
  const kept = record.invites.filter((stored) => isOpen(replica.control.invites.get(stored.publicKey), now));
  return { ...encode(replica, invite, options.peer), record: { ...record, invites: [...kept, invite] } };
}

function findReusable(record: LocalRecord, replica: Replica, role: Role, now: number): StoredInvite | undefined {
  return record.invites.find((stored) => {
    const known = replica.control.invites.get(stored.publicKey);
    return stored.role === role && isOpen(known, now) && stored.expiresAt - now > REUSE_MARGIN_MS;
  });
}

function isOpen(invite: InviteRecord | undefined, now: number): boolean {
  return invite !== undefined && !invite.revoked && invite.used < invite.uses && invite.expiresAt > now;
}

function encode(replica: Replica, invite: StoredInvite, peer: LinkPeer): Omit<PrintedLink, 'record'> {
  const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
  const link = encodeLink({
    ...replica.control.founding,
    inviteSeed: bytes(invite.seed),
    peers: [peer],
  });
  return { link, role: invite.role, expiresAt: invite.expiresAt };
}
