/**
 * The kept tail of one target's console. Lines go out in batches; what comes faster than anybody reads is dropped and
 * said so, so that a target printing 100,000 lines a second costs no more than one printing a few thousand.
 */

import type { TargetId } from '#shared/ids.ts';
import type { ConsoleLine } from '#shared/model/target.ts';
import { count } from '#shared/plural.ts';
import type { Timers } from '../timers.ts';

export interface OutputLimits {
  /** Lines kept for those who look later. */
  readonly keptLines: number;
  readonly batchEveryMs: number;
  readonly batchLines: number;
  /** UTF-16 units of text in a batch: it has to fit into a frame. */
  readonly batchLength: number;
}

export const OUTPUT_LIMITS: OutputLimits = {
  keptLines: 2000,
  batchEveryMs: 40,
  batchLines: 200,
  batchLength: 256 * 1024,
};

export class Output {
  readonly #target: TargetId;
  readonly #timers: Timers;
  readonly #limits: OutputLimits;
  readonly #onLines: (lines: ConsoleLine[]) => void;
  #kept: ConsoleLine[] = [];
  #batch: ConsoleLine[] = [];
  #batchLength = 0;
  #sequence = 0;
  #dropped = 0;
  #cancel: (() => void) | undefined;

  constructor(
    target: TargetId,
    timers: Timers,
    onLines: (lines: ConsoleLine[]) => void,
    limits: OutputLimits = OUTPUT_LIMITS,
  ) {
    this.#target = target;
    this.#timers = timers;
    this.#onLines = onLines;
    this.#limits = limits;
  }

  /** @param text made only when the line is kept */
  add(stream: ConsoleLine['stream'], text: () => string): void {
    this.#sequence += 1;
    const isFull = this.#batch.length >= this.#limits.batchLines || this.#batchLength >= this.#limits.batchLength;
    if (isFull) {
      this.#dropped += 1;
      return;
    }
    const line: ConsoleLine = {
      target: this.#target,
      sequence: this.#sequence,
      stream,
      text: text(),
      at: this.#timers.now(),
      ...(this.#dropped > 0 ? { dropped: this.#dropped } : {}),
    };
    this.#dropped = 0;
    this.#batch.push(line);
    this.#batchLength += line.text.length;
    this.#cancel ??= this.#timers.after(this.#limits.batchEveryMs, () => this.flush());
  }

  /** Lines that were dropped before they came here. */
  addDropped(lines: number): void {
    this.#sequence += lines;
    this.#dropped += lines;
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#dropped > 0) this.#closeGap();
    const lines = this.#batch;
    if (lines.length === 0) return;
    this.#batch = [];
    this.#batchLength = 0;
    this.#kept.push(...lines);
    if (this.#kept.length > this.#limits.keptLines) this.#kept = this.#kept.slice(-this.#limits.keptLines);
    this.#onLines(lines);
  }

  /** @returns the last `limit` lines, oldest first; those after `after` only */
  read(after = 0, limit = this.#limits.keptLines): ConsoleLine[] {
    this.flush();
    return this.#kept.filter(({ sequence }) => sequence > after).slice(-limit);
  }

  /** Says at once what was dropped: there may be no further line to say it with. */
  #closeGap(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#batch.push({
      target: this.#target,
      sequence: this.#sequence,
      stream: 'system',
      text: `${count(dropped, 'line')} dropped: they came faster than they can be shared`,
      at: this.#timers.now(),
      dropped,
    });
  }
}
