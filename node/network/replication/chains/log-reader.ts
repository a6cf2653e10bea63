/**
 * Reads a sandbox's log back: control entries into the control logs, the checkpoint and the envelopes into the ledger.
 * What follows damage is checked like something that arrived; what does not fit any more is kept, never dropped.
 */

import type { ControlLog } from '#protocol/control-log.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { type LogRecord, RecordType } from '../../../storage/append-log.ts';
import { CheckpointFile } from '../checkpoints/checkpoint-file.ts';
import type { SandboxStorage } from '../checkpoints/checkpoints.ts';
import type { Ledger } from './ledger.ts';
import type { MemberQuota } from './member-quota.ts';

export interface LogReaderParts {
  readonly control: ControlLog;
  readonly ledger: Ledger;
  readonly quota: MemberQuota;
  readonly storage: SandboxStorage | undefined;
}

interface Entry {
  readonly text: string;
  readonly suspect: boolean;
}

export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #decoder = new TextDecoder();
  /** Control entries whose predecessors were not read yet. */
  #waiting: Entry[] = [];

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
  }

  /** @throws {SandboxError} STORAGE_CORRUPT */
  read(record: LogRecord): void | Promise<void> {
    switch (record.type) {
      case RecordType.control:
        return this.#control({ text: this.#decoder.decode(record.body), suspect: record.suspect });
      case RecordType.envelope:
        return this.#envelope(record);
      case RecordType.checkpoint:
        return this.#checkpoint(toHex(record.body));
      default:
        throw new SandboxError('STORAGE_CORRUPT', `Cannot read record of type ${record.type} of the log`, {
          hint: 'A newer sandmesh may have written it: update this one.',
        });
    }
  }

  /** Everything is read. @returns control entries that do not fit: what they follow was damaged */
  async finish(): Promise<readonly string[]> {
    for (let before = -1; this.#waiting.length !== before; ) {
      before = this.#waiting.length;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const entry of waiting) await this.#control(entry);
    }
    return this.#waiting.map(({ text }) => text);
  }

  async #control(entry: Entry): Promise<void> {
    try {
      await this.#parts.control.append(entry.text, { trusted: !entry.suspect });
    } catch (error) {
      if (SandboxError.from(error).code !== 'BAD_CONTROL_ENTRY') throw error;
      this.#waiting.push(entry);
    }
  }

  #envelope({ position, body, suspect }: LogRecord): void {
    const { ledger, quota } = this.#parts;
    if (suspect) ledger.suspect(position);
    try {
      const envelope = ledger.parse(body);
      ledger.reopen(envelope, position);
      quota.charge(envelope.header.member, body.length);
    } catch (error) {
      // After damage a checksum may hold by accident for bytes that are no envelope.
      if (!suspect || !(error instanceof SandboxError)) throw error;
    }
  }

  #checkpoint(name: string): void {
    const { storage, ledger, control } = this.#parts;
    if (storage === undefined) {
      throw new SandboxError(
        'STORAGE_CORRUPT',
        'Cannot open the log: it stands on a checkpoint, and there is no folder',
      );
    }
    // Though a fork took its effect from the entry that tells of it: what it includes is nowhere else.
    const blob = control.tellsOf(name) ? storage.blobs.openChecked(name) : undefined;
    if (blob === undefined) ledger.lostBase = name;
    else ledger.begin(new CheckpointFile(blob));
  }
}
