/** What the peer sessions need of the replica they serve. */

import type { ControlLog } from '#protocol/control-log.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { ChainStore } from '../chains/chain-store.ts';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import type { BlobRooms } from './blob-rooms.ts';
import type { Received } from './intake.ts';

export interface SyncHost {
  readonly sandbox: SandboxId;
  readonly controlLog: ControlLog;
  /** Whether all of it lies in the log file: nobody is told what this machine may have forgotten tomorrow. */
  keepsControl(): boolean;
  readonly chains: ChainStore;
  readonly environment: ReplicaEnvironment;
  /**
   * Takes control entries of any log, each after what it follows; known ones are skipped.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY; those before the bad one are kept
   */
  receiveControl(entries: readonly string[]): Promise<void>;
  /**
   * Takes envelopes in order: accepted, known, parked, or without room to be parked.
   *
   * @param from device key that the link has proven
   * @throws {SandboxError} BAD_ENVELOPE when one is refused; those before it are kept
   */
  receiveEnvelopes(envelopes: readonly Uint8Array[], from: Uint8Array): Received;
  /** What must be fetched so that envelopes can be judged: themselves, or what those that are here wait for in the end. */
  absentFor(heads: readonly Head[]): readonly Head[];
  /** Absent where the sandbox has no folder to keep them in. */
  readonly checkpoints: Pick<Checkpoints, 'awaited' | 'pruned' | 'peerArrived'> | undefined;
  /** Blobs of every kind, given and taken. */
  readonly blobRooms: BlobRooms;
  /** Bytes of an accepted envelope; undefined when a checkpoint has taken its place in the log, or the disk has no room for it. */
  envelopeBytes(position: number): Uint8Array | undefined;
}
