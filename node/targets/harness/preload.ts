/**
 * Runs before the program in every Node process of a launched tree (`NODE_OPTIONS=--require …/harness.cjs`). Starts
 * the harness worker, holds the main thread until the worker says that the breakpoints are armed or that nobody
 * wants it, and lets the worker's session go before the process ends.
 * It must not be noticed: it prints nothing, and whatever goes wrong here is dropped, because a debugger that failed
 * to attach must never be the reason why a program fails to run.
 */

import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { isMainThread, Worker } from 'node:worker_threads';
import { ownEntry } from './own-entry.ts';
import {
  type HarnessWorkerData,
  LAUNCH_VARIABLE,
  type LeavingMessage,
  Phase,
  type ProgramFacts,
  SessionState,
  SLOT_COUNT,
  Slot,
  SOCKET_VARIABLE,
} from './shared-state.ts';
import { isWrapper } from './wrappers.ts';

/** A worker boots in some 30 ms; a machine so loaded that this passes gets an unheld program instead of a late one. */
const WORKER_START_LIMIT_MS = 3_000;
/** Letting a session go takes about 1 ms. */
const LEAVE_LIMIT_MS = 500;
/**
 * The worker wakes the main thread for each message, so this only bounds the loss when a wake-up falls between two
 * waits. One long wait would not do: V8 handles inspector messages between statements, not inside Atomics.wait.
 */
const HOLD_SLICE_MS = 20;
const MAX_ARGUMENTS = 64;
const MAX_ARGUMENT_CHARS = 1_000;

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    // the folder was deleted under the program
    return path.sep;
  }
}

function clip(list: readonly string[]): string[] {
  return list.slice(0, MAX_ARGUMENTS).map((text) => text.slice(0, MAX_ARGUMENT_CHARS));
}

function hold(state: Int32Array): void {
  const giveUpAt = performance.now() + WORKER_START_LIMIT_MS;
  for (;;) {
    const seen = Atomics.load(state, Slot.wake);
    const phase = Atomics.load(state, Slot.phase);
    if (phase === Phase.running) return;
    // once started, the worker bounds the rest: it releases when the daemon is silent, gone, or takes too long
    if (phase === Phase.starting && performance.now() > giveUpAt) {
      // a worker that comes up later finds the program running
      if (Atomics.compareExchange(state, Slot.phase, Phase.starting, Phase.running) === Phase.starting) return;
    }
    Atomics.wait(state, Slot.wake, seen, HOLD_SLICE_MS);
  }
}

function leave(worker: Worker, state: Int32Array, code: number | null): void {
  if (Atomics.exchange(state, Slot.session, SessionState.leaving) !== SessionState.connected) return;
  worker.postMessage({ leaving: code } satisfies LeavingMessage);
  const giveUpAt = performance.now() + LEAVE_LIMIT_MS;
  while (Atomics.load(state, Slot.session) !== SessionState.gone && performance.now() < giveUpAt) {
    Atomics.wait(state, Slot.session, SessionState.leaving, 1);
  }
  // the disconnect itself is one more message for this thread: give V8 the statements between which it takes it
  for (let i = 0; i < 3; i++) Atomics.wait(state, Slot.session, SessionState.gone, 0);
}

/**
 * Before a program signals itself, Node runs its at-exit hooks, and with a session those print a line: many programs
 * end that way, to pass on the signal that they caught. The one seam below `process.kill` is `process._kill`.
 */
function leaveBeforeOwnSignal(worker: Worker, state: Int32Array): void {
  const owner: { _kill?: (pid: number, signal: number) => number } = process as object;
  const kill = owner._kill;
  if (typeof kill !== 'function') return;
  owner._kill = function _kill(pid, signal) {
    const isOwn = [0, -1, process.pid, -process.pid].includes(pid);
    if (signal <= 0 || !isOwn || hasListener(signal)) return kill.call(process, pid, signal);
    leaveQuietly(worker, state, null);
    const result = kill.call(process, pid, signal);
    // a harmless one (SIGWINCH, SIGCONT): the worker may offer it again
    Atomics.compareExchange(state, Slot.session, SessionState.gone, SessionState.none);
    Atomics.compareExchange(state, Slot.session, SessionState.leaving, SessionState.none);
    return result;
  };
}

function hasListener(signal: number): boolean {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return name !== undefined && process.listenerCount(name) > 0;
}

function leaveQuietly(worker: Worker, state: Int32Array, code: number | null): void {
  try {
    leave(worker, state, code);
  } catch {
    // the program is ending: the worst that is left is Node's own line about a waiting debugger
  }
}

function start(launch: string, socket: string): void {
  const entry = ownEntry();
  if (isWrapper({ entry, argv: process.argv, execArgv: process.execArgv })) return;
  const script = path.join(__dirname, 'harness-worker.cjs');
  if (!existsSync(script)) return;
  const buffer = new SharedArrayBuffer(SLOT_COUNT * Int32Array.BYTES_PER_ELEMENT);
  const state = new Int32Array(buffer);
  const facts: ProgramFacts = {
    launch,
    socket,
    argv: clip(process.argv),
    execArgv: clip(process.execArgv),
    cwd: currentFolder(),
    entry,
    nodeEnv: process.env['NODE_ENV'],
    startedAt: Math.round(performance.timeOrigin),
    ownFiles: [__filename, script],
  };
  const worker = new Worker(script, {
    name: 'sandmesh',
    workerData: { buffer, facts } satisfies HarnessWorkerData,
    // neither the program's switches (--cpu-prof, --require) nor its variables (NODE_V8_COVERAGE) are meant for us
    argv: [],
    execArgv: [],
    env: {},
    // not read by anyone: a warning printed in the worker must not reach the program's terminal
    stdout: true,
    stderr: true,
  });
  worker.unref();
  // without a listener a failure of the worker would become an uncaught exception of the program
  worker.on('error', () => undefined);
  hold(state);
  process.on('exit', (code) => leaveQuietly(worker, state, code));
  leaveBeforeOwnSignal(worker, state);
}

const launch = process.env[LAUNCH_VARIABLE];
const socket = process.env[SOCKET_VARIABLE];
if (isMainThread && launch !== undefined && launch !== '' && socket !== undefined && socket !== '') {
  try {
    start(launch, socket);
  } catch {
    // see the header: without a worker (no memory, --permission, a reduced runtime) the program just runs
  }
}
