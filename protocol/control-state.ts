/**
 * The control log folded into the present: members with the history of their roles, invites, and the narrowings that
 * decide which envelopes count. Pure: the same entries give the same state everywhere.
 */

import { equalBytes, parseHex, toHex } from '#shared/bytes.ts';
import { classifyDocument } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { ROLES, type Role, roleHolds } from '#shared/rights.ts';
import type { ControlEntry, Frontier } from './control-entry.ts';
import { isSafePublicKey } from './ed25519-key.ts';
import { type ControlPosition, chainKey } from './envelope.ts';
import type { SandboxFounding } from './sandbox-id.ts';

export interface MemberState {
  readonly id: MemberId;
  readonly name: string;
  readonly deviceKey: Uint8Array;
  /** Roles by the owner's log seq from which they hold; null: removed. Ascending. */
  readonly history: readonly { readonly seq: number; readonly role: Role | null }[];
}

export interface InviteState {
  readonly publicKey: string;
  readonly role: Role;
  readonly uses: number;
  readonly used: number;
  readonly expiresAt: number;
  readonly approval: boolean;
  readonly revoked: boolean;
}

/** An entry that took rights away: of that member only what the owner had seen, or what the new role permits, counts. */
interface Narrowing {
  readonly seq: number;
  readonly role: Role | null;
  readonly cuts: ReadonlyMap<string, number>;
}

const NOTHING = new Uint8Array(0);

type EntryOf<T extends ControlEntry['type']> = Extract<ControlEntry, { type: T }>;

export class ControlState {
  readonly #members = new Map<MemberId, MemberState>();
  readonly #invites = new Map<string, InviteState>();
  readonly #narrowings = new Map<MemberId, Narrowing[]>();
  readonly #checkKey: (key: Uint8Array) => boolean;
  #name = '';
  #founding: SandboxFounding = { ownerKey: NOTHING, nonce: NOTHING, recoveryHash: NOTHING };
  #ownerKey: Uint8Array = NOTHING;
  #seq = 0;

  /** @param options `checkKeys` false only for entries that were checked before they were stored: it costs 3 ms a key */
  constructor(options: { checkKeys?: boolean } = {}) {
    this.#checkKey = options.checkKeys === false ? () => true : isSafePublicKey;
  }

  get seq(): number {
    return this.#seq;
  }
  get name(): string {
    return this.#name;
  }
  /** The key that signs the owner's log now. */
  get ownerKey(): Uint8Array {
    return this.#ownerKey;
  }
  /** What the sandbox id is the hash of; a link carries it. */
  get founding(): SandboxFounding {
    return this.#founding;
  }
  get members(): ReadonlyMap<MemberId, MemberState> {
    return this.#members;
  }
  get invites(): ReadonlyMap<string, InviteState> {
    return this.#invites;
  }

