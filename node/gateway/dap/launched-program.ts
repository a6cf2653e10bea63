/**
 * A program that a client launched: run by the client's own terminal where it has one, else spawned here with its
 * output as events. It ends with its session unless the client says otherwise.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { SandboxError } from '#shared/errors.ts';

/** Between asking and forcing. */
const GRACE_MS = 2_000;

export interface LaunchCommand {
  readonly argv: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface LaunchedProgram {
  /** False once its end is known. */
  readonly isRunning: boolean;
  /** Its output comes as events of its own, not as the target's console. */
  readonly pipesOutput: boolean;
  /**
   * Asks it to end; forces it when it does not within two seconds or `force` says so.
   *
   * @returns false: it cannot be reached from here
   */
  terminate(force: boolean): boolean;
}

export interface SpawnEvents {
  onOutput(category: 'stdout' | 'stderr', text: string): void;
  onEnd(exitCode: number | null, signal: string | null): void;
}

/** Runs in a process group of its own, so that ending it ends what it started. */
export class SpawnedProgram implements LaunchedProgram {
  readonly pipesOutput = true;
  readonly #child: ChildProcess;
  #isRunning = true;

  private constructor(child: ChildProcess, events: SpawnEvents) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => events.onOutput('stdout', text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => events.onOutput('stderr', text));
    // 'close' comes after the last output.
    child.once('close', (code, signal) => {
      this.#isRunning = false;
      events.onEnd(code, signal);
    });
  }

  /** @throws {SandboxError} PROCESS_UNKNOWN when it cannot be started */
  static start({ argv, folder, env }: LaunchCommand, events: SpawnEvents): Promise<SpawnedProgram> {
    const [command = '', ...args] = argv;
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
      child.once('error', (cause) => {
        if (child.pid !== undefined) return;
        reject(
          new SandboxError('PROCESS_UNKNOWN', `Cannot run "${command}" in "${folder}": ${cause.message}`, { cause }),
        );
      });
      child.once('spawn', () => resolve(new SpawnedProgram(child, events)));
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  terminate(force: boolean): boolean {
    this.#signal(force ? 'SIGKILL' : 'SIGTERM');
    if (force || !this.#isRunning) return true;
    const timer = setTimeout(() => this.#signal('SIGKILL'), GRACE_MS);
    this.#child.once('close', () => clearTimeout(timer));
    return true;
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || !this.#isRunning) return;
    try {
      if (process.platform === 'win32') this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch (error) {
      // Ended between the question and the signal.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Runs in a terminal of the client's: its end is known from its target, and ended by it. */
export class TerminalProgram implements LaunchedProgram {
  readonly isRunning = false;
  readonly pipesOutput = false;
  readonly #terminate: (force: boolean) => boolean;

  constructor(terminate: (force: boolean) => boolean) {
    this.#terminate = terminate;
  }

  terminate(force: boolean): boolean {
    return this.#terminate(force);
  }
}
