/**
 * One control log folded: whom it admitted, which roles it gave and took, which invites it opened. What owner and
 * delegates have in common; their own rules are in `control-owner-fold.ts` and `control-delegate-fold.ts`.
 *
 * Facts carry the place at which they were stated, so that "as the signer had seen it" can be asked of a log that has
 * grown since.
 */

import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import type { ControlEntry, Frontier } from './control-entry.ts';
import { OWNER_LOG } from './control-position.ts';
import { isSafePublicKey } from './ed25519-key.ts';
import { type ControlPosition, chainKey } from './envelope.ts';

/** Where an entry stands: its log, its seq there, and how far its signer had seen the owner's log. */
export interface Place {
  readonly log: number;
  readonly seq: number;
  /** Of the owner's log: its own seq for an entry in it. */
  readonly owner: number;
}

/** One change of a member's role. */
export interface RoleStep {
  readonly place: Place;
  /** null: removed, for good. */
  readonly role: Role | null;
  /** Heads the signer had accepted, by chain; absent for a grant. */
  readonly cuts: ReadonlyMap<string, number> | undefined;
}

export interface Grant {
  readonly id: MemberId;
  readonly name: string;
  readonly deviceKey: Uint8Array;
  readonly place: Place;
}

export interface InviteFact {
  readonly publicKey: string;
  readonly role: Role;
  readonly uses: number;
  readonly expiresAt: number;
  readonly approval: boolean;
  /** Log whose signer admits under it: 0 the owner. */
  readonly admitter: number;
  /** Addresses and ranges it is good from; empty: from anywhere. Judged by the admitter alone. */
  readonly addresses: readonly string[];
  readonly place: Place;
  /** Seq in its own log at which it was closed. */
  readonly revokedAt: number | undefined;
}

/** Content that stands for all envelopes up to its heads. */
export interface CheckpointFact {
  /** Lower-case hex. */
  readonly blob: string;
  /** By chain. */
  readonly heads: ReadonlyMap<string, number>;
  /** The control logs by which its content was judged. */
  readonly position: ControlPosition;
  readonly place: Place;
}

export type EntryOf<T extends ControlEntry['type']> = Extract<ControlEntry, { type: T }>;
/** Says whether 32 bytes are a safe Ed25519 key. */
export type KeyCheck = (key: Uint8Array) => boolean;

