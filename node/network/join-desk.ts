/**
 * Decides about joiners who have proven a link: asks the person when the invite wants that, grants, remembers a no. A
 * request outlives the connection it came over: who lost it comes back to the same question.
 */

import { fingerprintOf } from '#node/security/identity.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import { isListed } from './address-list.ts';
import type { InviteRecord, Replica } from './replication/replica-interface.ts';
import type { Timers } from './timers.ts';

/** Requests of one daemon that wait for a person. */
const MAX_PENDING = 32;
/** After a no, the same device is refused without asking again for this long. */
const DENIAL_MEMORY_MS = 600_000;
const MAX_DENIALS = 256;

export const NEW_LINK = 'Ask whoever sent it for a new link.';

export interface JoinRequest {
  readonly sandbox: SandboxId;
  readonly invite: InviteRecord;
  /** Raw Ed25519 key, proven. */
  readonly deviceKey: Uint8Array;
  readonly fingerprint: string;
  /** As the joiner calls itself; made harmless to show, never empty. */
  readonly name: string;
  /** Resolves once it is a member, rejects with why it is none: a yes alone makes nobody one. */
  readonly admitted: Promise<MemberId>;
}

export type JoinDecision = { readonly approved: true; readonly role: Role } | { readonly approved: false };

/** What a sandbox lends to those who join. */
export interface JoinDoor {
  readonly replica: Replica;
  /**
   * Asks the person; called only for invites that want approval. A role above the invite's is cut down to it.
   *
   * @param signal aborts when the question is moot: the invite was used up or withdrawn, the sandbox closed
   */
  approve(request: JoinRequest, signal: AbortSignal): Promise<JoinDecision>;
}

/** A joiner that holds the link. */
export interface Proven {
  readonly door: JoinDoor;
  readonly sandbox: SandboxId;
  readonly invite: InviteRecord;
  readonly joinerKey: Uint8Array;
  readonly name: string;
  /** Multiaddr it is seen from; undefined when somebody else carries its request. */
  readonly seenFrom: string | undefined;
}

export interface JoinDeskOptions {
  readonly timers: Timers;
  /** Milliseconds since the epoch: an invite's expiry is judged by the admitter's clock, once. */
  readonly wallClock: () => number;
}

interface Pending {
  readonly invite: string;
  readonly sandbox: SandboxId;
  readonly controller: AbortController;
  readonly outcome: Promise<MemberId>;
}

export class JoinDesk {
  readonly #options: JoinDeskOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #denied = new Map<string, number>();
  /** Grants one after the other: the last use of an invite is given once. */
  #granting: Promise<unknown> = Promise.resolve();

  constructor(options: JoinDeskOptions) {
    this.#options = options;
  }

  /** Whether this daemon has the say under an invite. */
  decides({ door, invite }: Pick<Proven, 'door' | 'invite'>): boolean {
    return door.replica.authority?.log === invite.admitter;
  }

  /**
   * Admits a joiner, or finds it admitted.
   *
   * @param onWait a person has to be asked
   * @throws {SandboxError} INVITE_USED, INVITE_EXPIRED, INVITE_REVOKED, JOIN_DENIED, LIMIT_EXCEEDED; TIMEOUT when nobody
   * answered; PEER_UNREACHABLE when the sandbox closes; `signal.reason`, and then the question stays open
   */
  async admit(proven: Proven, signal: AbortSignal, onWait: () => void): Promise<MemberId> {
    const known = proven.door.replica.control.memberByKey(proven.joinerKey);
    // Its first answer was lost on the way, or it joins again from the same home.
    if (known !== undefined && !known.removed) return known.id;
    const name = pendingName(proven.sandbox, proven.joinerKey);
    let pending = this.#pending.get(name);
    if (pending === undefined || pending.invite !== proven.invite.publicKey) {
      this.#assertOpen(proven, name);
      pending?.controller.abort(new SandboxError('CANCELLED', 'The device asked again with another link'));
      pending = this.#ask(name, proven);
    }
    if (proven.invite.approval) onWait();
    return await withSignal(pending.outcome, signal);
  }

  /** Withdraws what waits for a decision about a sandbox that closes. */
  close(sandbox: SandboxId): void {
    for (const pending of this.#pending.values()) {
      if (pending.sandbox === sandbox) {
        pending.controller.abort(
          new SandboxError('PEER_UNREACHABLE', 'Cannot join just now: the other side went away'),
        );
      }
    }
  }

