/**
 * The way in for envelopes of others: each is judged, then stored and applied, parked until its past is here, or
 * refused. What is written here does not pass: the replica signs and enters it itself.
 */

import { type Envelope, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { type AppendLog, RecordType } from '../../../storage/append-log.ts';
import type { Accepted, WaitFor } from '../chains/acceptance.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { MemberQuota } from '../chains/member-quota.ts';
import { nameOf, type Parked, Parking } from '../chains/parking.ts';
import type { Change } from '../replica-interface.ts';

export interface IntakeParts {
  readonly log: AppendLog;
  readonly ledger: Ledger;
  /** Whose are taken later. */
  readonly quota: MemberQuota;
  /** One is going to be judged. */
  onArrival(envelope: Envelope): void;
  /** One is accepted: whatever must happen around `enter`, which stores and applies it. */
  onEnter(accepted: Accepted, envelope: Envelope, enter: () => void): void;
  /** A live document shows what turned out to be refused. */
  onForged(document: DocumentName): void;
  /** One was stored and applied. */
  onAccepted(accepted: Accepted, change: Change): void;
}

/** What became of envelopes that were received. */
export interface Received {
  /** Which they were, in order. */
  readonly heads: readonly Head[];
  /** Envelopes that some of them wait for: whoever brought those has these too. */
  readonly awaited: readonly Head[];
  /** Some were not here before. */
  readonly fresh: boolean;
  /** For want of room some of them, or some that waited, were forgotten: they are to be asked for again. */
  readonly spilled: boolean;
}

export class Intake {
  readonly #parts: IntakeParts;
  #parking = new Parking();
  #spilled = false;
  #fresh = false;
  #awaited: Head[] = [];

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /**
   * Takes envelopes in order: accepted, known, parked, or without room to be parked.
   *
   * @param from device key that the link has proven
   * @throws {SandboxError} BAD_ENVELOPE when one is refused; those before it are kept
   */
  receive(envelopes: readonly Uint8Array[], from?: Uint8Array): Received {
    const heads: Head[] = [];
    this.#spilled = false;
    this.#fresh = false;
    this.#awaited = [];
    try {
      for (const bytes of envelopes) {
        const envelope = this.#parts.ledger.parse(bytes);
        this.#parts.onArrival(envelope);
        // Somebody is typing: what they typed is shown now, and checked before anything else can happen.
        const { member, incarnation, seq } = envelope.header;
        const room = this.#parts.quota.admits(member);
        const alone = room && from !== undefined && envelopes.length === 1;
        const shown = alone ? this.#parts.ledger.preview(envelope, from) : undefined;
        if (room) this.#take({ envelope, bytes }, shown);
        else this.#spilled = true;
        heads.push({ member, incarnation, seq, hash: envelope.hash.slice(0, SHORT_HASH_BYTES) });
      }
    } finally {
      this.#parts.log.writeSoon();
    }
    return { heads, awaited: this.#awaited, fresh: this.#fresh, spilled: this.#spilled };
  }

  /** @param shown how it was judged when its document showed it, which must forget it when it is refused after all */
  #take(parked: Parked, shown: Accepted | undefined): void {
    try {
      this.#ingest(parked, shown);
    } catch (error) {
      if (shown !== undefined) this.#parts.onForged(parked.envelope.header.document as DocumentName);
      throw error;
    }
  }

  /** What must be fetched so that envelopes can be judged: themselves, or what those that are here wait for in the end. */
  absentFor(heads: readonly Head[]): readonly Head[] {
    return this.#parking.absentFor(heads);
  }

  /** Forgets what is parked: whoever has it announces it again. */
  clear(): void {
    this.#parking = new Parking();
  }

  /** Judges again what waited for this. */
  release(waitFor: WaitFor): void {
    for (const parked of this.#parking.release(waitFor)) {
      try {
        this.#ingest(parked);
      } catch (error) {
        // It waited here and its bringer may be gone: it is dropped, which is all a refusal asks for.
        if (!(error instanceof SandboxError)) throw error;
      }
    }
  }

  /** Judges one envelope and whatever waited for it. @throws {SandboxError} BAD_ENVELOPE when it is refused */
  #ingest(first: Parked, shown?: Accepted): void {
    const queue: Parked[] = [first];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { ledger } = this.#parts;
      const known = next === first ? shown : undefined;
      const judgement = known === undefined ? ledger.judge(next.envelope) : ledger.confirm(next.envelope, known);
      switch (judgement.kind) {
        case 'accept':
          this.#fresh = true;
          this.#accept(next, judgement);
          queue.push(...this.#parking.release(nameOf(next.envelope)));
          break;
        case 'wait':
          this.#park(next, judgement.for, judgement.missing);
          break;
        case 'refuse':
          // One that waited was brought by another peer, who is not to blame for this one.
          if (next === first) throw refused(next.envelope, judgement.why);
          break;
        case 'duplicate':
          break;
        default:
          judgement satisfies never;
      }
    }
  }

  #park({ envelope, bytes }: Parked, waitFor: WaitFor, missing: Head | undefined): void {
    if (missing !== undefined) this.#awaited.push(missing);
    if (this.#parking.has(nameOf(envelope))) return;
    this.#fresh = true;
    // What it was read from is only borrowed.
    if (this.#parking.park(waitFor, { envelope, bytes: new Uint8Array(bytes) }, missing)) this.#spilled = true;
  }

  #accept({ envelope, bytes }: Parked, accepted: Accepted): void {
    let keys: readonly string[] | undefined;
    const enter = (): void => {
      const position = this.#parts.log.append(RecordType.envelope, bytes);
      keys = this.#parts.ledger.enter(envelope, accepted, position, 'received');
    };
    this.#parts.onEnter(accepted, envelope, enter);
    this.#parts.quota.charge(envelope.header.member, bytes.length);
    this.#parts.onAccepted(accepted, describeChange(envelope, accepted, keys, false));
  }
}

/** @param keys register keys whose value changed; undefined for a Y.Doc */
export function describeChange(
  envelope: Envelope,
  accepted: Accepted,
  keys: readonly string[] | undefined,
  local: boolean,
): Change {
  const { document, member, incarnation, seq } = envelope.header;
  const change = {
    document: document as DocumentName,
    author: member,
    envelope: { member, incarnation, seq },
    verdict: accepted.verdict,
    local,
  };
  return keys === undefined ? change : { ...change, keys };
}

function refused(envelope: Envelope, why: string): SandboxError {
  const { member, seq } = envelope.header;
  return new SandboxError('BAD_ENVELOPE', `Cannot accept envelope ${seq} of member ${member}: ${why}`);
}