/** Checks each key once: it costs 3 ms, and a fold may run again. */
export class RememberedKeys {
  readonly #safe = new Set<string>();
  #trusting = false;
  readonly check: KeyCheck = (key) => {
    const name = toHex(key);
    if (this.#safe.has(name)) return true;
    if (!this.#trusting && !isSafePublicKey(key)) return false;
    this.#safe.add(name);
    return true;
  };

  /** @param trusted keys that `work` meets were checked before they were stored */
  trusting<T>(trusted: boolean, work: () => T): T {
    this.#trusting = trusted;
    try {
      return work();
    } finally {
      this.#trusting = false;
    }
  }
}

export class LogFold {
  readonly log: number;
  readonly grants = new Map<MemberId, Grant>();
  /** By member, in the order of the log. Members of another log may appear: the owner rules over everybody's. */
  readonly steps = new Map<MemberId, readonly RoleStep[]>();
  readonly invites = new Map<string, InviteFact>();
  /** Grants under each invite. */
  readonly used = new Map<string, number>();
  readonly checkpoints: CheckpointFact[] = [];
  readonly #byKey = new Map<string, readonly MemberId[]>();
  readonly #checkKey: KeyCheck;
  #seq = 0;

  constructor(log: number, checkKey: KeyCheck) {
    this.log = log;
    this.#checkKey = checkKey;
  }

  get seq(): number {
    return this.#seq;
  }
  protected advance(entry: ControlEntry): void {
    this.#seq = entry.seq;
  }

  placeOf(entry: ControlEntry): Place {
    return { log: this.log, seq: entry.seq, owner: this.log === OWNER_LOG ? entry.seq : (entry.owner ?? 0) };
  }

  /** By this log alone; null for nobody, and for a removed one. */
  roleNow(member: MemberId): Role | null {
    return this.steps.get(member)?.at(-1)?.role ?? null;
  }

  /** Members of this log with this device key, in hex, in order of admission; removed or not. */
  membersByKey(key: string): readonly MemberId[] {
    return this.#byKey.get(key) ?? [];
  }

  protected addInvite(entry: EntryOf<'invite'>): void {
    if (this.invites.has(entry.key)) throw meaningless(entry, `invite ${entry.key} exists`);
    this.key(entry, entry.key);
    const { key, role, uses, expiresAt, approval, admitter, addresses = [] } = entry;
    const place = this.placeOf(entry);
    const fact = { publicKey: key, role, uses, expiresAt, approval, admitter, addresses, place, revokedAt: undefined };
    this.invites.set(key, fact);
  }

  /** @param invite the one it is made under, already found open to this log */
  protected addGrant(entry: EntryOf<'grant'>, invite: InviteFact | undefined): void {
    if (this.grants.has(entry.member)) throw meaningless(entry, `member ${entry.member} exists`);
    const deviceKey = this.key(entry, entry.key);
    const known = this.membersByKey(entry.key).find((member) => this.roleNow(member) !== null);
    if (known !== undefined) throw meaningless(entry, `its key is member ${known}'s`);
    if (invite !== undefined) {
      const used = this.used.get(invite.publicKey) ?? 0;
      if (used >= invite.uses) throw meaningless(entry, `invite ${invite.publicKey} is used up`);
      if (isAbove(entry.role, invite.role)) throw meaningless(entry, `its invite gives "${invite.role}"`);
      this.used.set(invite.publicKey, used + 1);
    }
    this.addMember(entry, { id: entry.member, name: entry.name, deviceKey }, entry.role);
  }

  protected addMember(entry: ControlEntry, member: Omit<Grant, 'place'>, role: Role): void {
    const place = this.placeOf(entry);
    this.grants.set(member.id, { ...member, name: cleanName(member.name), place });
    this.steps.set(member.id, [{ place, role, cuts: undefined }]);
    const key = toHex(member.deviceKey);
    this.#byKey.set(key, [...this.membersByKey(key), member.id]);
  }

  protected addStep(entry: EntryOf<'role'> | EntryOf<'revoke'>): void {
    const role = entry.type === 'role' ? entry.role : null;
    const step = { place: this.placeOf(entry), role, cuts: readFrontier(entry.frontier) };
    this.steps.set(entry.member, [...(this.steps.get(entry.member) ?? []), step]);
  }

  protected closeInvite(entry: EntryOf<'revoke-invite'>): void {
    const invite = this.invites.get(entry.key);
    if (invite === undefined) throw meaningless(entry, `there is no invite ${entry.key}`);
    if (invite.revokedAt === undefined) this.invites.set(entry.key, { ...invite, revokedAt: entry.seq });
  }

  protected addCheckpoint(entry: EntryOf<'checkpoint'>): void {
    const place = this.placeOf(entry);
    const delegates = new Map<number, number>(entry.delegates);
    // A delegate has seen all of its own log, whatever it says.
    if (this.log !== OWNER_LOG) delegates.set(this.log, entry.seq - 1);
    const pairs = [...delegates].filter(([, seq]) => seq > 0).sort(([a], [b]) => a - b);
    const position = [this.log === OWNER_LOG ? entry.seq - 1 : place.owner, ...pairs.flat()];
    this.checkpoints.push({ blob: entry.blob, heads: readFrontier(entry.heads), position, place });
  }

  protected key(entry: ControlEntry, hex: string): Uint8Array {
    const key = parseHex(hex);
    if (key === undefined || !this.#checkKey(key)) throw meaningless(entry, `${hex} is no safe Ed25519 key`);
    return key;
  }
}

export function isAbove(role: Role, other: Role): boolean {
  return ROLES.indexOf(role) > ROLES.indexOf(other);
}

export function meaningless(entry: ControlEntry, why: string): SandboxError {
  return new SandboxError('BAD_CONTROL_ENTRY', `Cannot fold control entry ${entry.seq} ("${entry.type}"): ${why}`);
}

/** A refusal before the entry was looked at more closely. */
export function unacceptable(entry: ControlEntry, why: string): SandboxError {
  return new SandboxError('BAD_CONTROL_ENTRY', `Cannot accept control entry ${entry.seq} ("${entry.type}"): ${why}`);
}

function readFrontier(frontier: Frontier): ReadonlyMap<string, number> {
  return new Map(frontier.map(([member, incarnation, seq]) => [chainKey(member, incarnation), seq]));
}
