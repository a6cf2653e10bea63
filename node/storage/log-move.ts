/** Records as whoever reads or compacts an append-only log meets them. */

import type { LogFile } from './log-file.ts';
import type { RecordType } from './log-format.ts';

export interface LogRecord {
  readonly type: number;
  /** Names it for `AppendLog.read`, whatever file it lies in by then; -1 for one that a compaction wrote. */
  readonly position: number;
  /** Valid until the next record is asked for. */
  readonly body: Uint8Array;
  /** It follows damage: no check made before it was stored vouches for it. */
  readonly suspect: boolean;
}

/** A record of a compacted log: a new one, or one that stays. */
export type KeptRecord = { readonly type: RecordType; readonly body: Uint8Array } | { readonly position: number };

/** How a log gets into a new file. */
export interface LogMove {
  /** Empty. */
  readonly target: LogFile;
  /** Called once, when every record so far is durable; names what stays, in ascending order of position. */
  select(records: () => Iterable<LogRecord>): Iterable<KeptRecord>;
  /** Called while `target` is being synced: the move waits for it too, and is given up where it rejects. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Puts `target`, synced, in the place of the old file. */
  publish(): void;
  /** Called in the same turn, once reading goes to the new file: positions that were dropped must not be asked for. */
  moved?(): void;
  /** Makes that durable. */
  settle(): Promise<void>;
}
