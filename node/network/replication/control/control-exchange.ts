/**
 * Levels the control logs with one peer: what it is known to have, what it lacks, whether it has something that is
 * missing here. Logs may have forked: what each side names are the last entries of all branches.
 */

import type { ControlLog, LogTips } from '#protocol/control-log.ts';
import type { ControlPosition } from '#protocol/envelope.ts';

/** Characters of control entries in one message. */
const BATCH_CHARS = 1024 * 1024;

export class ControlExchange {
  readonly #control: ControlLog;
  readonly #send: (entries: readonly string[]) => void;
  /** Hashes of entries the peer has: it named or sent them, or was sent them. */
  readonly #known = new Set<string>();
  /** What the peer named last; undefined until it spoke. */
  #tips: readonly LogTips[] | undefined;

  constructor(control: ControlLog, send: (entries: readonly string[]) => void) {
    this.#control = control;
    this.#send = send;
  }

  /** Whether the peer has said what it has. */
  get heard(): boolean {
    return this.#tips !== undefined;
  }

  /** Whether everything the peer named is here. */
  get complete(): boolean {
    return this.#tips?.every(({ tips }) => tips.every(({ hash }) => this.#control.has(hash))) ?? false;
  }

  hear(logs: readonly LogTips[]): void {
    this.#tips = logs;
  }

  /** Entries that the peer sends: they need not go back. */
  note(entries: readonly string[]): void {
    for (const entry of entries) this.#known.add(this.#control.hashOf(entry));
  }

  /** Sends what the peer lacks. @param upTo no more than this of each log; absent: everything */
  level(upTo?: ControlPosition): void {
    if (this.#tips === undefined) return;
    for (const { tips } of this.#tips) {
      for (const { hash } of tips) {
        for (const known of this.#control.ancestry(hash, (own) => this.#known.has(own))) this.#known.add(known);
      }
    }
    const ahead = new Set(this.#tips.filter((log) => this.#isAhead(log)).map(({ log }) => log));
    let batch: string[] = [];
    let chars = 0;
    for (const { log, compact, hash } of this.#control.entriesBeyond((known) => this.#known.has(known), upTo)) {
      if (ahead.has(log)) continue;
      this.#known.add(hash);
      if (batch.length > 0 && chars + compact.length > BATCH_CHARS) {
        this.#send(batch);
        batch = [];
        chars = 0;
      }
      batch.push(compact);
      chars += compact.length;
    }
    if (batch.length > 0) this.#send(batch);
  }

  /**
   * Whether the peer may have everything of this log and more: what it lacks shows once its entries are here. A head of
   * its own at or below ours that is not here lies on another branch: then each side sends all it has.
   */
  #isAhead({ log, tips }: LogTips): boolean {
    const missing = tips.filter(({ hash }) => !this.#control.has(hash));
    const highest = this.#control.highest(log);
    return missing.length > 0 && missing.every(({ seq }) => seq > highest);
  }
}
