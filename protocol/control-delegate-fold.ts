/**
 * A delegate's log folded. An entry is judged by the delegate's entries before it and by the owner's log as far as the
 * entry says to have seen it, never by what the owner did later: that decides only what counts (`control-state.ts`).
 */

import type { MemberId } from '#shared/ids.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import type { ControlEntry } from './control-entry.ts';
import {
  type EntryOf,
  type InviteFact,
  isAbove,
  type KeyCheck,
  LogFold,
  meaningless,
  type RoleStep,
} from './control-fold.ts';
import type { Delegation, OwnerFold } from './control-owner-fold.ts';

export class DelegateFold extends LogFold {
  readonly #owner: OwnerFold;
  #stoodOn = 0;

  /** @param owner the owner's log, which may grow; entries are judged by a part of it */
  constructor(member: MemberId, owner: OwnerFold, checkKey: KeyCheck) {
    super(member, checkKey);
    this.#owner = owner;
  }

  /**
   * Folds the next entry; its signature and place in the chain were checked.
   *
   * @param signer public key that signed it, hex; undefined: it was looked at before it was stored
   * @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing here; nothing is changed then
   */
  apply(entry: ControlEntry, signer: string | undefined): void {
    if (entry.seq !== this.seq + 1) throw meaningless(entry, `it follows seq ${this.seq}`);
    const on = entry.owner;
    if (on === undefined) throw meaningless(entry, "it does not say how far it had seen the owner's log");
    if (on < this.#stoodOn) throw meaningless(entry, "it had seen less of the owner's log than the one before");
    if (on > this.#owner.seq) throw meaningless(entry, `it stands on entry ${on} of the owner, which is not here`);
    const delegation = this.#owner.delegations.get(this.log as MemberId);
    if (delegation === undefined || delegation.since > on) throw meaningless(entry, 'its signer was no delegate yet');
    if (delegation.end !== undefined && delegation.end.seq <= on) {
      throw meaningless(entry, 'its signer knew that it was no delegate any more');
    }
    if (signer !== undefined && signer !== delegation.key) throw meaningless(entry, 'another key signs this log');
    this.#fold(entry, on, delegation);
    this.#stoodOn = on;
    this.advance(entry);
  }

  /** Lowest free number of the range; undefined when it is used up. */
  nextMember(delegation: Delegation): MemberId | undefined {
    let next: number = delegation.from;
    for (const id of this.grants.keys()) next = Math.max(next, id + 1);
    return next <= delegation.to ? (next as MemberId) : undefined;
  }

  /** The invite, this log's own or one of the owner's that names this delegate, as seen from `on`. */
  openInvite(key: string, on: number): InviteFact | undefined {
    const own = this.invites.get(key);
    const closed = this.#owner.closedInvites.get(key);
    if (own !== undefined) return closed !== undefined && closed <= on ? undefined : openAt(own, this.seq);
    const given = this.#owner.invites.get(key);
    if (given === undefined || given.admitter !== this.log || given.place.seq > on) return undefined;
    return openAt(given, on);
  }

  #fold(entry: ControlEntry, on: number, delegation: Delegation): void {
    switch (entry.type) {
      case 'invite':
        if (entry.admitter !== this.log) throw meaningless(entry, 'a delegate admits under its own invites alone');
        if (isAbove(entry.role, delegation.role)) throw meaningless(entry, aboveCap(entry.role, delegation));
        return this.addInvite(entry);
      case 'grant':
        return this.#grant(entry, on, delegation);
      case 'role':
      case 'revoke':
        return this.#narrow(entry, on, delegation);
      case 'revoke-invite':
        return this.closeInvite(entry);
      case 'checkpoint':
        return this.addCheckpoint(entry);
      default:
        throw meaningless(entry, 'only the owner signs such an entry');
    }
  }

  #grant(entry: EntryOf<'grant'>, on: number, delegation: Delegation): void {
    const { member, role } = entry;
    if (member < delegation.from || member > delegation.to) {
      throw meaningless(entry, `its number is outside ${delegation.from} to ${delegation.to}`);
    }
    if (isAbove(role, delegation.role)) throw meaningless(entry, aboveCap(role, delegation));
    const known = this.#owner.membersByKey(entry.key);
    const active = known.find((id) => roleSeenFrom(this.#owner.steps.get(id), on) !== null);
    if (active !== undefined) throw meaningless(entry, `its key is member ${active}'s`);
    const invite = entry.invite === undefined ? undefined : this.openInvite(entry.invite, on);
    if (entry.invite !== undefined && invite === undefined) {
      throw meaningless(entry, `invite ${entry.invite} is not open to it`);
    }
    this.addGrant(entry, invite);
  }

  #narrow(entry: EntryOf<'role'> | EntryOf<'revoke'>, on: number, delegation: Delegation): void {
    const { member } = entry;
    if (entry.logs !== undefined) throw meaningless(entry, 'only the owner ends a log');
    if (!this.grants.has(member) || this.roleNow(member) === null) {
      throw meaningless(entry, `it admitted no member ${member}`);
    }
    const word = roleSeenFrom(this.#owner.steps.get(member), on);
    if (word === null && hasSteps(this.#owner.steps.get(member), on)) {
      throw meaningless(entry, `the owner removed member ${member}`);
    }
    if (entry.type === 'role') {
      if (isAbove(entry.role, delegation.role)) throw meaningless(entry, aboveCap(entry.role, delegation));
      // What the owner said of a member is the upper bound from then on.
      if (word !== null && isAbove(entry.role, word)) throw meaningless(entry, `the owner made it "${word}"`);
    }
    this.addStep(entry);
  }
}

function openAt(invite: InviteFact, seq: number): InviteFact | undefined {
  return invite.revokedAt !== undefined && invite.revokedAt <= seq ? undefined : invite;
}

function hasSteps(steps: readonly RoleStep[] | undefined, on: number): boolean {
  return steps?.some((step) => step.place.seq <= on) ?? false;
}

/** The owner's word about a member as it stood at a seq; null for none, and for a removal. */
function roleSeenFrom(steps: readonly RoleStep[] | undefined, on: number): Role | null {
  return steps?.findLast((step) => step.place.seq <= on)?.role ?? null;
}

function aboveCap(role: Role, delegation: Delegation): string {
  return `"${role}" is above "${delegation.role}", the highest it may give (${ROLES.join(' < ')})`;
}
