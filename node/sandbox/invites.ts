/** Links this daemon prints: makes invites in the control log, and reuses one that is still good. */

import { randomBytes } from 'node:crypto';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { encodeLink, type LinkPeer } from '#protocol/link.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
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
  readonly invite: InviteRecord;
  /** The record with the invite added, if a new one was made: store it. */
  readonly record: LocalRecord;
}

export interface LinkOptions {
  readonly role: Role;
  readonly expiresMs: number;
  /** Never reuse an earlier link. */
  readonly fresh: boolean;
  /** 1 unless given. */
  readonly uses?: number;
  /** By default where the role can touch a process. */
  readonly approval?: boolean;
  readonly addresses?: readonly string[];
  /** A delegate who decides about it. */
  readonly admitter?: MemberId | undefined;
  /** Whom the link names, the one who decides first. */
  readonly peers: readonly LinkPeer[];
}

/**
 * @param replica of a sandbox where a control key lies
 * @returns undefined where none does: only the owner and delegates print links
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
  const known = reusable === undefined ? undefined : replica.control.invites.get(reusable.publicKey);
  if (reusable !== undefined && known !== undefined) {
    return { ...encode(replica, reusable, options.peers), invite: known, record };
  }
  const seed = randomBytes(32);
  const key = signingKeyFromSeed(seed);
  const expiresAt = now + options.expiresMs;
  const { uses = 1, approval = roleNeedsApproval(options.role), addresses = [], admitter } = options;
  const created = await authority.createInvite({
    publicKey: key.publicKey,
    role: options.role,
    uses,
    expiresAt,
    approval,
    addresses,
    ...(admitter === undefined ? {} : { admitter }),
  });
  const publicKey = Buffer.from(key.publicKey).toString('hex');
  const invite: StoredInvite = { seed: seed.toString('hex'), publicKey, role: options.role, expiresAt };
  const kept = record.invites.filter((stored) => isOpen(replica.control.invites.get(stored.publicKey), now));
  // A link with limits of its own is not printed again by the next `run`.
  const plain = uses === 1 && addresses.length === 0 && admitter === undefined;
  const stored = plain && approval === roleNeedsApproval(options.role) ? [...kept, invite] : kept;
  return { ...encode(replica, invite, options.peers), invite: created, record: { ...record, invites: stored } };
}

/** Digits of an invite's public key that name it to people. */
const SHORT_NAME = 12;

/** An invite as people see it. */
export function viewInvite(invite: InviteRecord, now = Date.now()): CommandResult<'invite.list'>['invites'][number] {
  const { publicKey, role, uses, used, expiresAt, approval, revoked, admitter, addresses } = invite;
  const state = revoked ? 'revoked' : used >= uses ? 'used' : expiresAt <= now ? 'expired' : 'open';
  return {
    id: publicKey.slice(0, SHORT_NAME),
    role,
    uses,
    used,
    expiresAt,
    approval,
    state,
    addresses: [...addresses],
    ...(admitter === 0 ? {} : { admitter: admitter as MemberId }),
  };
}

/** @param name start of its public key. @throws {SandboxError} BAD_ARGUMENT for none or several */
export function findInvite(replica: Replica, name: string): InviteRecord {
  const matching = [...replica.control.invites.values()].filter(({ publicKey }) => publicKey.startsWith(name));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  const problem = matching.length > 1 ? `it fits ${matching.length} invites` : 'there is no such invite';
  throw new SandboxError('BAD_ARGUMENT', `Cannot use invite "${name}": ${problem}`, {
    hint: 'List them with "sandmesh invites".',
  });
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

function encode(
  replica: Replica,
  invite: StoredInvite,
  peers: readonly LinkPeer[],
): Omit<PrintedLink, 'record' | 'invite'> {
  const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
  const link = encodeLink({
    ...replica.control.founding,
    inviteSeed: bytes(invite.seed),
    peers,
  });
  return { link, role: invite.role, expiresAt: invite.expiresAt };
}
