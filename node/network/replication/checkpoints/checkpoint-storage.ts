/** Where a checkpoint takes the place of envelopes on disk: the log moves to a new file of control, checkpoint, tail. */

import type { ControlLog } from '#protocol/control-log.ts';
import { parseHex } from '#shared/bytes.ts';
import { type AppendLog, type KeptRecord, RecordType } from '../../../storage/append-log.ts';
import type { BlobStore } from '../../../storage/blob-store.ts';
import type { StorageFolder } from '../../../storage/storage-folder.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { MemberQuota } from '../chains/member-quota.ts';
import type { StrandedEntries } from '../control/stranded-entries.ts';
import type { CheckpointFile } from './checkpoint-file.ts';

export const LOG_NAME = 'sandbox.log';
export const BLOB_FOLDER = 'blobs';
const NEW_LOG_NAME = `${LOG_NAME}.new`;
/** What rotted, one part after the other, for whoever wants to look. */
const DAMAGED_NAME = `${LOG_NAME}.damaged`;

export interface CheckpointStorageParts {
  readonly folder: StorageFolder;
  readonly blobs: BlobStore;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly ledger: Ledger;
  readonly quota: MemberQuota;
  readonly stranded: StrandedEntries;
}

/** What goes along with a move to a checkpoint. */
export interface MoveSteps {
  /** Called while the disk is at work: by its end the checkpoint's blob is durable here. Absent where it is already. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called right before the move, while what is let go can still be read; nothing may be appended there. */
  readonly beforeMove?: (() => void) | undefined;
  /** Called in the same breath, once the log reads from the new file: what was let go must not be asked for any more. */
  onMoved(): void;
}

export class CheckpointStorage {
  readonly #parts: CheckpointStorageParts;

  constructor(parts: CheckpointStorageParts) {
    this.#parts = parts;
  }

  get logBytes(): number {
    return this.#parts.log.bytes;
  }

  /** Whether a record is still in the log. */
  has(position: number): boolean {
    return this.#parts.log.has(position);
  }

  /**
   * Lets go of the envelopes that a checkpoint includes.
   *
   * @throws {SandboxError} HOME_UNWRITABLE, and what `ready` throws; everything is as it was then
   */
  async moveTo(checkpoint: CheckpointFile, { ready, beforeMove, onMoved }: MoveSteps): Promise<void> {
    const { ledger } = this.#parts;
    const before = ledger.base;
    let moved = false;
    const done = (): void => {
      moved = true;
      ledger.forgetAside((position) => this.has(position));
      onMoved();
    };
    try {
      await this.#rewrite(() => this.#select(checkpoint), { ready, beforeMove, onMoved: done });
    } catch (error) {
      if (!moved) checkpoint.close();
      throw error;
    }
    this.#parts.quota.clear();
    before?.close();
    // Whoever is fetching the one before may finish.
    this.#parts.blobs.keep(new Set([checkpoint.name, ...(before === undefined ? [] : [before.name])]));
  }

  /** Moves damaged parts of the log into a file of their own; everything else stays. */
  async setAside(damaged: readonly Uint8Array[]): Promise<void> {
    const { folder, ledger } = this.#parts;
    const file = folder.open(DAMAGED_NAME);
    try {
      for (const bytes of damaged) file.append(bytes);
      await file.sync();
    } finally {
      file.close();
    }
    await this.#rewrite(() => this.#select(ledger.base), {
      onMoved: () => ledger.forgetAside((position) => this.has(position)),
    });
  }

  async #rewrite(select: () => Iterable<KeptRecord>, { ready, beforeMove, onMoved }: MoveSteps): Promise<void> {
    const { folder, log } = this.#parts;
    folder.remove(NEW_LOG_NAME);
    const target = folder.open(NEW_LOG_NAME);
    let published = false;
    const publish = (): void => {
      beforeMove?.();
      folder.rename(NEW_LOG_NAME, LOG_NAME);
      published = true;
    };
    try {
      await log.compact({ target, select, ready, publish, moved: onMoved, settle: () => folder.sync() });
    } catch (error) {
      if (!published) {
        target.close();
        folder.remove(NEW_LOG_NAME);
      }
      throw error;
    }
  }

  *#select(base: CheckpointFile | undefined): Generator<KeptRecord> {
    const { control, ledger, stranded } = this.#parts;
    const encoder = new TextEncoder();
    for (const entry of [...control.entries(), ...stranded.texts]) {
      yield { type: RecordType.control, body: encoder.encode(entry) };
    }
    const name = base?.name ?? ledger.lostBase;
    if (name !== undefined) yield { type: RecordType.checkpoint, body: parseHex(name) as Uint8Array };
    const positions = base === undefined ? ledger.positions() : ledger.positionsBeyond(base.manifest);
    for (const position of positions) if (ledger.vouchesFor(position)) yield { position };
  }
}
