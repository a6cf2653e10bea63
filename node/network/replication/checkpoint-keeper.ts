/**
 * Checkpoints of one replica: makes one when the log grew long and this member keeps the owner's control log, takes
 * over those that others made, and has the log on disk rewritten to checkpoint and tail.
 *
 * Whoever holds everything a checkpoint includes makes it again and compares; only then does it let go of envelopes,
 * and tells the others so. Whoever lacks much of it takes it on the owner's word.
 */

import type { Frontier } from '#protocol/control-entry.ts';
import type { CheckpointFact } from '#protocol/control-fold.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { OWNER_LOG } from '#protocol/control-position.ts';
import { chainKey } from '#protocol/envelope.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { BlobExchange } from './blob-exchange.ts';
import { type BuiltCheckpoint, buildCheckpoint, type CheckpointParts } from './checkpoint-builder.ts';
import { type ContentCheck, checkContents, differences } from './checkpoint-comparison.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import type { CheckpointStorage } from './checkpoint-storage.ts';
import type { ReplicaEnvironment } from './environment.ts';
import type { Ledger } from './ledger.ts';
import { isSaidBy, OwnerCheckpoints } from './owner-checkpoints.ts';
import type { KeptRecords, OwnRecords } from './renewal.ts';
import type { ControlAuthority } from './replica-interface.ts';

/** A checkpoint is made when so much came after the last one… */
const TAIL_ENVELOPES = 2000;
const TAIL_BYTES = 1024 * 1024;
/** …and nothing more for so long. */
const IDLE_MS = 2000;
/** Whoever lacks more of a checkpoint's envelopes than this fetches it instead of them. */
const FEW_ENVELOPES = 256;
/** A blob that nobody had is asked for again. */
const RETRY_MS = 15_000;
/** Until one without effect is replaced, at most. */
const MAX_REPLACING_PAUSE_MS = 8_000;

/** What became of a checkpoint. */
export type CheckpointOutcome = 'same' | 'adopted' | 'differs';

export interface CheckpointKeeperParts extends Omit<CheckpointParts, 'base' | 'pause'> {
  readonly environment: ReplicaEnvironment;
  readonly control: ControlLog;
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly exchange: BlobExchange;
  readonly storage: CheckpointStorage;
  authority(): ControlAuthority | undefined;
  /** Whether what is signed here is signed in the knowledge of what others have. */
  isLevel(): boolean;
  /** What is being typed becomes envelopes now. */
  flushEdits(): void;
  readonly renewal: KeptRecords;
  /** Chains and documents anew from the log. @param before what is written again where it is lost */
  rebuild(before: OwnRecords): void;
  /** Nothing is on its way any more: missing envelopes may be asked for. */
  onSettled(): void;
  /** It could not be made or taken over, for example because the disk is full: there will be another occasion. */
  onFailure(error: SandboxError): void;
  /** @param documents names of those that are not the same; empty when only chains differ */
  onOutcome(blob: string, outcome: CheckpointOutcome, documents: readonly string[]): void;
}

export class CheckpointKeeper {
  readonly #parts: CheckpointKeeperParts;
  readonly #owners: OwnerCheckpoints;
  /** Blobs found to differ from what is here, or to be malformed. */
  readonly #rejected = new Set<string>();
  /** Blobs that no peer had when asked. */
  readonly #unavailable = new Set<string>();
  #working: Promise<void> | undefined;
  #again = false;
  /** What is missing is not to be had as envelopes. */
  #onlyBlobs = false;
  #stopped = false;
  #activity = 0;
  #cancelIdle: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelReplacing: (() => void) | undefined;

  constructor(parts: CheckpointKeeperParts) {
    this.#parts = parts;
    this.#owners = new OwnerCheckpoints(parts.control, parts.ledger);
  }

  /** A checkpoint to take the place of envelopes that are missing here; they need not be asked for meanwhile. */
  get awaited(): boolean {
    const next = this.#next();
    return next !== undefined && this.#lacksMuch(next);
  }

  /** A peer does not have envelopes any more that are missing here: only a checkpoint brings them. */
  pruned(): void {
    this.#onlyBlobs = true;
    this.check();
  }

  /** The control logs changed, or a peer came. */
  check(): void {
    if (this.#stopped) return;
    if (this.#working !== undefined) {
      this.#again = true;
      return;
    }
    const next = this.#next();
    if (next === undefined) this.#replaceStranded();
    if (next === undefined && !this.#isDue()) return;
    this.#start(next);
  }

  #start(next?: CheckpointFact): void {
    this.#working = this.#run(next).finally(() => {
      this.#working = undefined;
      this.#parts.onSettled();
      if (!this.#again) return;
      this.#again = false;
      this.check();
    });
  }

