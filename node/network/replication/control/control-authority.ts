/**
 * Signs control entries where a control key lies: the owner's, or a delegate's for its own log. Every decision is taken
 * against the logs it is appended to.
 */

import type { ControlEntryBody, Frontier } from '#protocol/control-entry.ts';
import { OWNER_LOG, seqIn } from '#protocol/control-position.ts';
import { type ControlState, inviteName } from '#protocol/control-state.ts';
import { isSafePublicKey } from '#protocol/ed25519-key.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { MAX_MEMBER_ID, type MemberId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import type {
  ControlAuthority,
  DelegateRecord,
  InviteRecord,
  MemberRecord,
  PolicyRecord,
} from '../replica-interface.ts';
import { viewMember } from './control-view.ts';

/** Numbers in a delegate's range: more than it will ever admit. */
const RANGE_SIZE = 1000;

export interface ControlAuthorityOptions {
  /** The log it writes. */
  readonly log: number;
  /** @throws {SandboxError} KEY_LOCKED */
  assertUnlocked(): void;
  now(): number;
  /** Heads of every accepted chain, for entries that narrow rights. */
  frontier(): Frontier;
  /**
   * Lets `decide` look at the state with nobody appending meanwhile, then signs, appends and sends what it returned;
   * nothing when it returned undefined. Resolves when durable. What `decide` throws is passed on.
   */
  append(decide: (state: ControlState) => ControlEntryBody | undefined): Promise<void>;
  state(): ControlState;
}

export class SigningAuthority implements ControlAuthority {
  readonly log: number;
  readonly rename?: (name: string) => Promise<void>;
  readonly setPolicy?: (policy: PolicyRecord) => Promise<void>;
  readonly #options: ControlAuthorityOptions;

  constructor(options: ControlAuthorityOptions) {
    this.#options = options;
    this.log = options.log;
    if (options.log !== OWNER_LOG) return;
    this.rename = (name) => options.append(() => ({ type: 'config', name: cleanName(name) }));
    this.setPolicy = (policy) => this.#setPolicy(policy);
  }

  assertUnlocked(): void {
    this.#options.assertUnlocked();
  }

