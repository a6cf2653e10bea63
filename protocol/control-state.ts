/**
 * All control logs read together: members with the history of their roles, invites, delegations, and the narrowings
 * that decide which envelopes count. A snapshot that never changes, and a pure function of the entries: the same
 * entries give the same state, in whatever order they came.
 *
 * What an envelope's author might do is asked of everything its position names, also of what a delegate did that does
 * not count any more: such an envelope is accepted, so that what stands on it stands, and applied without effect.
 */

import { toHex } from '#shared/bytes.ts';
import { classifyDocument } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';
import { type Role, roleHolds } from '#shared/rights.ts';
import type { DelegateFold } from './control-delegate-fold.ts';
import type { CheckpointFact, Grant, InviteFact, Place, RoleStep } from './control-fold.ts';
import type { Delegation, OwnerFold, Policy } from './control-owner-fold.ts';
import { OWNER_LOG, seqIn } from './control-position.ts';
import type { ControlFork } from './control-tree.ts';
import { type ControlPosition, chainKey } from './envelope.ts';
import { compareSteps, lastRole, narrows, roleOf } from './role-steps.ts';
import type { SandboxFounding } from './sandbox-id.ts';

export interface MemberState extends Grant {
  /** The role it has, or had last. */
  readonly role: Role;
  /** Where it was removed; for whom a delegate admitted beyond its end, where the owner ended it. */
  readonly removed: Place | undefined;
}

export interface InviteState extends InviteFact {
  readonly used: number;
  readonly revoked: boolean;
}

/** What decides about one envelope. */
export interface JudgedEnvelope {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly seq: number;
  readonly control: ControlPosition;
  readonly document: string;
}

export interface ControlStateParts {
  readonly owner: OwnerFold;
  readonly delegates: readonly DelegateFold[];
  readonly forks: readonly ControlFork[];
  /** Slots of the owner's log in which another entry stands beside the one that counts. */
  readonly contested: readonly number[];
  /** Device keys, in hex, that entries without effect admit, by the number they give. */
  readonly elsewhere: ReadonlyMap<number, readonly string[]>;
  /** Highest seq of every delegate's log, with or without effect. */
  readonly heights: ReadonlyMap<number, number>;
  /** Highest seq of the owner's log off the path that counts; 0 where nothing is. */
  readonly astray: number;
}

export class ControlState {
  readonly name: string;
  /** Signs the owner's log now. */
  readonly ownerKey: Uint8Array;
  /** SHA-256, hex, of the key that may replace it. */
  readonly recoveryHash: string;
  /** What the sandbox id is the hash of; a link carries it. */
  readonly founding: SandboxFounding;
  /** The heads of all logs, as far as they have effect. */
  readonly position: ControlPosition;
  readonly members: ReadonlyMap<MemberId, MemberState>;
  readonly invites: ReadonlyMap<string, InviteState>;
  readonly delegations: ReadonlyMap<MemberId, Delegation>;
  readonly forks: readonly ControlFork[];
  readonly policy: Policy | undefined;
  /** Those that count, the owner's first, each log's in its order. */
  readonly checkpoints: readonly CheckpointFact[];
  readonly #contested: readonly number[];
  readonly #elsewhere: ReadonlyMap<number, readonly string[]>;
  readonly #heights: ReadonlyMap<number, number>;
  readonly #astray: number;
  /** Members whose number a branch that does not count gave to the same device. */
  readonly #readmitted: ReadonlySet<MemberId>;
  readonly #steps = new Map<MemberId, readonly RoleStep[]>();
  readonly #byKey = new Map<string, MemberState>();
  readonly #next = new Map<number, MemberId | undefined>();

  constructor({ owner, delegates, forks, contested, elsewhere, heights, astray }: ControlStateParts) {
    this.name = owner.name;
    this.ownerKey = owner.ownerKey;
    this.recoveryHash = owner.recoveryHash;
    this.founding = owner.founding;
    this.policy = owner.policy;
    this.delegations = new Map(owner.delegations);
    this.forks = forks;
    this.#contested = contested;
    this.#elsewhere = elsewhere;
    this.#heights = heights;
    this.#astray = astray;
    const live = delegates.filter((fold) => fold.seq > 0).sort((a, b) => a.log - b.log);
    this.position = [owner.seq, ...live.flatMap((fold) => [fold.log, fold.seq])];
    const folds = [owner, ...live];
    this.checkpoints = folds.flatMap((fold) => fold.checkpoints).filter(({ place }) => this.#takesEffect(place));
    this.members = this.#readMembers(folds);
    this.#readmitted = new Set(
      [...this.members.values()]
        .filter(({ id, deviceKey }) => elsewhere.get(id)?.includes(toHex(deviceKey)))
        .map(({ id }) => id),
    );
    this.invites = this.#readInvites(owner, live);
    this.#next.set(OWNER_LOG, owner.nextMember());
    for (const delegation of owner.delegations.values()) {
      const fold = delegates.find(({ log }) => log === delegation.member);
      this.#next.set(delegation.member, fold === undefined ? delegation.from : fold.nextMember(delegation));
    }
  }

