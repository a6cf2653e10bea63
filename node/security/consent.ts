/**
 * The host's own word: which member may run code in, or change, which of its programs. The role is the upper bound
 * and is checked elsewhere; this is what the person at this machine said, kept in a file that nobody else writes.
 */

import { z } from 'zod';
import { Emitter } from '#shared/emitter.ts';
import type { MemberId } from '#shared/ids.ts';
import { memberIdSchema } from '#shared/model/schemas.ts';
import { RIGHTS, type Right } from '#shared/rights.ts';

export type ConsentAnswer = 'allow' | 'deny' | 'ask';

/** A program is known by its name across runs, so that a restart does not ask again. */
export interface ConsentSubject {
  readonly member: MemberId;
  readonly program: string;
  readonly right: Right;
}

const consentFileSchema = z.object({
  version: z.literal(1),
  answers: z.array(
    z.object({
      member: memberIdSchema,
      program: z.string(),
      right: z.enum(RIGHTS),
      answer: z.enum(['allow', 'deny']),
    }),
  ),
});

export interface ConsentStorage {
  /** @returns undefined when nothing was stored yet, or nothing that can be read */
  read(): unknown;
  /** What {@link read} gave is no consents; nobody was allowed anything then. */
  reject(): void;
  write(value: unknown): void;
}

/** Remembered answers of one host in one sandbox. A denial holds until {@link forget}. */
export class Consents {
  readonly #storage: ConsentStorage;
  readonly #answers = new Map<string, { subject: ConsentSubject; answer: 'allow' | 'deny' }>();
  /** Fires after an answer changed: probes are armed or disarmed on it. */
  readonly events = new Emitter<{ changed: ConsentSubject }>();

  constructor(storage: ConsentStorage) {
    this.#storage = storage;
    const stored = storage.read();
    if (stored === undefined) return;
    const parsed = consentFileSchema.safeParse(stored);
    // Asking again is the safe reading of a file that makes no sense.
    if (!parsed.success) {
      storage.reject();
      return;
    }
    for (const { answer, ...subject } of parsed.data.answers) this.#answers.set(keyOf(subject), { subject, answer });
  }

  answer(subject: ConsentSubject): ConsentAnswer {
    return this.#answers.get(keyOf(subject))?.answer ?? 'ask';
  }

  /**
   * A denial takes effect even when it cannot be stored; an allowance only once it is.
   *
   * @throws what the storage throws
   */
  record(subject: ConsentSubject, answer: 'allow' | 'deny'): void {
    const key = keyOf(subject);
    const before = this.#answers.get(key);
    this.#answers.set(key, { subject, answer });
    try {
      this.#save();
    } catch (error) {
      if (answer === 'allow') this.#restore(key, before);
      throw error;
    } finally {
      this.events.emit('changed', subject);
    }
  }

  /** Every remembered no. */
  denials(): ConsentSubject[] {
    return [...this.#answers.values()].filter(({ answer }) => answer === 'deny').map(({ subject }) => subject);
  }

  /** Drops every answer about a member: a removed or demoted one starts from nothing. */
  forget(member: MemberId): void {
    const dropped = [...this.#answers.values()].filter(({ subject }) => subject.member === member);
    if (dropped.length === 0) return;
    for (const { subject } of dropped) this.#answers.delete(keyOf(subject));
    try {
      this.#save();
    } finally {
      for (const { subject } of dropped) this.events.emit('changed', subject);
    }
  }

  #restore(key: string, before: { subject: ConsentSubject; answer: 'allow' | 'deny' } | undefined): void {
    if (before === undefined) this.#answers.delete(key);
    else this.#answers.set(key, before);
  }

  #save(): void {
    const answers = [...this.#answers.values()].map(({ subject, answer }) => ({ ...subject, answer }));
    this.#storage.write({ version: 1, answers });
  }
}

function keyOf(subject: ConsentSubject): string {
  return `${subject.member} ${subject.right} ${subject.program}`;
}
