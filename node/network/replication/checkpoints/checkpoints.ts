/**
 * Checkpoints and blobs of one replica: composes what makes, fetches and stores them, and ties it to the replica. Only
 * a sandbox with a folder of its own on disk has this.
 */

import type { ControlLog } from '#protocol/control-log.ts';
import type { Envelope } from '#protocol/envelope.ts';
import type { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { roleHolds } from '#shared/rights.ts';
import type { AppendLog } from '../../../storage/append-log.ts';
import type { BlobStore } from '../../../storage/blob-store.ts';
import type { StorageFolder } from '../../../storage/storage-folder.ts';
import type { ChainStore } from '../chains/chain-store.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { MemberQuota } from '../chains/member-quota.ts';
import type { StrandedEntries } from '../control/stranded-entries.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import type { KeptRecords, OwnRecords } from '../documents/renewal.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import { BlobExchange } from '../peers/blob-exchange.ts';
import type { ControlAuthority, ControlView, ReplicaEvents } from '../replica-interface.ts';
import { ATTESTATION, type Attestation, type CheckpointStatus, describeCheckpoint } from './attestation.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { CheckpointStorage } from './checkpoint-storage.ts';

/** Where a sandbox keeps what is too large for its log. */
export interface SandboxStorage {
  readonly folder: StorageFolder;
  readonly blobs: BlobStore;
}

export interface CheckpointsParts {
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  readonly ledger: Ledger;
  readonly quota: MemberQuota;
  readonly stranded: StrandedEntries;
  load(position: number): Envelope;
}

/** The replica they belong to. */
export interface CheckpointHost {
  readonly self: MemberId;
  readonly control: ControlView;
  readonly authority: ControlAuthority | undefined;
  /** Whether it knows what the others have signed. */
  readonly isLevel: boolean;
  readonly events: Emitter<ReplicaEvents>;
  writeRegister(kind: 'notes', key: string, value: unknown): Promise<void>;
  readonly renewal: KeptRecords;
  rebuild(before: OwnRecords): void;
  /** What is being typed becomes envelopes now. */
  flushEdits(): void;
  /** Missing envelopes may be asked for. */
  fetchMissing(): void;
}

export class Checkpoints {
  readonly exchange: BlobExchange;
  readonly #parts: CheckpointsParts;
  readonly #host: CheckpointHost;
  readonly #storage: CheckpointStorage;
  readonly #keeper: CheckpointKeeper;
  #stopped = false;

  constructor(parts: CheckpointsParts, { folder, blobs }: SandboxStorage, host: CheckpointHost) {
    this.#parts = parts;
    this.#host = host;
    const { environment, control } = parts;
    this.exchange = new BlobExchange({
      blobs,
      environment,
      onUnavailable: (name) => this.#keeper.unavailable(name),
    });
    this.#storage = new CheckpointStorage({ ...parts, folder, blobs });
    this.#keeper = new CheckpointKeeper({
      ...parts,
      sandbox: control.sandbox,
      crypto: environment.crypto,
      blobs,
      exchange: this.exchange,
      storage: this.#storage,
      authority: () => host.authority,
      isLevel: () => host.isLevel,
      flushEdits: () => host.flushEdits(),
      renewal: host.renewal,
      rebuild: (before) => host.rebuild(before),
      onSettled: () => host.fetchMissing(),
      onFailure: (error) => host.events.emit('checkpoint', { outcome: 'failed', error }),
      onOutcome: (blob, outcome, documents) => {
        host.events.emit('checkpoint', { blob, outcome, documents });
        if (outcome !== 'adopted') this.#attest({ blob, same: outcome === 'same', documents });
      },
    });
  }

  /** One is on its way: what it includes need not be asked for. */
  get awaited(): boolean {
    return this.#keeper.awaited;
  }

  /** The control logs changed. */
  check(): void {
    this.#keeper.check();
  }

  /** The log grew. */
  touch(): void {
    this.#keeper.touch();
  }

  /** A peer does not have envelopes any more that are missing here. */
  pruned(): void {
    this.#keeper.pruned();
  }

  peerArrived(): void {
    this.#keeper.peerArrived();
  }

  /**
   * Makes one of everything accepted by now, at the owner's daemon.
   *
   * @returns its blob; undefined when nothing came after the last one
   * @throws {SandboxError} FORBIDDEN elsewhere
   */
  make(): Promise<string | undefined> {
    return this.#keeper.make();
  }

  /** The one this replica stands on, and who says it is what they have. */
  status(): CheckpointStatus {
    const { ledger, chains, log, documents } = this.#parts;
    const notes = (member: MemberId) => documents.table(`notes/${member}`).values;
    return describeCheckpoint(ledger, chains, log.bytes, notes, this.#host.control);
  }

  /** Damaged parts of the log, which was read around them, leave it for a file of their own. */
  setAside(damaged: readonly Uint8Array[]): Promise<void> {
    return this.#storage.setAside(damaged);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#keeper.stop();
  }

  /** Tells the others what a comparison showed. */
  #attest(attestation: Attestation): void {
    const self = this.#host.control.members.get(this.#host.self);
    if (this.#stopped || self === undefined || self.removed || !roleHolds(self.role, 'comment')) return;
    this.#host.writeRegister('notes', ATTESTATION, attestation).catch((error: unknown) => {
      this.#host.events.emit('checkpoint', { outcome: 'failed', error: SandboxError.from(error) });
    });
  }
}
