/** A command on a pseudo-terminal, typed at and read from by a test. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import path from 'node:path';

const SCRIPT = path.join(import.meta.dirname, 'pseudo-terminal.py');
export const COLUMNS = 132;
export const ROWS = 43;

export interface End {
  readonly code: number | null;
  /** Number: 2 is SIGINT, 9 SIGKILL. */
  readonly signal: number | null;
}

export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<End>;
  /** Everything the terminal showed, escape sequences included. */
  shown = '';

  constructor(command: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.#child = spawn('python3', [SCRIPT, String(COLUMNS), String(ROWS), ...command], options);
    let report = '';
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
    this.#child.stderr.on('data', (chunk) => {
      report += chunk;
    });
    // A command that ended does not take what was typed after it.
    this.#child.stdin.on('error', () => undefined);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('close', () => {
        try {
          resolve(JSON.parse(report.trim().split('\n').at(-1) ?? ''));
        } catch {
          reject(new Error(`the pseudo-terminal failed: ${report}`));
        }
      });
    });
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until the terminal has shown `text`; what was shown so far is in the error. */
  async shows(text: string | RegExp, limitMs = 15_000): Promise<void> {
    const giveUpAt = Date.now() + limitMs;
    const fits = (): boolean => (typeof text === 'string' ? this.shown.includes(text) : text.test(this.shown));
    while (!fits()) {
      if (Date.now() > giveUpAt) throw new Error(`the terminal never showed ${text}; it showed:\n${this.shown}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends what still runs; for the way out of a failed test. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