  /** Judged once, here, by our own clock and by where we see the joiner. */
  #assertOpen({ invite, seenFrom }: Proven, name: string): void {
    const closed = whyClosed(invite);
    if (closed !== undefined) throw closed;
    if (invite.expiresAt <= this.#options.wallClock()) {
      const when = new Date(invite.expiresAt).toISOString();
      throw new SandboxError('INVITE_EXPIRED', `Cannot join: the link was good until ${when}`, { hint: NEW_LINK });
    }
    if (invite.addresses.length > 0 && (seenFrom === undefined || !isListed(seenFrom, invite.addresses))) {
      throw new SandboxError('JOIN_DENIED', 'Cannot join: the link is good from certain addresses only', {
        hint: 'Join from one of them, or ask for a link without that limit.',
      });
    }
    const deniedAt = this.#denied.get(name);
    if (deniedAt !== undefined && this.#options.timers.now() - deniedAt < DENIAL_MEMORY_MS) throw denied();
    if (this.#pending.size >= MAX_PENDING) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot join: ${MAX_PENDING} others wait for an answer`);
    }
  }

  #ask(name: string, proven: Proven): Pending {
    const controller = new AbortController();
    // A turn later: whoever is asked is given the outcome itself, to see what its yes came to.
    const decided: Promise<MemberId> = Promise.resolve().then(() => this.#decide(proven, controller, decided));
    const outcome = decided.finally(() => {
      if (this.#pending.get(name)?.controller === controller) this.#pending.delete(name);
    });
    // Nobody may be connected to hear it.
    outcome.catch((error: unknown) => {
      if (error instanceof SandboxError && error.code === 'JOIN_DENIED') this.#remember(name);
    });
    const pending = { invite: proven.invite.publicKey, sandbox: proven.sandbox, controller, outcome };
    this.#pending.set(name, pending);
    return pending;
  }

  async #decide(proven: Proven, controller: AbortController, admitted: Promise<MemberId>): Promise<MemberId> {
    const { invite } = proven;
    let role = invite.role;
    if (invite.approval) {
      const decision = await this.#askPerson(proven, controller, admitted);
      if (!decision.approved) throw denied();
      role = lower(decision.role, invite.role);
    }
    const grant = this.#granting.then(() => this.#grant(proven, role));
    this.#granting = grant.catch(() => undefined);
    return await grant;
  }

  /** While the person thinks the link may be withdrawn, used up by another, or stop being ours to decide about. */
  async #askPerson(proven: Proven, controller: AbortController, admitted: Promise<MemberId>): Promise<JoinDecision> {
    const { door, invite, sandbox, name, joinerKey: deviceKey } = proven;
    const { signal } = controller;
    const off = door.replica.events.on('control', ({ invites }) => {
      const moot = this.decides(proven) ? whyClosed(invites.get(invite.publicKey) ?? invite) : mayNotAdmit();
      if (moot !== undefined) controller.abort(moot);
    });
    const request = { sandbox, invite, deviceKey, fingerprint: fingerprintOf(deviceKey), name, admitted };
    try {
      return await withSignal(door.approve(request, signal), signal).catch(unanswered);
    } finally {
      off();
    }
  }

  async #grant(proven: Proven, role: Role): Promise<MemberId> {
    const { door, invite, name, joinerKey } = proven;
    const { authority, control } = door.replica;
    if (authority === undefined || !this.decides(proven)) throw mayNotAdmit();
    const closed = whyClosed(control.invites.get(invite.publicKey) ?? invite);
    if (closed !== undefined) throw closed;
    const record = await authority.grant({ invite: invite.publicKey, deviceKey: joinerKey, name, role });
    return record.id;
  }

  #remember(name: string): void {
    if (this.#denied.size >= MAX_DENIALS) this.#denied.delete(this.#denied.keys().next().value as string);
    this.#denied.set(name, this.#options.timers.now());
  }
}

/** A question that nobody answered is no denial, and nothing the joiner has done: it may ask again. */
function unanswered(thrown: unknown): never {
  const error = SandboxError.from(thrown);
  if (error.code !== 'CANCELLED') throw error;
  throw new SandboxError('TIMEOUT', 'Cannot join yet: nobody answered the request', {
    hint: 'Tell whoever sent the link that you wait; "sandmesh requests" shows it there.',
    cause: error,
  });
}

/** What nobody joins by any more, whatever is said to whoever waits with it; undefined while it is good. */
export function whyClosed({ revoked, used, uses }: InviteRecord): SandboxError | undefined {
  if (revoked) return new SandboxError('INVITE_REVOKED', 'Cannot join: the link was withdrawn', { hint: NEW_LINK });
  if (used < uses) return undefined;
  return new SandboxError('INVITE_USED', 'Cannot join: the link was already used', { hint: NEW_LINK });
}

function mayNotAdmit(): SandboxError {
  return new SandboxError('FORBIDDEN', 'Cannot join here: this member may not admit anybody', { hint: NEW_LINK });
}

/** Gives up waiting with the signal; the work goes on. */
export function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function pendingName(sandbox: SandboxId, deviceKey: Uint8Array): string {
  return `${sandbox} ${toHex(deviceKey)}`;
}

function lower(a: Role, b: Role): Role {
  return ROLES.indexOf(a) < ROLES.indexOf(b) ? a : b;
}

function denied(): SandboxError {
  return new SandboxError('JOIN_DENIED', 'Cannot join: the request was denied', {
    hint: 'Ask the person who sent it.',
  });
}