  /** Head of the owner's log. */
  get seq(): number {
    return this.position[0] as number;
  }

  /** The member's role under the logs as far as `position` reaches; null when not yet or no longer a member. */
  roleAt(member: MemberId, position: ControlPosition): Role | null {
    return roleOf(this.#steps.get(member), (place) => place.seq <= seqIn(position, place.log));
  }

  /**
   * Whether its author might write an envelope under what its position names, or under what the branches of a fork have
   * in common that was settled since: who had seen another branch did not know of the one that counts. Without that
   * what it wrote meanwhile would be lost, and all that others wrote upon it; by its position it has no effect.
   *
   * Whoever builds on that signs a position at least as high: up to where the other branches reach it does not tell how far
   * of this one its author knew, and what it might write at any place on the way is accepted. So what was accepted stays
   * so, whatever the owner's log says in those places yet.
   *
   * What a branch that was not chosen let the same device write stands as that of a device does which nobody admits now.
   */
  mightWrite({ member, control, document }: Omit<JudgedEnvelope, 'incarnation' | 'seq'>): boolean {
    if (this.#readmitted.has(member) && this.disownedKeys(member, control).length > 0) return true;
    const [reached = 0, ...delegates] = control;
    const steps = this.#steps.get(member) ?? [];
    const allowed = (seq: number): boolean => {
      const seen = (place: Place): boolean => place.seq <= seqIn([seq, ...delegates], place.log);
      // What a delegate took beyond its end is given back to whoever has heard of that.
      const given = (place: Place): boolean => seen(place) && !this.#isEndedAt(place, seq);
      return [roleOf(steps, seen), roleOf(steps, given)].some(
        (role) => role !== null && mayWrite(role, member, document),
      );
    };
    const slots = this.#contested.filter((seq) => seq <= reached);
    const [first] = slots;
    const places = [reached, ...slots.map((seq) => seq - 1)];
    if (first !== undefined && reached <= this.#astray) {
      for (const { place } of steps) {
        if (place.log === OWNER_LOG && place.seq >= first && place.seq < reached) places.push(place.seq);
      }
    }
    return places.some(allowed);
  }

  roleNow(member: MemberId): Role | null {
    const state = this.members.get(member);
    return state === undefined || state.removed !== undefined ? null : state.role;
  }

  /** What the owner said of a member last, the upper bound for a delegate that admitted it; null for a removal. */
  ownersWord(member: MemberId): Role | null | undefined {
    return this.#steps.get(member)?.findLast(({ place }) => place.log === OWNER_LOG)?.role;
  }

  /** The active member with this key; else the one removed of the highest number. */
  memberByKey(deviceKey: Uint8Array): MemberState | undefined {
    return this.#byKey.get(toHex(deviceKey));
  }

  /** Whether a branch that does not count is longer: positions may name places which the owner's log is yet to reach. */
  get isOutreached(): boolean {
    return this.#astray > this.seq;
  }

  /** Whether `position` reaches above a fork: what stands there waits until it is settled, or is judged below it. */
  isStopped(position: ControlPosition): boolean {
    return this.forks.some(({ log, seq }) => seqIn(position, log) > seq);
  }

  /**
   * Whether `position` reaches above a fork, settled or not: what is not permitted there may be so on another branch than
   * the one that counts, and whoever says it may have heard of no other.
   */
  isDisputed(position: ControlPosition): boolean {
    return this.isStopped(position) || this.#contested.some((seq) => seq <= (position[0] as number));
  }

  /**
   * Device keys, in hex, that may have signed what stands there as this member: only a branch that was not chosen admits
   * them. Honest members may have built on it. None while the fork is not settled.
   */
  disownedKeys(member: MemberId, position: ControlPosition): readonly string[] {
    if (this.isStopped(position) || !this.isDisputed(position)) return [];
    return this.#elsewhere.get(member) ?? [];
  }

  /**
   * A log of which `position` names more than is here, and how much; undefined when it can be judged.
   *
   * A position above a fork can: no entry up there has effect, whoever has seen both branches says the same. Nor has one
   * on a branch which was not chosen, or a delegate's that stands on such a branch: the owner's log may never reach so far.
   */
  lacks(position: ControlPosition): { readonly log: number; readonly seq: number } | undefined {
    for (let i = -1; i < position.length; i += 2) {
      const log = i < 0 ? OWNER_LOG : (position[i] as number);
      const seq = position[i + 1] as number;
      if (seq <= seqIn(this.position, log) || this.forks.some((fork) => fork.log === log)) continue;
      const height = log === OWNER_LOG ? this.#astray : (this.#heights.get(log) ?? 0);
      if (this.isDisputed(position) && seq <= height) continue;
      return { log, seq };
    }
    return undefined;
  }

  /** A delegate's log that `position` names and the owner had made none of, as far as `position` knows the owner's. */
  namesNoLog(position: ControlPosition): number | undefined {
    for (let i = 1; i < position.length; i += 2) {
      const log = position[i] as number;
      const since = this.delegations.get(log as MemberId)?.since ?? Number.POSITIVE_INFINITY;
      if (since > (position[0] as number) && !this.isDisputed(position)) return log;
    }
    return undefined;
  }

  /** Whether an accepted envelope has its effect; one that does not is applied neutralised. */
  counts(envelope: JudgedEnvelope): boolean {
    const { member, control, document } = envelope;
    const all = this.#steps.get(member) ?? [];
    // Most members were admitted once and that is all.
    const plain = all.length === 1 && !this.#readmitted.has(member);
    if (plain && this.#takesEffect((all[0] as RoleStep).place)) return true;
    const chain = chainKey(member, envelope.incarnation);
    const final = this.#finalAt(chain, envelope.seq);
    const steps = all.filter(({ place }) => this.#takesEffect(place, final) && reachesPlace(final, place));
    const covers = ({ cuts }: RoleStep) => cuts !== undefined && envelope.seq <= (cuts.get(chain) ?? 0);
    // Whoever narrowed its author's rights had this one already: a position that seems to know of that names a place of
    // another branch.
    const told = steps.filter((step, i) => !(covers(step) && narrows(step.role, steps[i - 1]?.role ?? null)));
    const role = roleOf(told, (place) => place.seq <= seqIn(control, place.log));
    if (role === null || !mayWrite(role, member, document)) return false;
    return steps.every((step, i) => {
      if (step.cuts === undefined || step.place.seq <= seqIn(control, step.place.log)) return true;
      // A wider role takes nothing away; its frontier is ignored.
      if (!narrows(step.role, steps[i - 1]?.role ?? null)) return true;
      if (covers(step)) return true;
      return step.role !== null && mayWrite(step.role, member, document);
    });
  }

  /** Members of whose envelopes some may count otherwise than under `before`. */
  rejudgedSince(before: ControlState): Set<MemberId> {
    const changed = new Set<MemberId>();
    for (const member of this.#steps.keys()) {
      if (this.#verdictsOn(member) !== before.#verdictsOn(member)) changed.add(member);
    }
    return changed;
  }

  /** Members of whom something was taken at some time, if only by a fork: some of their envelopes may not count. */
  narrowed(): Set<MemberId> {
    return new Set([...this.#steps.keys()].filter((member) => this.#verdictsOn(member) !== ''));
  }

  /** The number for the next grant in a log; undefined when its range is used up, or it is no log. */
  nextMember(log = OWNER_LOG): MemberId | undefined {
    return this.#next.get(log);
  }

  /** Everything about a member that takes rights away, as text. */
  #verdictsOn(member: MemberId): string {
    const told = (this.#steps.get(member) ?? []).map(({ place, cuts }) =>
      cuts === undefined && this.#takesEffect(place) ? '' : `${place.log}:${place.seq}:${this.#takesEffect(place)}`,
    );
    if (this.#readmitted.has(member)) told.push('again');
    const narrowings = told.filter((text) => text !== '').join();
    // Which of its envelopes are out of reach of later narrowings depends on the checkpoints.
    return narrowings === '' ? '' : `${narrowings}/${this.checkpoints.length}`;
  }

  /** Whether the owner has not ended the log below this entry. @param until looks at the owner's log only so far */
  #takesEffect(place: Place, until?: ControlPosition): boolean {
    const end = this.delegations.get(place.log as MemberId)?.end;
    if (place.log === OWNER_LOG || end === undefined || place.seq <= end.cut) return true;
    return until !== undefined && end.seq > seqIn(until, OWNER_LOG);
  }

  /** Whether the owner has ended the log below this entry by an entry of its own up to `seq`. */
  #isEndedAt(place: Place, seq: number): boolean {
    const end = this.delegations.get(place.log as MemberId)?.end;
    return end !== undefined && end.seq <= seq && !this.#takesEffect(place);
  }

  /**
   * Included is final: the control logs as they stood when the owner first put the envelope into a checkpoint decide
   * about it for ever, since from then on members may hold its effect without its bytes.
   */
  #finalAt(chain: string, seq: number): ControlPosition | undefined {
    const including = ({ heads, place }: CheckpointFact) => place.log === OWNER_LOG && seq <= (heads.get(chain) ?? 0);
    return this.checkpoints.find(including)?.position;
  }

  #readMembers(folds: readonly (OwnerFold | DelegateFold)[]): Map<MemberId, MemberState> {
    const members = new Map<MemberId, MemberState>();
    const grants = folds.flatMap((fold) => [...fold.grants.values()]).sort((a, b) => a.id - b.id);
    for (const grant of grants) {
      // Nobody but its own log and the owner has a say about a member.
      const said = folds.flatMap((fold) =>
        fold.log === OWNER_LOG || fold.log === grant.place.log ? [...(fold.steps.get(grant.id) ?? [])] : [],
      );
      const steps = grant.place.log === OWNER_LOG ? said : said.sort(compareSteps);
      this.#steps.set(grant.id, steps);
      const effective = steps.filter((step) => this.#takesEffect(step.place));
      const state = {
        ...grant,
        role: lastRole(effective) ?? lastRole(steps) ?? 'viewer',
        removed: this.#removalOf(grant, effective),
      };
      members.set(grant.id, state);
      this.#noteKey(state);
    }
    return members;
  }

  #removalOf(grant: Grant, effective: readonly RoleStep[]): Place | undefined {
    const removal = effective.find((step) => step.role === null)?.place;
    if (removal !== undefined || this.#takesEffect(grant.place)) return removal;
    const end = this.delegations.get(grant.place.log as MemberId)?.end?.seq ?? 0;
    return { log: OWNER_LOG, seq: end, owner: end };
  }

  #noteKey(state: MemberState): void {
    const key = toHex(state.deviceKey);
    const known = this.#byKey.get(key);
    // Numbers come in ascending order.
    if (known === undefined || known.removed !== undefined || state.removed === undefined) this.#byKey.set(key, state);
  }

  #readInvites(owner: OwnerFold, delegates: readonly DelegateFold[]): Map<string, InviteState> {
    const invites = new Map<string, InviteState>();
    for (const fold of [owner, ...delegates]) {
      for (const invite of fold.invites.values()) {
        if (invites.has(invite.publicKey)) continue;
        const keeper = invite.admitter === fold.log ? fold : delegates.find(({ log }) => log === invite.admitter);
        const revoked =
          invite.revokedAt !== undefined ||
          owner.closedInvites.has(invite.publicKey) ||
          !this.#takesEffect(invite.place) ||
          owner.delegations.get(invite.admitter as MemberId)?.end !== undefined;
        invites.set(invite.publicKey, { ...invite, used: keeper?.used.get(invite.publicKey) ?? 0, revoked });
      }
    }
    return invites;
  }
}

/** Whether an entry was known at a position; every entry is when there is none. */
function reachesPlace(position: ControlPosition | undefined, place: Place): boolean {
  return position === undefined || place.seq <= seqIn(position, place.log);
}

/** Whether a member with this role may write this document at all. */
export function mayWrite(role: Role, member: MemberId, document: string): boolean {
  const cls = classifyDocument(document);
  if (cls === undefined || (cls.owner !== undefined && cls.owner !== member)) return false;
  return roleHolds(role, cls.right);
}

/** Invite keys in commands and entries are lower-case hex. */
export function inviteName(publicKey: Uint8Array): string {
  return toHex(publicKey);
}