  async createInvite(options: Parameters<ControlAuthority['createInvite']>[0]): Promise<InviteRecord> {
    const key = inviteName(options.publicKey);
    const { role, uses, expiresAt, approval, admitter = this.log, addresses = [] } = options;
    await this.#options.append((state) => {
      this.#assertGives(state, role);
      assertAdmitter(state, this.log, admitter, role);
      const limits = addresses.length === 0 ? {} : { addresses: [...addresses] };
      return { type: 'invite', key, role, uses, expiresAt, approval, admitter, ...limits };
    });
    const invite = this.#options.state().invites.get(key);
    if (invite === undefined) throw unknownInvite(key);
    return invite;
  }

  async grant(options: Parameters<ControlAuthority['grant']>[0]): Promise<MemberRecord> {
    const { deviceKey } = options;
    if (!isSafePublicKey(deviceKey)) {
      throw new SandboxError('BAD_KEY', `Cannot admit the key ${toHex(deviceKey)}: it is no safe Ed25519 key`);
    }
    await this.#options.append((state) => {
      const known = state.memberByKey(deviceKey);
      // A joiner whose first answer got lost asks again: it is in, and the invite is not used twice.
      if (known !== undefined && known.removed === undefined) return undefined;
      const role = this.#judgeInvite(state, options.invite, options.role);
      const member = state.nextMember(this.log);
      if (member === undefined) throw rangeUsedUp();
      const name = cleanName(options.name);
      return { type: 'grant', member, key: toHex(deviceKey), name, role, invite: options.invite };
    });
    const member = this.#options.state().memberByKey(deviceKey);
    if (member === undefined) throw new SandboxError('INTERNAL', 'Cannot find the member that was just admitted');
    return viewMember(member);
  }

  setRole(member: MemberId, role: Role): Promise<void> {
    return this.#options.append((state) => {
      this.#assertRules(state, member);
      this.#assertGives(state, role);
      this.#assertKeepsWord(state, member, role);
      if (state.roleNow(member) === role) return undefined;
      return { type: 'role', member, role, frontier: this.#options.frontier() };
    });
  }

  revoke(member: MemberId): Promise<void> {
    return this.#options.append((state) => {
      this.#assertRules(state, member);
      return { type: 'revoke', member, frontier: this.#options.frontier(), ...this.#ending(state, member) };
    });
  }

  revokeInvite(publicKey: string): Promise<void> {
    return this.#options.append((state) => {
      const invite = state.invites.get(publicKey);
      if (invite === undefined) throw unknownInvite(publicKey);
      if (this.log !== OWNER_LOG && invite.place.log !== this.log) throw onlyOwner('close an invite of another');
      return invite.revoked ? undefined : { type: 'revoke-invite', key: publicKey };
    });
  }

  async delegate(options: Parameters<ControlAuthority['delegate']>[0]): Promise<DelegateRecord> {
    const { member, role } = options;
    if (!isSafePublicKey(options.key)) {
      throw new SandboxError('BAD_KEY', `Cannot delegate to member ${member}: its key is no safe Ed25519 key`);
    }
    const key = toHex(options.key);
    await this.#options.append((state) => {
      this.#assertRules(state, member);
      const known = state.delegations.get(member);
      if (known !== undefined && known.end === undefined && known.role === role && known.key === key) return undefined;
      assertMayKeepLog(state, member, role);
      return { type: 'delegate', member, key, role, ...freeRange(state) };
    });
    const delegation = this.#options.state().delegations.get(member);
    // While it was written another home with the same key turned out to have signed in its place.
    if (delegation === undefined) {
      throw new SandboxError(
        'CONTROL_FORKED',
        `Cannot delegate to member ${member}: the sandbox's log has just forked`,
        {
          hint: 'A restored or copied home does that. Settle it with "sandmesh recover", where the recovery key is.',
        },
      );
    }
    const { from, to } = delegation;
    return { member, key, from, to, role, ended: false };
  }

  endDelegation(member: MemberId): Promise<void> {
    return this.#options.append((state) => {
      this.#assertRules(state, member);
      const ending = this.#ending(state, member);
      const role = state.roleNow(member);
      if (ending.logs === undefined || role === null) {
        throw new SandboxError('MEMBER_UNKNOWN', `Cannot end a delegation: member ${member} is no delegate`);
      }
      return { type: 'role', member, role, frontier: this.#options.frontier(), ...ending };
    });
  }

  async checkpoint(blob: string, heads: Frontier, position: ControlPosition): Promise<boolean> {
    let signed = false;
    await this.#options.append((state) => {
      signed = state.position.join() === position.join();
      if (!signed) return undefined;
      const delegates: [MemberId, number][] = [];
      for (let i = 1; i < position.length; i += 2) delegates.push([position[i] as MemberId, position[i + 1] as number]);
      return { type: 'checkpoint', blob, heads, delegates };
    });
    return signed;
  }

  #setPolicy(policy: PolicyRecord): Promise<void> {
    const copy = Object.fromEntries(Object.entries(policy).map(([level, rules]) => [level, { ...rules }]));
    return this.#options.append(() => ({ type: 'policy', policy: copy, frontier: this.#options.frontier() }));
  }

  /** What ends the log of a delegate: nothing for other members. */
  #ending(state: ControlState, member: MemberId): { logs?: [MemberId, number][] } {
    const delegation = state.delegations.get(member);
    if (this.log !== OWNER_LOG || delegation === undefined || delegation.end !== undefined) return {};
    return { logs: [[member, seqIn(state.position, member)]] };
  }

  /** @throws {SandboxError} MEMBER_UNKNOWN; FORBIDDEN for a delegate outside its range */
  #assertRules(state: ControlState, member: MemberId): void {
    if (state.roleNow(member) === null) {
      throw new SandboxError('MEMBER_UNKNOWN', `Cannot change member ${member}: there is no such active member`);
    }
    if (this.log === OWNER_LOG || state.members.get(member)?.place.log === this.log) return;
    throw onlyOwner(`change member ${member}: a delegate changes whom it admitted itself`);
  }

  /** @throws {SandboxError} FORBIDDEN for a role above what a delegate may give */
  #assertGives(state: ControlState, role: Role): void {
    const limit = this.log === OWNER_LOG ? 'owner' : state.delegations.get(this.log as MemberId)?.role;
    if (limit !== undefined && ROLES.indexOf(role) <= ROLES.indexOf(limit)) return;
    throw onlyOwner(`give the role "${role}": yours goes up to "${limit ?? 'none'}"`);
  }

  /** @throws {SandboxError} FORBIDDEN for a role above what the owner made of a delegate's member */
  #assertKeepsWord(state: ControlState, member: MemberId, role: Role): void {
    const word = this.log === OWNER_LOG ? undefined : state.ownersWord(member);
    if (word === undefined || word === null || ROLES.indexOf(role) <= ROLES.indexOf(word)) return;
    throw onlyOwner(`give member ${member} the role "${role}": the owner made it "${word}"`);
  }

  #judgeInvite(state: ControlState, name: string, role: Role): Role {
    const invite = state.invites.get(name);
    if (invite === undefined) throw unknownInvite(name);
    const short = name.slice(0, 8);
    if (invite.admitter !== this.log) {
      throw new SandboxError('FORBIDDEN', `Cannot admit under invite ${short}: somebody else decides about it`);
    }
    if (invite.revoked) throw new SandboxError('INVITE_REVOKED', `Cannot join: invite ${short} was revoked`, ASK);
    if (invite.used >= invite.uses) {
      throw new SandboxError('INVITE_USED', `Cannot join: invite ${short} is used up`, ASK);
    }
    if (this.#options.now() > invite.expiresAt) {
      throw new SandboxError('INVITE_EXPIRED', `Cannot join: invite ${short} has expired`, ASK);
    }
    // Whoever approves may give less than the link promised, never more.
    return ROLES.indexOf(role) > ROLES.indexOf(invite.role) ? invite.role : role;
  }
}

