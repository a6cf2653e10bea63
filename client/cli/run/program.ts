/**
 * The program under `run`: spawned with our own streams, in our process group. Signals that the terminal sends reach
 * it by themselves; those sent to us alone are passed on.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { SandboxError } from '#shared/errors.ts';
import { terminalSentInterrupt } from './terminal.ts';

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It could not be started at all: the exit code a shell would give, and why. */
  readonly failure?: { readonly exitCode: number; readonly error: SandboxError };
  /** Ends this process by the signal that ended the program, so that the shell sees the same. */
  dieAlike(): void;
}

/** From the keyboard they go to the whole foreground group. */
const KEYBOARD_SIGNALS = ['SIGINT', 'SIGQUIT'] as const;
/** Meant for whoever they were sent to. SIGUSR1 would otherwise open an inspector in this process. */
const DIRECT_SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** Runs `argv` to its end; never rejects. */
export function runProgram(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<ProgramEnd> {
  return new ProgramInTerminal(argv, env).ended;
}

/** A child that has our terminal, from its start to its end. */
export class ProgramInTerminal {
  /** Never rejects. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;

  /** @param folder ours unless given */
  constructor(argv: readonly string[], env: NodeJS.ProcessEnv, folder?: string) {
    const [command = '', ...args] = argv;
    // npm and npx are .cmd files on Windows, which only a shell can start.
    const isWindows = process.platform === 'win32';
    const where = folder === undefined || folder === '' ? {} : { cwd: folder };
    const child = spawn(command, args, { stdio: 'inherit', env, shell: isWindows, ...where });
    this.#child = child;
    this.ended = new Promise((resolve) => {
      const release = passSignals(child);
      const finish = (end: Omit<ProgramEnd, 'dieAlike'>): void => {
        release();
        resolve({ ...end, dieAlike: () => dieBy(end.signal) });
      };
      child.once('error', (cause: NodeJS.ErrnoException) => {
        if (child.pid === undefined) finish({ exitCode: null, signal: null, failure: startFailure(command, cause) });
      });
      child.once('exit', (exitCode, signal) => finish({ exitCode, signal }));
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

function passSignals(child: ChildProcess): () => void {
  const handlers = new Map<NodeJS.Signals, () => void>();
  for (const signal of KEYBOARD_SIGNALS) {
    handlers.set(signal, () => {
      if (!terminalSentInterrupt()) child.kill(signal);
    });
  }
  for (const signal of DIRECT_SIGNALS) handlers.set(signal, () => void child.kill(signal));
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

function dieBy(signal: NodeJS.Signals | null): void {
  if (signal !== null) process.kill(process.pid, signal);
}

/** As shells do: 127 not found, 126 found but not executable. */
function startFailure(command: string, cause: NodeJS.ErrnoException): NonNullable<ProgramEnd['failure']> {
  const notFound = cause.code === 'ENOENT';
  const why = notFound ? 'there is no such command' : cause.code === 'EACCES' ? 'it is not executable' : cause.message;
  const error = new SandboxError('PROCESS_UNKNOWN', `Cannot run "${command}": ${why}`, {
    cause,
    ...(notFound ? { hint: 'Check the spelling; commands of the project run with npx in front.' } : {}),
  });
  return { exitCode: notFound ? 127 : 126, error };
}
