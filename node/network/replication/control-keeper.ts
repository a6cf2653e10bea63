/**
 * Keeps the control log of one replica: takes entries one after the other, signs new ones where a control key lies,
 * stores them, and tells the replica when the log grew.
 */

import type { ControlEntryBody, ControlSigner, Frontier } from '#protocol/control-entry.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import type { ControlState } from '#protocol/control-state.ts';
import { SandboxError } from '#shared/errors.ts';
import { type AppendLog, RecordType } from '../../storage/append-log.ts';
import { OwnerAuthority } from './control-authority.ts';
import { viewControl } from './control-view.ts';
import type { ReplicaEnvironment } from './environment.ts';
import type { ControlAuthority, ControlView } from './replica-interface.ts';

export interface ControlKeeperParts {
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  /** Present where the owner's control key lies. */
  readonly signer: ControlSigner | undefined;
  /** Heads of every accepted chain, for entries that narrow rights. */
  frontier(): Frontier;
  /** What is being typed becomes envelopes now: it was typed before the entry that follows takes effect. */
  flushEdits(): void;
  /** Entries after seq `before` were taken; `view` shows the log as it stands. */
  onGrown(before: number, view: ControlView): void;
}

export class ControlKeeper {
  readonly authority: ControlAuthority | undefined;
  readonly #parts: ControlKeeperParts;
  #view: ControlView;
  /** Entries are verified asynchronously, one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: ControlKeeperParts) {
    this.#parts = parts;
    this.#view = viewControl(parts.control.state);
    this.authority = this.#openAuthority(parts.signer);
  }

  get view(): ControlView {
    return this.#view;
  }

  /**
   * Takes entries, the first of them at seq `from`; known ones are skipped.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY; those before the bad one are kept
   */
  receive(from: number, entries: readonly string[]): Promise<void> {
    return this.#exclusive(async () => {
      const { control } = this.#parts;
      const before = control.seq;
      try {
        for (const [i, entry] of entries.entries()) await this.#take(from + i, entry);
      } finally {
        if (control.seq > before) this.#grew(before);
      }
    });
  }

  /** Takes nothing more; resolves when what was under way is done. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#queue;
  }

  async #take(seq: number, entry: string): Promise<void> {
    const { control, log } = this.#parts;
    if (this.#stopped || seq > control.seq + 1) return;
    if (seq <= control.seq) {
      if (control.entries(seq, seq)[0] === entry) return;
      throw new SandboxError('BAD_CONTROL_ENTRY', `Cannot accept control entry ${seq}: another one stands there`);
    }
    this.#parts.flushEdits();
    await control.append(entry);
    log.append(RecordType.control, new TextEncoder().encode(entry));
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

  #openAuthority(signer: ControlSigner | undefined): ControlAuthority | undefined {
    if (signer === undefined) return undefined;
    return new OwnerAuthority({
      signer,
      state: this.#parts.control.state,
      now: () => this.#parts.environment.now(),
      frontier: () => this.#parts.frontier(),
      append: (key, decide) => this.#appendOwn(key, decide),
    });
  }

  #appendOwn(signer: ControlSigner, decide: (state: ControlState) => ControlEntryBody | undefined): Promise<void> {
    return this.#exclusive(async () => {
      const { control, log, environment } = this.#parts;
      // What is being typed counts as written before the decision.
      this.#parts.flushEdits();
      const before = control.seq;
      const body = decide(control.state);
      if (body === undefined) return;
      await this.#take(before + 1, await control.sign(body, signer, environment.now()));
      this.#grew(before);
      await log.durable();
    });
  }

  #grew(before: number): void {
    this.#parts.log.write();
    this.#view = viewControl(this.#parts.control.state);
    this.#parts.onGrown(before, this.#view);
  }
}
