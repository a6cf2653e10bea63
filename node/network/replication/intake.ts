/**
 * The way in for envelopes of others: each is judged, then stored and applied, parked until its past is here, or
 * refused. What is written here does not pass: the replica signs and enters it itself.
 */

import type { Envelope } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { type AppendLog, RecordType } from '../../storage/append-log.ts';
import type { Accepted, WaitFor } from './acceptance.ts';
import type { Ledger } from './ledger.ts';
import { type Parked, Parking } from './parking.ts';
import type { Change } from './replica-interface.ts';

export interface IntakeParts {
  readonly log: AppendLog;
  readonly ledger: Ledger;
  /** One was stored and applied. */
  onAccepted(accepted: Accepted, change: Change): void;
}

export class Intake {
  readonly #parts: IntakeParts;
  #parking = new Parking();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /**
   * Takes envelopes in order, accepted or parked.
   *
   * @returns which they were
   * @throws {SandboxError} BAD_ENVELOPE when one is refused; those before it are kept
   */
  receive(envelopes: readonly Uint8Array[]): readonly Head[] {
    const heads: Head[] = [];
    try {
      for (const bytes of envelopes) {
        const envelope = this.#parts.ledger.parse(bytes);
        this.#ingest({ envelope, bytes });
        const { member, incarnation, seq } = envelope.header;
        heads.push({ member, incarnation, seq, hash: envelope.hash });
      }
    } finally {
      this.#parts.log.write();
    }
    return heads;
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
  #ingest(first: Parked): void {
    const queue: Parked[] = [first];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const judgement = this.#parts.ledger.judge(next.envelope);
      switch (judgement.kind) {
        case 'accept':
          this.#accept(next, judgement);
          queue.push(...this.#parking.release(`chain:${judgement.chain.key}:${judgement.chain.seq}`));
          break;
        case 'wait':
          this.#parking.park(judgement.for, { envelope: next.envelope, bytes: new Uint8Array(next.bytes) });
          break;
        case 'refuse':
          // One that waited was brought by another peer, who is not to blame for this one.
          if (next === first) throw refused(next.envelope, judgement.why);
          break;
        case 'duplicate':
        case 'fork':
          break;
        default:
          judgement satisfies never;
      }
    }
  }

  #accept(parked: Parked, accepted: Accepted): void {
    const position = this.#parts.log.append(RecordType.envelope, parked.bytes);
    const keys = this.#parts.ledger.enter(parked.envelope, accepted, position, 'received');
    this.#parts.onAccepted(accepted, describeChange(parked.envelope, accepted, keys, false));
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
