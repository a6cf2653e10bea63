/**
 * Keeps the control logs of one replica: takes entries one after the other, signs new ones where a control key lies,
 * stores them, and tells the replica what changed.
 *
 * A home restored from a backup does not know what it signed after the backup: before the first entry it waits, for a
 * short while, until another member has shown what it has.
 */

import type { ControlEntryBody, ControlSigner, EntryBody, Frontier } from '#protocol/control-entry.ts';
import type { ControlHead, ControlLog } from '#protocol/control-log.ts';
import { OWNER_LOG, reaches, seqIn } from '#protocol/control-position.ts';
import type { ControlState } from '#protocol/control-state.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { type AppendLog, RecordType } from '../../../storage/append-log.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import type { ControlAuthority, ControlView } from '../replica-interface.ts';
import { SigningAuthority } from './control-authority.ts';
import { viewControl } from './control-view.ts';
import type { StrandedEntries } from './stranded-entries.ts';

/** Others are dialed as soon as a sandbox is open; on one network they answer within a second. */
const LEVEL_WAIT_MS = 3000;

export interface ControlChange {
  readonly before: ControlState;
  readonly after: ControlState;
  /**
   * Entries that had effect have none any more, or others have: a fork was found or settled, or the log goes on where a
   * longer branch was.
   */
  readonly moved: boolean;
  readonly view: ControlView;
}

export interface ControlKeeperParts {
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly self: MemberId;
  readonly stranded: StrandedEntries;
  /** The owner's control key, where it lies. */
  readonly ownerSigner: ControlSigner | undefined;
  /** The sandbox was founded just now: nobody can know of entries that are not here. */
  readonly founded: boolean;
  /** Heads of every accepted chain, for entries that narrow rights. */
  frontier(): Frontier;
  /** What is being typed becomes envelopes now: it was typed before the entry that follows takes effect. */
  flushEdits(): void;
  onChange(change: ControlChange): void;
  /** Signed without having seen what others have. */
  onUnlevelled(): void;
}

export class ControlKeeper {
  readonly #parts: ControlKeeperParts;
  #view: ControlView;
  /** What the replica was told of last: all of it lies in the log file. */
  #told: ControlState;
  #ownerSigner: ControlSigner | undefined;
  #delegateSigner: ControlSigner | undefined;
  /** Entries are verified asynchronously, one after the other. */
  #queue: Promise<void> = Promise.resolve();
  readonly #levelled: Promise<boolean>;
  #isLevel: boolean;
  #settle: (levelled: boolean) => void = () => undefined;
  #stopped = false;

