/**
 * What waits for this person's decision: joiners at the door and rights to be consented to. One list per sandbox;
 * the prompt in `run`, `approve`, `deny` and `watch` all answer from it.
 */

import { randomBytes } from 'node:crypto';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import { type Right, ROLES, type Role } from '#shared/rights.ts';

/** A joiner keeps waiting longer than a person takes for a coffee; after that it asks anew. */
const REQUEST_LIFETIME_MS = 3600_000;
/** More than this at once is a flood, not a team. */
const MAX_PENDING = 64;
/** Of one member; nobody fills the list for the others. */
const MAX_PER_MEMBER = 8;
/** Of all who are no members yet: they ask once each. */
const MAX_OF_JOINERS = 32;

export interface Decision {
  readonly approved: boolean;
  /** A role below the one asked for, when the person chose so. */
  readonly role: Role | undefined;
}

export type RequestOutcome = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn';
export type RequestDetails = Omit<PendingRequest, 'id' | 'at' | 'expiresAt'>;

interface Entry {
  readonly request: PendingRequest;
  readonly key: string;
  readonly timer: NodeJS.Timeout;
  readonly waiting: Set<(end: Decision | SandboxError) => void>;
  readonly carriedOut: Promise<unknown> | undefined;
  /** Set once closed: a listener may answer while the question is still being put. */
  end: Decision | SandboxError | undefined;
}

export class PendingRequests {
  readonly #entries = new Map<string, Entry>();
  readonly #lifetimeMs: number;
  readonly events = new Emitter<{ request: { request: PendingRequest; outcome: RequestOutcome } }>();

  /** @param options `lifetimeMs`: an hour by default */
  constructor(options: { lifetimeMs?: number } = {}) {
    this.#lifetimeMs = options.lifetimeMs ?? REQUEST_LIFETIME_MS;
  }

