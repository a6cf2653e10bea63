/**
 * What becomes here of a checkpoint of the owner's: compared with what is here, or taken on the owner's word, or rejected.
 * Afterwards the log on disk begins with it.
 */

import type { CheckpointFact } from '#protocol/control-fold.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BlobStore } from '../../../storage/blob-store.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { KeptRecords, OwnRecords } from '../documents/renewal.ts';
import type { BlobExchange } from '../peers/blob-exchange.ts';
import type { BuiltCheckpoint, CheckpointHeads, CheckpointParts } from './checkpoint-builder.ts';
import { type ContentCheck, checkContents, differences } from './checkpoint-comparison.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import type { CheckpointStorage } from './checkpoint-storage.ts';
import { isSaidBy } from './owner-checkpoints.ts';

/** Whoever lacks more of a checkpoint's envelopes than this fetches it instead of them. */
const FEW_ENVELOPES = 256;
/** What became of a checkpoint. */
export type CheckpointOutcome = 'same' | 'adopted' | 'differs';

export interface TakeoverParts extends Pick<CheckpointParts, 'sandbox' | 'crypto' | 'chains' | 'documents'> {
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly exchange: BlobExchange;
  readonly storage: CheckpointStorage;
  readonly renewal: KeptRecords;
  /** Makes one here that includes the same. */
  build(heads: CheckpointHeads, position: ControlPosition): Promise<BuiltCheckpoint>;
  /** Lets other work run. @throws {SandboxError} CANCELLED once this replica is stopped */
  pause(): Promise<void>;
  /** What is being typed becomes envelopes now. */
  flushEdits(): void;
  /** Chains and documents anew from the log. @param before what is written again where it is lost */
  rebuild(before: OwnRecords): void;
  /** @param documents names of those that are not the same; empty when only chains differ */
  onOutcome(blob: string, outcome: CheckpointOutcome, documents: readonly string[]): void;
}

export class CheckpointTakeover {
  readonly #parts: TakeoverParts;
  /** Blobs found to differ from what is here, or to be malformed. */
  readonly #rejected = new Set<string>();
  /** What is missing is not to be had as envelopes. */
  #onlyBlobs = false;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  /** It was seen here and is not what it says: it is never asked for again. */
  isRejected({ blob }: CheckpointFact): boolean {
    return this.#rejected.has(blob);
  }

  /** Envelopes that are missing here are not to be had from some peer any more. */
  pruned(): void {
    this.#onlyBlobs = true;
  }

  /** Whether it is to be fetched in place of the envelopes that are missing here: more than a few, or all. */
  lacksMuch({ heads }: CheckpointFact): boolean {
    const { chains, ledger } = this.#parts;
    let missing = 0;
    let here = 0;
    for (const [key, seq] of heads) {
      const farthest = chains.farthest(key);
      missing += Math.max(0, seq - farthest);
      here += farthest;
    }
    // Whoever comes anew would only be told that the envelopes are gone.
    const isNew = here === 0;
    return missing > (isNew || ledger.lostBase !== undefined || this.#onlyBlobs ? 0 : FEW_ENVELOPES);
  }

  #holds({ heads }: CheckpointFact): boolean {
    return [...heads].every(([key, seq]) => this.#parts.chains.farthest(key) >= seq);
  }

  /** Whether the very envelopes are here that a checkpoint ends with. */
  #hasLines({ manifest }: CheckpointFile): boolean {
    const { chains } = this.#parts;
    return manifest.chains.every(({ member, incarnation, seq, hash }) => {
      return chains.find(member, incarnation, seq, hash) !== undefined;
    });
  }

  /**
   * @returns false: what is here changed meanwhile, so that nothing is known of it yet
   * @throws {SandboxError} CANCELLED, and what the disk says
   */
  async take(fact: CheckpointFact): Promise<boolean> {
    const holds = this.#holds(fact);
    if (holds && !this.#parts.chains.forked) return this.#compare(fact);
    if (!holds && !this.lacksMuch(fact)) return true;
    // Where chains forked, only the checkpoint itself says which line it includes.
    const { blob, durable } = await this.#parts.exchange.fetchEarly(fact.blob);
    if (blob === undefined) await durable;
    const file = this.#open(fact, blob);
    if (file !== undefined) await this.#takeOver(fact, file, durable);
    return true;
  }

  /** On the owner's word. @param durable resolves when the blob is durable here */
  async #takeOver(fact: CheckpointFact, file: CheckpointFile, durable: Promise<void>): Promise<void> {
    const { documents, blobs } = this.#parts;
    let whole = false;
    // It is read while it and the log that begins with it are being synced: nothing of it counts before that.
    const ready = async (): Promise<void> => {
      whole = await this.#isWhole(file, { alive: (name) => documents.state(name).doc !== undefined });
      if (!whole) throw new SandboxError('BAD_CHECKPOINT', 'Cannot use a checkpoint: it is not what it says');
      await durable;
      const settled = blobs.open(fact.blob);
      if (settled !== undefined) file.settle(settled);
    };
    try {
      await this.#adopt(file, ready);
    } catch (error) {
      if (whole || SandboxError.from(error).code !== 'BAD_CHECKPOINT') throw error;
      return this.#reject(fact, []);
    }
    this.#onlyBlobs = false;
    this.#parts.onOutcome(fact.blob, 'adopted', []);
  }