const ASK = { hint: 'Ask whoever shared the link for a new one.' };

function assertAdmitter(state: ControlState, log: number, admitter: number, role: Role): void {
  if (admitter === log) return;
  if (log !== OWNER_LOG) throw onlyOwner('name another admitter');
  const delegation = state.delegations.get(admitter as MemberId);
  if (delegation === undefined || delegation.end !== undefined) {
    throw new SandboxError('MEMBER_UNKNOWN', `Cannot invite: member ${admitter} is no delegate`, {
      hint: 'Make it one with "sandmesh delegate".',
    });
  }
  if (ROLES.indexOf(role) > ROLES.indexOf(delegation.role)) {
    const cap = `its delegate gives roles up to "${delegation.role}"`;
    throw new SandboxError('BAD_ARGUMENT', `Cannot invite as "${role}": ${cap}`);
  }
}

function assertMayKeepLog(state: ControlState, member: MemberId, role: Role): void {
  if (role === 'owner')
    throw new SandboxError('BAD_ARGUMENT', 'Cannot delegate the role "owner": the owner alone has it');
  if (state.delegations.has(member)) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot delegate to member ${member}: it is, or was, a delegate already`, {
      hint: 'Invite that person again: a new member number can be made a delegate.',
    });
  }
  if (state.members.get(member)?.place.log === OWNER_LOG) return;
  throw new SandboxError('BAD_ARGUMENT', `Cannot delegate to member ${member}: a delegate admitted it`, {
    hint: 'Only members whom the owner admitted can be delegates: invite that person yourself.',
  });
}

/** The next thousand numbers that nobody has. */
function freeRange(state: ControlState): { from: MemberId; to: MemberId } {
  let highest = 1;
  for (const member of state.members.values())
    if (member.place.log === OWNER_LOG) highest = Math.max(highest, member.id);
  for (const { to } of state.delegations.values()) highest = Math.max(highest, to);
  const from = (Math.floor(highest / RANGE_SIZE) + 1) * RANGE_SIZE + 1;
  if (from + RANGE_SIZE > MAX_MEMBER_ID) throw rangeUsedUp();
  return { from: from as MemberId, to: (from + RANGE_SIZE - 1) as MemberId };
}

function rangeUsedUp(): SandboxError {
  return new SandboxError('LIMIT_EXCEEDED', 'Cannot admit anybody: the member numbers are used up');
}

function onlyOwner(what: string): SandboxError {
  return new SandboxError('FORBIDDEN', `Cannot ${what}`, { hint: 'Ask the owner of the sandbox.' });
}

function unknownInvite(name: string): SandboxError {
  return new SandboxError('INVITE_REVOKED', `Cannot find invite "${name.slice(0, 8)}" in this sandbox`, ASK);
}
