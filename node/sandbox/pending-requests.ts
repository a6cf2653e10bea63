/**
 * What waits for this person's decision: joiners at the door and rights to be consented to. One list per sandbox;
 * the prompt in `run`, `approve`, `deny` and `watch` all answer from it.
 */

import { randomBytes } from 'node:crypto';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import type { Role } from '#shared/rights.ts';

/** A joiner keeps waiting longer than a person takes for a coffee; after that it asks anew. */
const REQUEST_LIFETIME_MS = 3600_000;
/** More than this at once is a flood, not a team. */
const MAX_PENDING = 50;

export interface Decision {
  readonly approved: boolean;
  /** A role below the one asked for, when the person chose so. */
  readonly role: Role | undefined;
}

export type RequestOutcome = 'pending' | 'approved' | 'denied' | 'expired';
export type RequestDetails = Omit<PendingRequest, 'id' | 'at' | 'expiresAt'>;

interface Entry {
  readonly request: PendingRequest;
  readonly key: string;
  readonly timer: NodeJS.Timeout;
  readonly waiting: Set<(decision: Decision) => void>;
}

export class PendingRequests {
  readonly #entries = new Map<string, Entry>();
  readonly events = new Emitter<{ request: { request: PendingRequest; outcome: RequestOutcome } }>();

  list(): PendingRequest[] {
    return [...this.#entries.values()].map((entry) => entry.request);
  }

  /**
   * Puts a question to the person, or joins the same question already open, and waits for the answer.
   *
   * @param key same key, same question
   * @param options the wait ends with `signal`, the question stays open
   * @throws {SandboxError} LIMIT_EXCEEDED; `signal.reason`
   */
  ask(key: string, details: RequestDetails, options: { signal?: AbortSignal } = {}): Promise<Decision> {
    const entry = this.#entryFor(key, details);
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const settle = (decision: Decision): void => {
        signal?.removeEventListener('abort', abort);
        resolve(decision);
      };
      const abort = (): void => {
        entry.waiting.delete(settle);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      entry.waiting.add(settle);
    });
  }

  /** Opens the question without waiting; the answer shows in `events`. */
  raise(key: string, details: RequestDetails): void {
    this.#entryFor(key, details);
  }

  /**
   * Answers one question.
   *
   * @param which id, unique prefix of an id, or the asker's name
   * @throws {SandboxError} REQUEST_UNKNOWN, naming what is open
   */
  decide(which: string, decision: Decision): PendingRequest {
    const entry = this.#find(which);
    this.#close(entry, decision.approved ? 'approved' : 'denied', decision);
    return entry.request;
  }

  stop(): void {
    for (const entry of [...this.#entries.values()]) {
      this.#close(entry, 'expired', { approved: false, role: undefined });
    }
    this.events.removeAll();
  }

  #entryFor(key: string, details: RequestDetails): Entry {
    for (const entry of this.#entries.values()) if (entry.key === key) return entry;
    if (this.#entries.size >= MAX_PENDING) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot ask: ${MAX_PENDING} requests already wait for an answer`);
    }
    const now = Date.now();
    const id = randomBytes(4).toString('hex');
    const request: PendingRequest = { ...details, id, at: now, expiresAt: now + REQUEST_LIFETIME_MS };
    const timer = setTimeout(() => {
      const expired = this.#entries.get(id);
      if (expired !== undefined) this.#close(expired, 'expired', { approved: false, role: undefined });
    }, REQUEST_LIFETIME_MS);
    timer.unref();
    const entry: Entry = { request, key, timer, waiting: new Set() };
    this.#entries.set(id, entry);
    this.events.emit('request', { request, outcome: 'pending' });
    return entry;
  }

  #close(entry: Entry, outcome: RequestOutcome, decision: Decision): void {
    clearTimeout(entry.timer);
    this.#entries.delete(entry.request.id);
    for (const settle of entry.waiting) settle(decision);
    entry.waiting.clear();
    this.events.emit('request', { request: entry.request, outcome });
  }

  #find(which: string): Entry {
    const entries = [...this.#entries.values()];
    const matches = entries.filter((entry) => entry.request.id.startsWith(which));
    const byName = matches.length === 0 ? entries.filter((entry) => entry.request.name === which) : matches;
    const only = byName[0];
    if (only !== undefined && byName.length === 1) return only;
    const open = entries.map((entry) => `${entry.request.id} (${entry.request.name})`).join(', ');
    const what = byName.length > 1 ? `"${which}" fits ${byName.length} requests` : `no request "${which}" is open`;
    throw new SandboxError('REQUEST_UNKNOWN', `Cannot answer: ${what}`, {
      hint: open === '' ? 'Nothing waits for your decision.' : `Open: ${open}.`,
    });
  }
}