  /** The log grew. */
  touch(): void {
    this.#activity++;
    if (this.#cancelIdle !== undefined || this.#stopped) return;
    const { environment } = this.#parts;
    const activity = this.#activity;
    this.#cancelIdle = environment.after(IDLE_MS, () => {
      this.#cancelIdle = undefined;
      if (this.#activity > activity) this.touch();
      else this.check();
    });
  }

  /** No peer has this blob; perhaps one has an older one, or will have made this one soon. */
  unavailable(blob: string): void {
    this.#unavailable.add(blob);
    this.#again = true;
    this.#parts.exchange.cancel();
    this.#cancelRetry ??= this.#parts.environment.after(RETRY_MS, () => this.peerArrived());
  }

  /** A peer came, or had time, and may have what nobody had. */
  peerArrived(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#unavailable.clear();
    this.check();
  }

  /**
   * Makes a checkpoint now.
   *
   * @returns the blob's name; undefined when nothing came after the last one, or something it includes is missing here
   * @throws {SandboxError} FORBIDDEN where the owner's control key does not lie
   */
  async make(): Promise<string | undefined> {
    while (this.#working !== undefined) await this.#working;
    if (this.#ownAuthority() === undefined) {
      throw new SandboxError('FORBIDDEN', 'Cannot make a checkpoint: only the owner of the sandbox makes them', {
        hint: 'Members take over what the owner made by themselves.',
      });
    }
    let made: string | undefined;
    this.#working = (async () => {
      made = await this.#make();
    })();
    try {
      await this.#working;
    } finally {
      this.#working = undefined;
    }
    return made;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of [this.#cancelIdle, this.#cancelRetry, this.#cancelReplacing]) cancel?.();
    this.#parts.exchange.cancel();
    // What was under way failed or was given up: there is nobody left to tell.
    await this.#working?.catch(() => undefined);
  }