  /** A checkpoint is what chains and documents begin with: they are made up anew, and what lies beyond is judged again. */
  async #adopt(file: CheckpointFile, ready?: () => Promise<void>): Promise<void> {
    const { storage, ledger } = this.#parts;
    let records: OwnRecords = new Map();
    const onMoved = (): void => {
      // What is being typed belongs to the chain as it stands.
      this.#parts.flushEdits();
      ledger.replaceBase(file, (position) => storage.has(position));
      this.#parts.rebuild(records);
      file.forgetBuilt();
    };
    const beforeMove = (): void => {
      records = this.#parts.renewal.ownRecords();
    };
    await storage.moveTo(file, { ready, beforeMove, onMoved });
  }

  /** Everything it includes is here: it is made again and compared before anything is let go. */
  async #compare(fact: CheckpointFact): Promise<boolean> {
    const { exchange, blobs, ledger } = this.#parts;
    const { generation } = ledger;
    const built = await this.#parts.build(fact.heads, fact.position);
    if (ledger.generation !== generation || this.#parts.chains.forked) return false;
    if (blobs.nameOf(built.parts) === fact.blob) {
      await blobs.put(built.parts);
    } else {
      await exchange.fetch(fact.blob);
      const file = this.#open(fact);
      if (file === undefined) return true;
      // Of a chain it has another line than ours: somebody wrote two, and we have not met this one.
      if (!this.#hasLines(file)) {
        await this.#takeOver(fact, file, Promise.resolve());
        return true;
      }
      const different = differences(built.manifest, file.manifest);
      const whole = different === undefined && (await this.#isWhole(file, { own: built }));
      file.close();
      if (!whole) {
        this.#reject(fact, different ?? []);
        return true;
      }
    }
    if (ledger.generation === generation) await this.compactTo(fact.blob);
    this.#parts.onOutcome(fact.blob, 'same', []);
    return true;
  }

  /** Whether its documents are what its manifest states. @param own the same made here, where it could be */
  async #isWhole(file: CheckpointFile, options: Pick<ContentCheck, 'own' | 'alive'>): Promise<boolean> {
    const check = { crypto: this.#parts.crypto, pause: () => this.#parts.pause(), ...options };
    try {
      await checkContents(file, check);
      return true;
    } catch (error) {
      if (SandboxError.from(error).code !== 'BAD_CHECKPOINT') throw error;
      return false;
    }
  }

  /**
   * Rewrites the log on disk. Nothing changes in memory but where things are read from, unless a chain forked while the
   * checkpoint was made.
   */
  async compactTo(blob: string): Promise<void> {
    const opened = this.#parts.blobs.open(blob);
    if (opened === undefined) return;
    const file = new CheckpointFile(opened);
    const { storage, ledger, chains, renewal } = this.#parts;
    if (chains.forked) return this.#adopt(file);
    renewal.secure();
    await storage.moveTo(file, { beforeMove: () => renewal.remember(), onMoved: () => ledger.rebase(file) });
  }

  /** @returns undefined when it is malformed or not what the entry says: then it is never asked for again */
  #open(fact: CheckpointFact, blob = this.#parts.blobs.open(fact.blob)): CheckpointFile | undefined {
    if (blob === undefined) return undefined;
    try {
      const file = new CheckpointFile(blob);
      if (isSaidBy(fact, file, this.#parts.sandbox)) return file;
    } catch (error) {
      if (SandboxError.from(error).code !== 'BAD_CHECKPOINT') throw error;
    }
    blob.close();
    this.#reject(fact, []);
    return undefined;
  }

  #reject({ blob }: CheckpointFact, documents: readonly string[]): void {
    this.#rejected.add(blob);
    this.#parts.onOutcome(blob, 'differs', documents);
  }
}
