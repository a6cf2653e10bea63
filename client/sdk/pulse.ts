/**
 * Whether the daemon is still there. One that hangs, or a machine that went away without a word, leaves a connection that
 * looks open, for good: whoever only listens would wait and never be told. A page can neither send a WebSocket's ping nor
 * see one, so the question is a message like any other, and any message is an answer.
 */

import { SandboxError } from '#shared/errors.ts';

const BEAT_MS = 10_000;
/**
 * Beats are counted, not time: after the sleep of a laptop, or in a tab whose timers the browser holds back, there is one
 * beat for all that was missed, and the answer to it is still to be read.
 */
const SILENT_BEATS = 3;

export interface PulseOptions {
  /** Sends what has to be answered. */
  readonly ask: () => void;
  /** Nothing was heard for 20 to 30 s, and two questions were not answered. */
  readonly onSilent: (reason: SandboxError) => void;
  /** Runs the task again and again until told to end; with the machine's timers unless given. */
  readonly every?: (ms: number, task: () => void) => () => void;
}

export class Pulse {
  readonly #stop: () => void;
  #silent = 0;

  /** Beats until {@link stop}. */
  constructor({ ask, onSilent, every = everyInterval }: PulseOptions) {
    this.#stop = every(BEAT_MS, () => {
      if (++this.#silent < SILENT_BEATS) return ask();
      this.stop();
      const text = `The daemon has not answered for ${((SILENT_BEATS - 1) * BEAT_MS) / 1000} s`;
      onSilent(
        new SandboxError('DAEMON_UNREACHABLE', text, {
          hint: 'It hangs or its machine is away; "sandmesh doctor" there looks for the reason.',
        }),
      );
    });
  }

  /** Something came. */
  heard(): void {
    this.#silent = 0;
  }

  /** Safe to call twice. */
  stop(): void {
    this.#stop();
  }
}

function everyInterval(ms: number, task: () => void): () => void {
  const timer: unknown = setInterval(task, ms);
  // In Node a timer must not keep the program; a browser's is a number.
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
  return () => clearInterval(timer as Parameters<typeof clearInterval>[0]);
}
