/** Checkpoints and blobs of one replica, composed; a sandbox without a folder of its own on disk has none. */

import type { ControlLog } from '#protocol/control-log.ts';
import type { SandboxError } from '#shared/errors.ts';
import type { AppendLog } from '../../storage/append-log.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { StorageFolder } from '../../storage/storage-folder.ts';
import { BlobExchange } from './blob-exchange.ts';
import type { ChainStore } from './chain-store.ts';
import { CheckpointKeeper, type CheckpointKeeperParts } from './checkpoint-keeper.ts';
import { CheckpointStorage } from './checkpoint-storage.ts';
import type { DocumentStore } from './document-store.ts';
import type { ReplicaEnvironment } from './environment.ts';
import type { Ledger } from './ledger.ts';

/** Where a sandbox keeps what is too large for its log. */
export interface SandboxStorage {
  readonly folder: StorageFolder;
  readonly blobs: BlobStore;
}

export interface CheckpointsParts
  extends Pick<
    CheckpointKeeperParts,
    'authority' | 'flushEdits' | 'prepareRebuild' | 'rebuild' | 'onSettled' | 'onOutcome' | 'load'
  > {
  readonly storage: SandboxStorage;
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  readonly ledger: Ledger;
  readonly stranded?: readonly string[];
  onFailure(error: SandboxError): void;
}

export interface Checkpoints {
  readonly exchange: BlobExchange;
  readonly keeper: CheckpointKeeper;
  readonly storage: CheckpointStorage;
}

export function composeCheckpoints(parts: CheckpointsParts): Checkpoints {
  const { environment, log, control, ledger } = parts;
  const { folder, blobs } = parts.storage;
  const storage = new CheckpointStorage({ folder, blobs, log, control, ledger, stranded: parts.stranded ?? [] });
  const exchange: BlobExchange = new BlobExchange({
    blobs,
    environment,
    onUnavailable: (name) => keeper.unavailable(name),
  });
  const keeper: CheckpointKeeper = new CheckpointKeeper({
    ...parts,
    sandbox: control.sandbox,
    crypto: environment.crypto,
    blobs,
    exchange,
    storage,
  });
  return { exchange, keeper, storage };
}
