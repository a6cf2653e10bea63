/**
 * How soon V8 optimises what the daemon runs. By the measure of Node 20's a function is compiled well once 66 KiB of its
 * bytecode were run: what handles a keystroke is hundreds of small functions, each passed once, so that by the time they
 * are compiled most of a session's keystrokes are over. Later ones count calls and have a compiler in between.
 */

import { setFlagsFromString } from 'node:v8';

/** The last whose measure is bytes. */
const LAST_MAJOR = 11;
/** Bytes. With 33,000 the first two thousand keystrokes still take longer to the other side. */
const INTERRUPT_BUDGET = 12_000;

/** V8's own. */
const USUAL_BUDGET = 66 * 1024;

/**
 * For this process, from now on. Not to be called before edits go by: to start and to join is code that runs once, and
 * compiling it takes the processor from running it.
 */
export function optimiseSoon(): void {
  setBudget(INTERRUPT_BUDGET);
}

/**
 * For code that is going to be written down. Of a function V8 writes down that Sparkplug, its first compiler, has had it.
 * In whoever takes the code, V8 then does not come back to the function after a few calls, to hand it to Sparkplug, but
 * when the budget of those first calls is used up: the usual one, for which {@link optimiseSoon} comes too late.
 * Keystrokes took a quarter longer (measured).
 */
export function runToBeWritten(): void {
  setFlagsFromString('--no-sparkplug');
}

/** As at the start: V8 refuses code that was written down under other settings than those of whoever takes it. */
export function runAsUsual(): void {
  setFlagsFromString('--sparkplug');
  setBudget(USUAL_BUDGET);
}

function setBudget(bytes: number): void {
  const [major] = process.versions.v8.split('.');
  if (Number(major) <= LAST_MAJOR) setFlagsFromString(`--interrupt-budget=${bytes}`);
}