  async #run(next: CheckpointFact | undefined): Promise<void> {
    try {
      if (next !== undefined) await this.#take(next);
      else await this.#make();
    } catch (error) {
      const failure = SandboxError.from(error);
      // Given up for another one, or because we stop.
      if (failure.code !== 'CANCELLED') this.#parts.onFailure(failure);
    }
  }

  /** The owner's last checkpoint beyond the one this replica stands on, or an earlier one if nobody has that. */
  #next(): CheckpointFact | undefined {
    for (const fact of this.#owners.beyond()) {
      if (!this.#rejected.has(fact.blob) && !this.#unavailable.has(fact.blob)) return fact;
    }
    return undefined;
  }

  #lacksMuch({ heads }: CheckpointFact): boolean {
    const { chains, ledger } = this.#parts;
    let missing = 0;
    for (const [key, seq] of heads) missing += Math.max(0, seq - chains.farthest(key));
    return missing > (ledger.lostBase !== undefined || this.#onlyBlobs ? 0 : FEW_ENVELOPES);
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

  async #take(fact: CheckpointFact): Promise<void> {
    const holds = this.#holds(fact);
    if (holds && !this.#parts.chains.forked) return this.#compare(fact);
    if (!holds && !this.#lacksMuch(fact)) return;
    // Where chains forked, only the checkpoint itself says which line it includes.
    await this.#parts.exchange.fetch(fact.blob);
    const file = this.#open(fact);
    if (file !== undefined) await this.#takeOver(fact, file);
  }

  /** On the owner's word. */
  async #takeOver(fact: CheckpointFact, file: CheckpointFile): Promise<void> {
    const { documents } = this.#parts;
    if (!(await this.#isWhole(file, { alive: (name) => documents.state(name).doc !== undefined }))) {
      file.close();
      return this.#reject(fact, []);
    }
    this.#onlyBlobs = false;
    await this.#adopt(file);
    this.#parts.onOutcome(fact.blob, 'adopted', []);
  }

  /** A checkpoint is what chains and documents begin with: they are made up anew, and what lies beyond is judged again. */
  async #adopt(file: CheckpointFile): Promise<void> {
    const { storage, ledger } = this.#parts;
    let records: OwnRecords = new Map();
    const move = (): void => {
      // What is being typed belongs to the chain as it stands.
      this.#parts.flushEdits();
      ledger.replaceBase(file, (position) => storage.has(position));
      this.#parts.rebuild(records);
      file.forgetBuilt();
    };
    await storage.moveTo(file, move, () => {
      records = this.#parts.renewal.ownRecords();
    });
  }

  /** Everything it includes is here: it is made again and compared before anything is let go. */
  async #compare(fact: CheckpointFact): Promise<void> {
    const { exchange, blobs, ledger } = this.#parts;
    const { generation } = ledger;
    const built = await this.#build(fact);
    if (ledger.generation !== generation || this.#parts.chains.forked) {
      this.#again = true;
      return;
    }
    if (blobs.nameOf(built.parts) === fact.blob) {
      await blobs.put(built.parts);
    } else {
      await exchange.fetch(fact.blob);
      const file = this.#open(fact);
      if (file === undefined) return;
      // Of a chain it has another line than ours: somebody wrote two, and we have not met this one.
      if (!this.#hasLines(file)) return this.#takeOver(fact, file);
      const different = differences(built.manifest, file.manifest);
      const whole = different === undefined && (await this.#isWhole(file, { own: built }));
      file.close();
      if (!whole) return this.#reject(fact, different ?? []);
    }
    if (ledger.generation === generation) await this.#compactTo(fact.blob);
    this.#parts.onOutcome(fact.blob, 'same', []);
  }

  /** Whether its documents are what its manifest states. @param own the same made here, where it could be */
  async #isWhole(file: CheckpointFile, options: Pick<ContentCheck, 'own' | 'alive'>): Promise<boolean> {
    const check = { crypto: this.#parts.crypto, pause: () => this.#pause(), ...options };
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
  async #compactTo(blob: string): Promise<void> {
    const opened = this.#parts.blobs.open(blob);
    if (opened === undefined) return;
    const file = new CheckpointFile(opened);
    const { storage, ledger, chains, renewal } = this.#parts;
    if (chains.forked) return this.#adopt(file);
    renewal.secure();
    await storage.moveTo(file, ledger.rebase.bind(ledger, file), renewal.remember.bind(renewal));
  }

  async #make(): Promise<string | undefined> {
    const { control, chains, blobs, ledger } = this.#parts;
    this.#parts.flushEdits();
    const authority = this.#ownAuthority();
    // Lines of a chain that forked have no form in a checkpoint.
    if (authority === undefined || chains.forked || (this.#tail().envelopes === 0 && !this.#owners.isStranded)) {
      return undefined;
    }
    const { position } = control.state;
    const { generation } = ledger;
    const heads = new Map(chains.heads().map(({ member, incarnation, seq }) => [chainKey(member, incarnation), seq]));
    if (!this.#owners.covers(heads)) return undefined;
    const built = await buildCheckpoint(this.#builderParts(), heads, position);
    const blob = await blobs.put(built.parts);
    const frontier: Frontier = built.manifest.chains.map(({ member, incarnation, seq }) => [member, incarnation, seq]);
    if (this.#stopped || ledger.generation !== generation || chains.forked) return undefined;
    if (!(await authority.checkpoint(blob, frontier, position))) return undefined;
    if (ledger.generation === generation) await this.#compactTo(blob);
    return blob;
  }

  #build(fact: CheckpointFact): Promise<BuiltCheckpoint> {
    return buildCheckpoint(this.#builderParts(), fact.heads, fact.position);
  }

  #builderParts(): CheckpointParts {
    return { ...this.#parts, base: this.#parts.ledger.base?.manifest, pause: () => this.#pause() };
  }

  /** @returns undefined when it is malformed or not what the entry says: then it is never asked for again */
  #open(fact: CheckpointFact): CheckpointFile | undefined {
    const blob = this.#parts.blobs.open(fact.blob);
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

  #ownAuthority(): ControlAuthority | undefined {
    const authority = this.#parts.authority();
    return authority?.log === OWNER_LOG ? authority : undefined;
  }

  /**
   * Where this replica stands on a checkpoint that has no effect any more, another one gives the others what that includes.
   * Of several homes of the owner one should do it: two at once would fork the log again.
   */
  #replaceStranded(): void {
    const isNeeded = (): boolean =>
      this.#owners.isStranded && this.#ownAuthority() !== undefined && this.#parts.isLevel();
    if (!isNeeded()) return;
    const { environment } = this.#parts;
    const luck = (environment.random(1)[0] as number) / 256;
    this.#cancelReplacing ??= environment.after(luck * MAX_REPLACING_PAUSE_MS, () => {
      this.#cancelReplacing = undefined;
      if (this.#working !== undefined) this.#again = true;
      else if (this.#next() === undefined && isNeeded()) this.#start();
    });
  }

  #isDue(): boolean {
    // A home that was set back would fork the owner's log, for no more than a shorter file.
    if (this.#ownAuthority() === undefined || !this.#parts.isLevel()) return false;
    const { envelopes, bytes } = this.#tail();
    // What is small against the checkpoint is not worth writing and sending that anew.
    return (envelopes > TAIL_ENVELOPES || bytes > TAIL_BYTES) && bytes * 4 > (this.#parts.ledger.base?.bytes ?? 0);
  }

  #tail(): { envelopes: number; bytes: number } {
    let envelopes = 0;
    for (const chain of this.#parts.chains.all()) envelopes += chain.seq - chain.base;
    return { envelopes, bytes: this.#parts.storage.logBytes };
  }

  #pause(): Promise<void> {
    if (this.#stopped) return Promise.reject(new SandboxError('CANCELLED', 'Cannot go on: the sandbox is closed'));
    return new Promise((resolve) => this.#parts.environment.defer(resolve));
  }
}