  constructor(parts: ControlKeeperParts) {
    this.#parts = parts;
    // Who signs without the entries that are missing forks its own log.
    if (parts.stranded.texts.length === 0) this.#ownerSigner = parts.ownerSigner;
    const { state } = parts.control;
    this.#view = viewControl(state);
    this.#told = state;
    // Without another member and without a link given out there is nobody who could know more.
    const alone = parts.founded || (state.members.size === 1 && state.invites.size === 0);
    this.#isLevel = alone;
    this.#levelled = new Promise((resolve) => {
      if (alone) return resolve(true);
      const cancel = parts.environment.after(LEVEL_WAIT_MS, () => resolve(false));
      this.#settle = (levelled) => {
        cancel();
        resolve(levelled);
      };
    });
  }

  get view(): ControlView {
    return this.#view;
  }

  /**
   * Whether what is signed here is signed in the knowledge of what others have: a member has shown it since this
   * replica was opened, or there is none. Nothing is signed of its own accord before.
   */
  get isLevel(): boolean {
    return this.#isLevel || this.#parts.control.state.members.size === 1;
  }

  /** Of the owner, or of a delegate, whose key lies here and counts as the logs stand. */
  get authority(): ControlAuthority | undefined {
    const { self } = this.#parts;
    const owner = this.#ownerSigner;
    if (owner !== undefined && this.#keeps(OWNER_LOG, owner)) return this.#authorityOf(OWNER_LOG, owner);
    const delegate = this.#delegateSigner;
    return delegate !== undefined && this.#keeps(self, delegate) ? this.#authorityOf(self, delegate) : undefined;
  }

  /** The owner's control key from now on: after a rotation. */
  adoptOwnerKey(signer: ControlSigner): void {
    this.#ownerSigner = signer;
  }

  /** The key of this member's own control log, should the owner make it a delegate. */
  adoptDelegateKey(signer: ControlSigner): void {
    this.#delegateSigner = signer;
  }

  /** Another member is level with us: what it knows is here. */
  levelled(): void {
    this.#isLevel = true;
    this.#settle(true);
  }

  /**
   * Takes entries of any log; known ones are skipped.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY; those before the bad one are kept
   */
  receive(entries: readonly string[]): Promise<void> {
    return this.#exclusive(async () => {
      try {
        for (const entry of entries) await this.#take(entry);
      } finally {
        await this.#takeUpStranded();
        this.#changed();
      }
    });
  }

  /**
   * Appends a rotation: settles a fork, or replaces a lost key.
   *
   * @param signer of the recovery key; @param after the entry it follows; absent: the head
   */
  rotate(body: EntryBody<'rotate'>, signer: ControlSigner, after?: ControlHead): Promise<void> {
    return this.#append(OWNER_LOG, signer, () => body, after === undefined ? {} : { after });
  }

  /** Takes nothing more; resolves when what was under way is done. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#settle(false);
    return this.#queue;
  }

  async #take(entry: string): Promise<void> {
    const { control, log } = this.#parts;
    if (this.#stopped || control.has(control.hashOf(entry))) return;
    // What the disk has no room for must not count in memory alone.
    log.assertTakes();
    this.#parts.flushEdits();
    await control.append(entry);
    log.append(RecordType.control, new TextEncoder().encode(entry));
  }

  async #takeUpStranded(): Promise<void> {
    const { control, stranded, ownerSigner } = this.#parts;
    if (this.#stopped || stranded.texts.length === 0) return;
    this.#parts.flushEdits();
    await stranded.takeUp(control);
    if (stranded.texts.length === 0) this.#ownerSigner ??= ownerSigner;
  }

  #exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    // The next in line runs whatever became of this one; the caller of this one hears of it.
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Whether this is the key of a log as the logs stand. */
  #keeps(log: number, signer: ControlSigner): boolean {
    const { control, stranded } = this.#parts;
    const { ownerKey, delegations } = control.state;
    if (log === OWNER_LOG) return equalBytes(signer.publicKey, ownerKey);
    const delegation = delegations.get(log as MemberId);
    if (delegation === undefined || delegation.end !== undefined || stranded.belongTo(log)) return false;
    return toHex(signer.publicKey) === delegation.key;
  }

  #authorityOf(log: number, signer: ControlSigner): ControlAuthority {
    return new SigningAuthority({
      log,
      assertUnlocked: () => signer.assertUnlocked?.(),
      state: () => this.#parts.control.state,
      now: () => this.#parts.environment.now(),
      frontier: () => this.#parts.frontier(),
      append: (decide) => this.#append(log, signer, decide),
    });
  }

  async #append(
    log: number,
    signer: ControlSigner,
    decide: (state: ControlState) => ControlEntryBody | undefined,
    options: { after?: ControlHead } = {},
  ): Promise<void> {
    const levelled = await this.#levelled;
    await this.#exclusive(async () => {
      const { control, environment } = this.#parts;
      // What is being typed counts as written before the decision.
      this.#parts.flushEdits();
      const before = control.state;
      const body = decide(before);
      // What is decided already may be so since a moment ago, and wait for room on the disk.
      if (body === undefined) return await this.#publishDurably();
      if (body.type !== 'rotate') {
        if (!this.#keeps(log, signer)) throw replaced(log);
        assertWhole(before, log);
      }
      const entry = await control.sign(body, signer, environment.now(), { log, ...options });
      // Nothing is taken any more: whoever decided must not believe that it was.
      if (this.#stopped) throw closed();
      await this.#take(entry);
      if (!levelled) this.#parts.onUnlevelled();
      await this.#publishDurably();
    });
  }

  async #publishDurably(): Promise<void> {
    this.#changed();
    await this.#parts.log.durable();
  }

  /** @throws {SandboxError} HOME_UNWRITABLE: what has no room in the file yet is told with the next change that has */
  #changed(): void {
    const { control, log } = this.#parts;
    const [before, after] = [this.#told, control.state];
    if (after === before) return;
    log.write();
    this.#told = after;
    this.#view = viewControl(after);
    // What was judged by places of a longer branch is judged by those that came in their stead.
    const overtaken = before.isOutreached && after.seq > before.seq;
    const moved = overtaken || !reaches(after.position, before.position) || forksOf(after) !== forksOf(before);
    this.#parts.onChange({ before, after, moved, view: this.#view });
  }
}

function closed(): SandboxError {
  return new SandboxError('CANCELLED', 'Cannot sign for the sandbox: it was closed meanwhile', {
    hint: 'Try again once the daemon runs.',
  });
}

/** While this decision waited for its turn. */
function replaced(log: number): SandboxError {
  return log === OWNER_LOG
    ? new SandboxError('FORBIDDEN', 'Cannot sign for the sandbox: its control key was replaced meanwhile', {
        hint: 'Try again where the new key is.',
      })
    : new SandboxError('FORBIDDEN', 'Cannot sign as a delegate: the owner ended this delegation meanwhile');
}

/** @throws {SandboxError} CONTROL_FORKED: whatever is signed there now makes it worse */
function assertWhole(state: ControlState, log: number): void {
  const fork = state.forks.find((known) => known.log === log);
  if (fork === undefined) return;
  const why = `its key signed two entries after entry ${fork.seq}`;
  if (log !== OWNER_LOG) {
    throw new SandboxError('CONTROL_FORKED', `Cannot sign as a delegate: ${why}`, {
      hint: 'Ask the owner to end this delegation.',
    });
  }
  throw new SandboxError('CONTROL_FORKED', `Cannot sign for the sandbox: ${why}`, {
    hint: 'A restored backup does that. Settle it with "sandmesh recover", where the recovery key is.',
  });
}

/** Places that `after` reaches and `before` did not, log by log. */
export function* newPlaces(before: ControlPosition, after: ControlPosition): Iterable<{ log: number; seq: number }> {
  for (let i = -1; i < after.length; i += 2) {
    const log = i < 0 ? OWNER_LOG : (after[i] as number);
    for (let seq = seqIn(before, log) + 1; seq <= (after[i + 1] as number); seq++) yield { log, seq };
  }
}

function forksOf(state: ControlState): string {
  return state.forks.map(({ log, seq, branches }) => `${log}:${seq}:${branches.join()}`).join(' ');
}
