/**
 * When something becomes of checkpoints in one replica: one is made when the log grew long and this member keeps the
 * owner's control log; of those that others made, which is to be taken over, and when nobody has it.
 *
 * Whoever holds everything a checkpoint includes makes it again and compares; only then does it let go of envelopes,
 * and tells the others so. Whoever lacks much of it takes it on the owner's word (`checkpoint-takeover.ts`).
 */

import type { Frontier } from '#protocol/control-entry.ts';
import type { CheckpointFact } from '#protocol/control-fold.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { OWNER_LOG } from '#protocol/control-position.ts';
import { type ControlPosition, chainKey } from '#protocol/envelope.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import type { ControlAuthority } from '../replica-interface.ts';
import {
  type BuiltCheckpoint,
  buildCheckpoint,
  type CheckpointHeads,
  type CheckpointParts,
} from './checkpoint-builder.ts';
import { CheckpointTakeover, type TakeoverParts } from './checkpoint-takeover.ts';
import { OwnerCheckpoints } from './owner-checkpoints.ts';

/** A checkpoint is made when so much came after the last one… */
const TAIL_ENVELOPES = 2000;
const TAIL_BYTES = 1024 * 1024;
/** …and nothing more for so long. */
const IDLE_MS = 2000;
/** A blob that nobody had is asked for again. */
const RETRY_MS = 15_000;
/** Until one without effect is replaced, at most. */
const MAX_REPLACING_PAUSE_MS = 8_000;

export interface CheckpointKeeperParts
  extends Omit<CheckpointParts, 'base' | 'pause'>,
    Omit<TakeoverParts, 'build' | 'pause'> {
  readonly environment: ReplicaEnvironment;
  readonly control: ControlLog;
  authority(): ControlAuthority | undefined;
  /** Whether what is signed here is signed in the knowledge of what others have. */
  isLevel(): boolean;
  /** Nothing is on its way any more: missing envelopes may be asked for. */
  onSettled(): void;
  /** It could not be made or taken over, for example because the disk is full: there will be another occasion. */
  onFailure(error: SandboxError): void;
}

export class CheckpointKeeper {
  readonly #parts: CheckpointKeeperParts;
  readonly #owners: OwnerCheckpoints;
  readonly #takeover: CheckpointTakeover;
  /** Blobs that no peer had when asked. */
  readonly #unavailable = new Set<string>();
  /** Some blob was nowhere since one was taken last. */
  #isDoubtful = false;
  #working: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #activity = 0;
  #cancelIdle: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelReplacing: (() => void) | undefined;

  constructor(parts: CheckpointKeeperParts) {
    this.#parts = parts;
    this.#owners = new OwnerCheckpoints(parts.control, parts.ledger);
    this.#takeover = new CheckpointTakeover({
      ...parts,
      build: (heads, position) => this.#build(heads, position),
      pause: () => this.#pause(),
      onOutcome: (blob, outcome, documents) => {
        if (outcome !== 'differs') this.#isDoubtful = false;
        parts.onOutcome(blob, outcome, documents);
      },
    });
  }

  /**
   * A checkpoint to take the place of envelopes that are missing here; they need not be asked for meanwhile. After one that
   * nobody had, they are: the next may be as lost, and a peer that is silent has each awaited for as long as it likes.
   */
  get awaited(): boolean {
    if (this.#isDoubtful) return false;
    const next = this.#next();
    return next !== undefined && this.#takeover.lacksMuch(next);
  }

  /** A peer does not have envelopes any more that are missing here: only a checkpoint brings them. */
  pruned(): void {
    this.#takeover.pruned();
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
    this.#isDoubtful = true;
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
      if (next === undefined) await this.#make();
      else if (!(await this.#takeover.take(next))) this.#again = true;
    } catch (error) {
      const failure = SandboxError.from(error);
      // Given up for another one, or because we stop.
      if (failure.code !== 'CANCELLED') this.#parts.onFailure(failure);
    }
  }

  /** The owner's last checkpoint beyond the one this replica stands on, or an earlier one if nobody has that. */
  #next(): CheckpointFact | undefined {
    for (const fact of this.#owners.beyond()) {
      if (!this.#takeover.isRejected(fact) && !this.#unavailable.has(fact.blob)) return fact;
    }
    return undefined;
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
    const built = await this.#build(heads, position);
    const blob = await blobs.put(built.parts);
    const frontier: Frontier = built.manifest.chains.map(({ member, incarnation, seq }) => [member, incarnation, seq]);
    if (this.#stopped || ledger.generation !== generation || chains.forked) return undefined;
    if (!(await authority.checkpoint(blob, frontier, position))) return undefined;
    if (ledger.generation === generation) await this.#takeover.compactTo(blob);
    return blob;
  }

  #build(heads: CheckpointHeads, position: ControlPosition): Promise<BuiltCheckpoint> {
    const base = this.#parts.ledger.base?.manifest;
    return buildCheckpoint({ ...this.#parts, base, pause: () => this.#pause() }, heads, position);
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
