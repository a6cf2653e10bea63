/**
 * The few integers that the program's main thread (preload) and the harness worker share. They are the only channel
 * that works while the main thread stands still, held before its first line or leaving in its `exit` event.
 */

/** Indexes into the Int32Array. */
export const Slot = { phase: 0, wake: 1, session: 2 } as const;
export const SLOT_COUNT = 3;

/** Of `Slot.phase`: where the program's start stands. Only ever grows. */
export const Phase = { starting: 0, held: 1, running: 2 } as const;

/**
 * Of `Slot.session`: whether the worker holds an inspector session to the main thread. A process that ends with one
 * would print "Waiting for the debugger to disconnect...", so leaving and connecting exclude each other here.
 */
export const SessionState = { none: 0, connected: 1, leaving: 2, gone: 3 } as const;

/** What the preload knows about the program; read in the main thread, sent on by the worker. */
export interface ProgramFacts {
  readonly launch: string;
  readonly socket: string;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly cwd: string;
  readonly entry: string | undefined;
  readonly nodeEnv: string | undefined;
  readonly startedAt: number;
  /** The bundled harness's own files, kept out of what the daemon sees. */
  readonly ownFiles: readonly string[];
}

export interface HarnessWorkerData {
  readonly buffer: SharedArrayBuffer;
  readonly facts: ProgramFacts;
}

/** Main thread → worker: with the exit code in the `exit` event, null before the program signals itself. */
export interface LeavingMessage {
  readonly leaving: number | null;
}

/** Names of the environment variables that bring the harness into a process. */
export const LAUNCH_VARIABLE = 'SANDMESH_LAUNCH';
export const SOCKET_VARIABLE = 'SANDMESH_TARGETS';
