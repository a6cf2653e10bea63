/** Signs control entries where the owner's control key lies. Every decision is taken against the log it is appended to. */

import type { ControlEntryBody, ControlSigner, Frontier } from '#protocol/control-entry.ts';
import { type ControlState, inviteName } from '#protocol/control-state.ts';
import { isSafePublicKey } from '#protocol/ed25519-key.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import { viewMember } from './control-view.ts';
import type { ControlAuthority, InviteRecord, MemberRecord } from './replica-interface.ts';

export interface ControlAuthorityOptions {
  readonly signer: ControlSigner;
  now(): number;
  /** Heads of every accepted chain, for entries that narrow rights. */
  frontier(): Frontier;
  /**
   * Lets `decide` look at the state with nobody appending meanwhile, then signs, appends and sends what it returned;
   * nothing when it returned undefined. Resolves when durable. What `decide` throws is passed on.
   */
  append(signer: ControlSigner, decide: (state: ControlState) => ControlEntryBody | undefined): Promise<void>;
  readonly state: ControlState;
}

export class OwnerAuthority implements ControlAuthority {
  readonly #options: ControlAuthorityOptions;

  constructor(options: ControlAuthorityOptions) {
    this.#options = options;
  }

  async createInvite(options: Parameters<ControlAuthority['createInvite']>[0]): Promise<InviteRecord> {
    const key = inviteName(options.publicKey);
    const { role, uses, expiresAt, approval } = options;
    await this.#append(() => ({ type: 'invite', key, role, uses, expiresAt, approval, admitter: 0 }));
    return this.#invite(key);
  }

  async grant(options: Parameters<ControlAuthority['grant']>[0]): Promise<MemberRecord> {
    if (!isSafePublicKey(options.deviceKey)) {
      throw new SandboxError('BAD_KEY', `Cannot admit the key ${toHex(options.deviceKey)}: it is no safe Ed25519 key`);
    }
    await this.#append((state) => {
      const known = state.memberByKey(options.deviceKey);
      // A joiner whose first answer got lost asks again: it is in, and the invite is not used twice.
      if (known !== undefined && state.roleNow(known.id) !== null) return undefined;
      const role = this.#judgeInvite(state, options.invite, options.role);
      return {
        type: 'grant',
        member: state.nextMember(),
        key: toHex(options.deviceKey),
        name: cleanName(options.name),
        role,
        invite: options.invite,
      };
    });
    const member = this.#options.state.memberByKey(options.deviceKey);
    if (member === undefined) throw new SandboxError('INTERNAL', 'Cannot find the member that was just admitted');
    return viewMember(member);
  }

  setRole(member: MemberId, role: Role): Promise<void> {
    return this.#append((state) => {
      assertActive(state, member);
      if (state.roleNow(member) === role) return undefined;
      return { type: 'role', member, role, frontier: this.#options.frontier() };
    });
  }

  revoke(member: MemberId): Promise<void> {
    return this.#append((state) => {
      assertActive(state, member);
      return { type: 'revoke', member, frontier: this.#options.frontier() };
    });
  }

  revokeInvite(publicKey: string): Promise<void> {
    return this.#append((state) => {
      const invite = state.invites.get(publicKey);
      if (invite === undefined) throw unknownInvite(publicKey);
      return invite.revoked ? undefined : { type: 'revoke-invite', key: publicKey };
    });
  }

  #append(decide: (state: ControlState) => ControlEntryBody | undefined): Promise<void> {
    return this.#options.append(this.#options.signer, decide);
  }

  #judgeInvite(state: ControlState, name: string, role: Role): Role {
    const invite = state.invites.get(name);
    if (invite === undefined) throw unknownInvite(name);
    const short = name.slice(0, 8);
    if (invite.revoked) throw new SandboxError('INVITE_REVOKED', `Cannot join: invite ${short} was revoked`, ASK);
    if (invite.used >= invite.uses)
      throw new SandboxError('INVITE_USED', `Cannot join: invite ${short} is used up`, ASK);
    if (this.#options.now() > invite.expiresAt) {
      throw new SandboxError('INVITE_EXPIRED', `Cannot join: invite ${short} has expired`, ASK);
    }
    // Whoever approves may give less than the link promised, never more.
    return ROLES.indexOf(role) > ROLES.indexOf(invite.role) ? invite.role : role;
  }

  #invite(key: string): InviteRecord {
    const invite = this.#options.state.invites.get(key);
    if (invite === undefined) throw unknownInvite(key);
    return invite;
  }
}

const ASK = { hint: 'Ask whoever shared the link for a new one.' };

function assertActive(state: ControlState, member: MemberId): void {
  if (state.roleNow(member) === null) {
    throw new SandboxError('MEMBER_UNKNOWN', `Cannot change member ${member}: there is no such active member`);
  }
}

function unknownInvite(name: string): SandboxError {
  return new SandboxError('INVITE_REVOKED', `Cannot find invite "${name.slice(0, 8)}" in this sandbox`, ASK);
}