  /**
   * Folds the next entry of the owner's log; its signature and place in the chain were checked.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing here; the state is unchanged then
   */
  apply(entry: ControlEntry): void {
    if (entry.seq !== this.#seq + 1) throw bad(entry, `it follows seq ${this.#seq}`);
    if ((entry.type === 'genesis') !== (entry.seq === 1)) throw bad(entry, 'genesis is the first entry and no other');
    switch (entry.type) {
      case 'genesis':
        this.#genesis(entry);
        break;
      case 'config':
        this.#name = cleanName(entry.name);
        break;
      case 'invite':
        this.#invite(entry);
        break;
      case 'grant':
        this.#grant(entry);
        break;
      case 'role':
        this.#narrow(entry, entry.role);
        break;
      case 'revoke':
        this.#narrow(entry, null);
        break;
      case 'revoke-invite':
        this.#revokeInvite(entry);
        break;
      case 'delegate':
      case 'policy':
      case 'checkpoint':
      case 'rotate':
        throw new SandboxError('VERSION_UNSUPPORTED', `Cannot use control entry ${entry.seq}: "${entry.type}"`, {
          hint: 'Update sandmesh on this machine.',
        });
      default:
        entry satisfies never;
    }
    this.#seq = entry.seq;
  }

  /** The member's role under the log as it stood at `seq`; null when not yet or no longer a member. */
  roleAt(member: MemberId, seq: number): Role | null {
    const history = this.#members.get(member)?.history;
    if (history === undefined) return null;
    let role: Role | null = null;
    for (const step of history) {
      if (step.seq > seq) break;
      role = step.role;
    }
    return role;
  }

  roleNow(member: MemberId): Role | null {
    return this.#members.get(member)?.history.at(-1)?.role ?? null;
  }

  /** The latest member admitted with this key, removed or not. */
  memberByKey(deviceKey: Uint8Array): MemberState | undefined {
    let found: MemberState | undefined;
    for (const member of this.#members.values()) if (equalBytes(member.deviceKey, deviceKey)) found = member;
    return found;
  }

  /**
   * Whether later narrowings leave this envelope its effect; its role at its own position is judged elsewhere.
   *
   * @param until looks only at narrowings up to this seq: how it was judged then
   */
  counts(
    envelope: {
      readonly member: MemberId;
      readonly incarnation: number;
      readonly seq: number;
      readonly control: ControlPosition;
      readonly document: string;
    },
    until = this.#seq,
  ): boolean {
    const narrowings = this.#narrowings.get(envelope.member);
    if (narrowings === undefined) return true;
    const written = envelope.control[0] as number;
    const chain = chainKey(envelope.member, envelope.incarnation);
    return narrowings.every((narrowing) => {
      if (narrowing.seq <= written || narrowing.seq > until) return true;
      if (envelope.seq <= (narrowing.cuts.get(chain) ?? 0)) return true;
      return narrowing.role !== null && mayWrite(narrowing.role, envelope.member, envelope.document);
    });
  }

  /** Members whose rights were narrowed by entries after `seq`. */
  narrowedSince(seq: number): Set<MemberId> {
    const members = new Set<MemberId>();
    for (const [member, narrowings] of this.#narrowings) {
      if (narrowings.some((narrowing) => narrowing.seq > seq)) members.add(member);
    }
    return members;
  }

  /** Lowest number never given: the next grant's. */
  nextMember(): MemberId {
    let highest = 0;
    for (const id of this.#members.keys()) highest = Math.max(highest, id);
    return (highest + 1) as MemberId;
  }

  #genesis(entry: EntryOf<'genesis'>): void {
    const ownerKey = this.#key(entry, entry.ownerKey);
    const deviceKey = this.#key(entry, entry.device.key);
    this.#ownerKey = ownerKey;
    this.#founding = {
      ownerKey,
      nonce: parseHex(entry.nonce) ?? NOTHING,
      recoveryHash: parseHex(entry.recoveryHash) ?? NOTHING,
    };
    this.#name = cleanName(entry.name);
    this.#addMember(1 as MemberId, entry.device.name, deviceKey, entry.seq, 'owner');
  }

  #invite(entry: EntryOf<'invite'>): void {
    if (this.#invites.has(entry.key)) throw bad(entry, `invite ${entry.key} exists`);
    this.#key(entry, entry.key);
    const { key, role, uses, expiresAt, approval } = entry;
    this.#invites.set(key, { publicKey: key, role, uses, used: 0, expiresAt, approval, revoked: false });
  }

  #grant(entry: EntryOf<'grant'>): void {
    if (this.#members.has(entry.member)) throw bad(entry, `member ${entry.member} exists`);
    const deviceKey = this.#key(entry, entry.key);
    const known = this.memberByKey(deviceKey);
    if (known !== undefined && this.roleNow(known.id) !== null) throw bad(entry, `its key is member ${known.id}'s`);
    if (entry.invite !== undefined) {
      const invite = this.#invites.get(entry.invite);
      if (invite === undefined) throw bad(entry, `there is no invite ${entry.invite}`);
      if (invite.revoked || invite.used >= invite.uses) throw bad(entry, `invite ${entry.invite} is used up`);
      if (ROLES.indexOf(entry.role) > ROLES.indexOf(invite.role)) throw bad(entry, `its invite gives "${invite.role}"`);
      this.#invites.set(entry.invite, { ...invite, used: invite.used + 1 });
    }
    this.#addMember(entry.member, entry.name, deviceKey, entry.seq, entry.role);
  }

  #narrow(entry: EntryOf<'role'> | EntryOf<'revoke'>, role: Role | null): void {
    const member = this.#members.get(entry.member);
    const before = this.roleNow(entry.member);
    if (member === undefined || before === null) throw bad(entry, `there is no member ${entry.member}`);
    this.#members.set(entry.member, { ...member, history: [...member.history, { seq: entry.seq, role }] });
    // A wider role takes nothing away; its frontier is ignored.
    if (role !== null && ROLES.indexOf(role) >= ROLES.indexOf(before)) return;
    const narrowings = this.#narrowings.get(entry.member) ?? [];
    this.#narrowings.set(entry.member, [...narrowings, { seq: entry.seq, role, cuts: readFrontier(entry.frontier) }]);
  }

  #revokeInvite(entry: EntryOf<'revoke-invite'>): void {
    const invite = this.#invites.get(entry.key);
    if (invite === undefined) throw bad(entry, `there is no invite ${entry.key}`);
    this.#invites.set(entry.key, { ...invite, revoked: true });
  }

  #addMember(id: MemberId, name: string, deviceKey: Uint8Array, seq: number, role: Role): void {
    this.#members.set(id, { id, name: cleanName(name), deviceKey, history: [{ seq, role }] });
  }

  #key(entry: ControlEntry, hex: string): Uint8Array {
    const key = parseHex(hex);
    if (key === undefined || !this.#checkKey(key)) throw bad(entry, `${hex} is no safe Ed25519 key`);
    return key;
  }
}

/** Whether a member with this role may write this document at all. */
export function mayWrite(role: Role, member: MemberId, document: string): boolean {
  const cls = classifyDocument(document);
  if (cls === undefined || (cls.owner !== undefined && cls.owner !== member)) return false;
  return roleHolds(role, cls.right);
}

function readFrontier(frontier: Frontier): Map<string, number> {
  return new Map(frontier.map(([member, incarnation, seq]) => [chainKey(member, incarnation), seq]));
}

function bad(entry: ControlEntry, why: string): SandboxError {
  return new SandboxError('BAD_CONTROL_ENTRY', `Cannot fold control entry ${entry.seq} ("${entry.type}"): ${why}`);
}

/** Invite keys in commands and entries are lower-case hex. */
export function inviteName(publicKey: Uint8Array): string {
  return toHex(publicKey);
}
