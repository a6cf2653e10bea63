/** The daemon's log file: structured lines, never a secret. Only the edges write to it. */

import { openSync, writeSync } from 'node:fs';
import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * @param file created 0600; undefined logs to stderr
 * @param level pino's names, `silent` included
 */
export function createLogger(file: string | undefined, level: string): Logger {
  const destination = new LogLines(file === undefined ? 2 : openSync(file, 'a', 0o600));
  return pino(
    { level, base: { pid: process.pid }, redact: { paths: ['link', 'seed', 'token'], censor: '(secret)' } },
    destination,
  );
}

/**
 * Written as they come, so that a line is there when the process dies. One that finds no room is lost: pino's own
 * destination throws at whoever logs, which ends the daemon, and waits for ever to tell of a fatal end.
 */
class LogLines {
  readonly #fd: number;
  #lost = 0;
  /** The last line is there in part. */
  #torn = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${this.#lossText()}${line}`);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
      this.#torn = false;
      this.#lost = 0;
    } catch {
      this.#torn ||= written > 0;
      this.#lost += 1;
    }
  }

  #lossText(): string {
    if (this.#lost === 0) return '';
    const said = { level: 40, time: Date.now(), pid: process.pid, msg: 'lines before this found no room' };
    return `${JSON.stringify({ ...said, lost: this.#lost })}\n`;
  }
}