  list(): PendingRequest[] {
    this.#expireOverdue();
    return [...this.#entries.values()].map((entry) => entry.request);
  }

  /**
   * Puts a question to the person, or joins the same question already open, and waits for the answer.
   *
   * @param key same key, same question
   * @param options the wait ends with `signal`, the question stays open; with `moot` the question itself is withdrawn;
   * `lifetimeMs` closes a new question earlier; `carriedOut` settles when the asker is done with a yes, or failed
   * @throws {SandboxError} LIMIT_EXCEEDED; CANCELLED when it closed unanswered (no denial: ask again);
   * the reason of `signal` or `moot`
   */
  async ask(
    key: string,
    details: RequestDetails,
    options: { signal?: AbortSignal; moot?: AbortSignal; lifetimeMs?: number; carriedOut?: Promise<unknown> } = {},
  ): Promise<Decision> {
    options.moot?.throwIfAborted();
    const entry = this.#entryFor(key, details, options);
    return new Promise((resolve, reject) => {
      const { signal, moot } = options;
      if (signal?.aborted) return reject(signal.reason);
      const withdraw = (): void => this.#close(entry, 'withdrawn', SandboxError.from(moot?.reason));
      const settle = (end: Decision | SandboxError): void => {
        signal?.removeEventListener('abort', abort);
        moot?.removeEventListener('abort', withdraw);
        if (end instanceof SandboxError) reject(end);
        else resolve(end);
      };
      if (entry.end !== undefined) return settle(entry.end);
      const abort = (): void => {
        entry.waiting.delete(settle);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      moot?.addEventListener('abort', withdraw, { once: true });
      entry.waiting.add(settle);
    });
  }

  /**
   * Opens the question without waiting; the answer shows in `events`.
   *
   * @returns false when too many are open already: raised from an event, it has nobody to throw to
   */
  raise(key: string, details: RequestDetails): boolean {
    if (this.#entryOf(key) === undefined && this.#crowdedBy(details) !== undefined) return false;
    this.#entryFor(key, details);
    return true;
  }

  /**
   * Answers one question.
   *
   * @param which id, unique prefix of an id, or the asker's name
   * @throws {SandboxError} REQUEST_UNKNOWN, naming what is open; BAD_ARGUMENT for a role above the one asked for
   */
  decide(which: string, decision: Decision): PendingRequest {
    const entry = this.#find(which);
    if (decision.approved) assertRoleFits(entry.request, decision.role);
    this.#close(entry, decision.approved ? 'approved' : 'denied', decision);
    return entry.request;
  }

  /**
   * Says yes, and waits until the asker has made it true.
   *
   * @throws {SandboxError} what {@link decide} throws, before anything is said; what carrying it out failed with
   */
  async approve(which: string, role: Role | undefined): Promise<PendingRequest> {
    const { carriedOut } = this.#find(which);
    const request = this.decide(which, { approved: true, role });
    try {
      await carriedOut;
    } catch (thrown) {
      throw notCarriedOut(request, SandboxError.from(thrown));
    }
    return request;
  }

  /** @throws {SandboxError} what {@link decide} would throw at a yes */
  assertApprovable(which: string, role: Role | undefined): PendingRequest {
    const { request } = this.#find(which);
    assertRoleFits(request, role);
    return request;
  }

  /** Whether {@link decide} would find a question, or several. */
  knows(which: string): boolean {
    this.#expireOverdue();
    return this.#matching(which).length > 0;
  }

  /** Closes what a member asked for that it may not have any more: a yes would be kept for the day it may again. */
  withdrawOf(member: MemberId, holds: (right: Right) => boolean): void {
    const lost = new SandboxError('FORBIDDEN', 'The request was withdrawn: your role was changed meanwhile', {
      hint: 'Ask the owner for the role back; "sandmesh members" shows the one you have.',
    });
    for (const entry of [...this.#entries.values()]) {
      const { request } = entry;
      if (request.member !== member || (request.right !== undefined && holds(request.right))) continue;
      this.#close(entry, 'withdrawn', lost);
    }
  }

  stop(): void {
    for (const entry of [...this.#entries.values()]) this.#expire(entry);
    this.events.removeAll();
  }

  #entryOf(key: string): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.key === key) return entry;
    return undefined;
  }

  /** Why one more of this asker has no place; undefined when it has. */
  #crowdedBy({ member }: RequestDetails): string | undefined {
    if (this.#entries.size >= MAX_PENDING) return `${MAX_PENDING} requests`;
    const alike = [...this.#entries.values()].filter(({ request }) => request.member === member).length;
    if (member === undefined) return alike >= MAX_OF_JOINERS ? `${alike} joiners` : undefined;
    return alike >= MAX_PER_MEMBER ? `${alike} requests of yours` : undefined;
  }

  #entryFor(
    key: string,
    details: RequestDetails,
    { lifetimeMs: asked = this.#lifetimeMs, carriedOut }: { lifetimeMs?: number; carriedOut?: Promise<unknown> } = {},
  ): Entry {
    this.#expireOverdue();
    const open = this.#entryOf(key);
    if (open !== undefined) return open;
    const crowd = this.#crowdedBy(details);
    if (crowd !== undefined) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot ask: ${crowd} already wait for an answer`, {
        hint: 'Try again when some are answered.',
      });
    }
    const lifetimeMs = Math.min(asked, this.#lifetimeMs);
    const now = Date.now();
    const id = randomBytes(4).toString('hex');
    const request: PendingRequest = { ...details, id, at: now, expiresAt: now + lifetimeMs };
    const timer = setTimeout(() => {
      const expired = this.#entries.get(id);
      if (expired !== undefined) this.#expire(expired);
    }, lifetimeMs);
    timer.unref();
    const entry: Entry = { request, key, timer, waiting: new Set(), carriedOut, end: undefined };
    this.#entries.set(id, entry);
    this.events.emit('request', { request, outcome: 'pending' });
    return entry;
  }

  /** Timers stand still while the machine sleeps; the link behind a question has run out all the same. */
  #expireOverdue(): void {
    const now = Date.now();
    for (const entry of [...this.#entries.values()]) if (entry.request.expiresAt < now) this.#expire(entry);
  }

  #expire(entry: Entry): void {
    this.#close(entry, 'expired', new SandboxError('CANCELLED', 'The question was closed before anybody answered it'));
  }

  #close(entry: Entry, outcome: RequestOutcome, end: Decision | SandboxError): void {
    clearTimeout(entry.timer);
    this.#entries.delete(entry.request.id);
    entry.end = end;
    for (const settle of entry.waiting) settle(end);
    entry.waiting.clear();
    this.events.emit('request', { request: entry.request, outcome });
  }

  #matching(which: string): Entry[] {
    // Names and ids at once: "ada" is a name and may begin an id, and yes to the wrong one lets a stranger in.
    const fits = ({ request }: Entry): boolean => request.name === which || request.id.startsWith(which);
    return which === '' ? [] : [...this.#entries.values()].filter(fits);
  }

  #find(which: string): Entry {
    this.#expireOverdue();
    const exact = this.#entries.get(which);
    if (exact !== undefined) return exact;
    const matches = this.#matching(which);
    const only = matches[0];
    if (only !== undefined && matches.length === 1) return only;
    const open = [...this.#entries.values()].map((entry) => `${entry.request.id} (${entry.request.name})`).join(', ');
    const what = matches.length > 1 ? `"${which}" fits ${matches.length} requests` : `no request "${which}" is open`;
    throw new SandboxError('REQUEST_UNKNOWN', `Cannot answer: ${what}`, {
      hint: open === '' ? 'Nothing waits for your decision.' : `Open: ${open}.`,
    });
  }
}

/** The asker was told, too, and may ask again. */
function notCarriedOut({ kind, name }: PendingRequest, cause: SandboxError): SandboxError {
  const what = kind === 'join' ? `let "${name}" in` : `do what "${name}" asked for`;
  return new SandboxError(cause.code, `Cannot ${what}, though you said yes: ${cause.message}`, {
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    cause,
  });
}

/** Saying yes may give less than was asked for, never more. */
function assertRoleFits(request: PendingRequest, role: Role | undefined): void {
  if (role === undefined) return;
  if (request.role !== undefined && ROLES.indexOf(role) <= ROLES.indexOf(request.role)) return;
  const asked = request.role === undefined ? 'it asks for no role' : `it asks for "${request.role}"`;
  throw new SandboxError('BAD_ARGUMENT', `Cannot approve "${request.id}" as "${role}": ${asked}`);
}
