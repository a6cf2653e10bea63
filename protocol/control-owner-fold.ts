/**
 * The owner's log folded. Whether an entry means something depends on the owner's entries before it and on nothing
 * else: what delegates did meanwhile is told apart only when all logs are read together (`control-state.ts`).
 */

import { parseHex, toHex } from '#shared/bytes.ts';
import { MAX_MEMBER_ID, type MemberId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import type { Role } from '#shared/rights.ts';
import type { ControlEntry } from './control-entry.ts';
import { type EntryOf, type KeyCheck, LogFold, meaningless } from './control-fold.ts';
import { OWNER_LOG } from './control-position.ts';
import type { Crypto } from './crypto.ts';
import type { SandboxFounding } from './sandbox-id.ts';

const NOTHING = new Uint8Array(0);
/** As many as an envelope's position can name. */
const MAX_DELEGATES = 256;

/** A member who keeps a log of its own: admits and removes inside a range of numbers, up to a role. */
export interface Delegation {
  readonly member: MemberId;
  /** Signs its log; lower-case hex. */
  readonly key: string;
  readonly from: MemberId;
  readonly to: MemberId;
  /** The highest it may give. */
  readonly role: Role;
  /** Seq of the owner's log. */
  readonly since: number;
  /** Taken back at this seq of the owner's log; of the delegate's log only what is up to `cut` counts. */
  readonly end: { readonly seq: number; readonly cut: number } | undefined;
}

export type Policy = EntryOf<'policy'>['policy'];

export class OwnerFold extends LogFold {
  readonly delegations = new Map<MemberId, Delegation>();
  /** Invites of delegates that the owner closed, with the seq at which it did. */
  readonly closedInvites = new Map<string, number>();
  readonly #crypto: Pick<Crypto, 'sha256'>;
  #name = '';
  #founding: SandboxFounding = { ownerKey: NOTHING, nonce: NOTHING, recoveryHash: NOTHING };
  #ownerKey: Uint8Array = NOTHING;
  #recoveryHash = '';
  #policy: Policy | undefined;

  constructor(checkKey: KeyCheck, crypto: Pick<Crypto, 'sha256'>) {
    super(OWNER_LOG, checkKey);
    this.#crypto = crypto;
  }

  get name(): string {
    return this.#name;
  }
  get founding(): SandboxFounding {
    return this.#founding;
  }
  /** Signs the next entry, unless that is a rotation. */
  get ownerKey(): Uint8Array {
    return this.#ownerKey;
  }
  /** SHA-256, hex, of the key that may sign the next rotation. */
  get recoveryHash(): string {
    return this.#recoveryHash;
  }
  get policy(): Policy | undefined {
    return this.#policy;
  }

  /**
   * Folds the next entry; its signature and place in the chain were checked.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing here; nothing is changed then
   */
  apply(entry: ControlEntry): void {
    if (entry.seq !== this.seq + 1) throw meaningless(entry, `it follows seq ${this.seq}`);
    if ((entry.type === 'genesis') !== (entry.seq === 1)) {
      throw meaningless(entry, 'genesis is the first entry and no other');
    }
    if (entry.owner !== undefined) throw meaningless(entry, 'the owner stands on no log but its own');
    this.#fold(entry);
    this.advance(entry);
  }

  /** The delegation whose range holds this number, taken back or not. */
  delegationOver(member: MemberId): Delegation | undefined {
    for (const delegation of this.delegations.values()) {
      if (member >= delegation.from && member <= delegation.to) return delegation;
    }
    return undefined;
  }

  /** Lowest number above those the owner gave that is in no delegate's range. */
  nextMember(): MemberId {
    let next = 1;
    for (const id of this.grants.keys()) next = Math.max(next, id + 1);
    for (let over = this.delegationOver(next as MemberId); over !== undefined; ) {
      next = over.to + 1;
      over = this.delegationOver(next as MemberId);
    }
    return next as MemberId;
  }

  #fold(entry: ControlEntry): void {
    switch (entry.type) {
      case 'genesis':
        return this.#genesis(entry);
      case 'config':
        this.#name = cleanName(entry.name);
        return;
      case 'invite':
        return this.#invite(entry);
      case 'grant':
        return this.#grant(entry);
      case 'role':
      case 'revoke':
        return this.#narrow(entry);
      case 'revoke-invite':
        return this.#closeInvite(entry);
      case 'delegate':
        return this.#delegate(entry);
      case 'policy':
        this.#policy = entry.policy;
        return;
      case 'checkpoint':
        return this.addCheckpoint(entry);
      case 'rotate':
        return this.#rotate(entry);
      default:
        entry satisfies never;
    }
  }

  #genesis(entry: EntryOf<'genesis'>): void {
    const ownerKey = this.key(entry, entry.ownerKey);
    const deviceKey = this.key(entry, entry.device.key);
    this.#ownerKey = ownerKey;
    this.#recoveryHash = entry.recoveryHash;
    this.#founding = {
      ownerKey,
      nonce: parseHex(entry.nonce) ?? NOTHING,
      recoveryHash: parseHex(entry.recoveryHash) ?? NOTHING,
    };
    this.#name = cleanName(entry.name);
    this.addMember(entry, { id: 1 as MemberId, name: entry.device.name, deviceKey }, 'owner');
  }

  #invite(entry: EntryOf<'invite'>): void {
    if (entry.admitter !== OWNER_LOG && this.delegations.get(entry.admitter as MemberId)?.end !== undefined) {
      throw meaningless(entry, `member ${entry.admitter} is no delegate any more`);
    }
    if (entry.admitter !== OWNER_LOG && !this.delegations.has(entry.admitter as MemberId)) {
      throw meaningless(entry, `its admitter ${entry.admitter} is no delegate`);
    }
    this.addInvite(entry);
  }

  #grant(entry: EntryOf<'grant'>): void {
    const over = this.delegationOver(entry.member);
    if (over !== undefined) throw meaningless(entry, `its number is in the range of delegate ${over.member}`);
    const invite = entry.invite === undefined ? undefined : this.invites.get(entry.invite);
    if (entry.invite !== undefined && invite === undefined) {
      throw meaningless(entry, `there is no invite ${entry.invite}`);
    }
    if (invite?.revokedAt !== undefined) throw meaningless(entry, `invite ${invite.publicKey} was closed`);
    if (invite !== undefined && invite.admitter !== OWNER_LOG) {
      throw meaningless(entry, `under its invite member ${invite.admitter} admits`);
    }
    this.addGrant(entry, invite);
  }

  /** Changes or takes a role: of the owner's own members, or of anybody a delegate may have admitted. */
  #narrow(entry: EntryOf<'role'> | EntryOf<'revoke'>): void {
    const { member } = entry;
    const removed = this.steps.get(member)?.at(-1)?.role === null;
    const known = this.grants.has(member) || this.delegationOver(member) !== undefined;
    if (!known || removed) throw meaningless(entry, `there is no member ${member}`);
    const delegation = this.delegations.get(member);
    const ended = entry.logs?.[0];
    if (ended !== undefined && (ended[0] !== member || delegation === undefined || delegation.end !== undefined)) {
      throw meaningless(entry, `it ends the log of ${ended[0]}, who keeps none by it`);
    }
    this.addStep(entry);
    if (delegation === undefined || delegation.end !== undefined) return;
    // Who is removed admits nobody either; a log that is not named is cut at its beginning, as a chain would be.
    if (ended !== undefined || entry.type === 'revoke') {
      this.delegations.set(member, { ...delegation, end: { seq: entry.seq, cut: ended?.[1] ?? 0 } });
    }
  }

  #closeInvite(entry: EntryOf<'revoke-invite'>): void {
    if (this.invites.has(entry.key)) return this.closeInvite(entry);
    // A delegate's invite is not known to this log: closing it is a word to delegates, who heed it from here on.
    if (this.delegations.size === 0) throw meaningless(entry, `there is no invite ${entry.key}`);
    if (!this.closedInvites.has(entry.key)) this.closedInvites.set(entry.key, entry.seq);
  }

  #delegate(entry: EntryOf<'delegate'>): void {
    const { member, from, to, role } = entry;
    if (!this.grants.has(member) || this.roleNow(member) === null) {
      throw meaningless(entry, `member ${member} is none whom the owner admitted`);
    }
    if (this.delegations.has(member)) throw meaningless(entry, `member ${member} keeps, or kept, a log already`);
    if (this.delegations.size >= MAX_DELEGATES) throw meaningless(entry, `${MAX_DELEGATES} delegates are the limit`);
    if (role === 'owner') throw meaningless(entry, 'an owner is made by the owner alone');
    if (to < from || to > MAX_MEMBER_ID) throw meaningless(entry, `its range ${from} to ${to} is empty`);
    for (const other of this.delegations.values()) {
      if (from <= other.to && other.from <= to) {
        throw meaningless(entry, `its range ${from} to ${to} overlaps that of delegate ${other.member}`);
      }
    }
    for (const id of this.grants.keys()) {
      if (id >= from && id <= to) throw meaningless(entry, `its range ${from} to ${to} holds member ${id}`);
    }
    this.key(entry, entry.key);
    this.delegations.set(member, { member, key: entry.key, from, to, role, since: entry.seq, end: undefined });
  }

  #rotate(entry: EntryOf<'rotate'>): void {
    if (!this.isRecoveryKey(entry.recoveryKey)) throw meaningless(entry, 'its recovery key is not the one promised');
    const ownerKey = this.key(entry, entry.ownerKey);
    this.#ownerKey = ownerKey;
    this.#recoveryHash = entry.nextRecoveryHash;
  }

  /** Whether this is the key, in hex, that may sign the next rotation. */
  isRecoveryKey(key: string): boolean {
    const bytes = parseHex(key);
    return bytes !== undefined && toHex(this.#crypto.sha256(bytes)) === this.#recoveryHash;
  }
}
