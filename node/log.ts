/** The daemon's log file: structured lines, never a secret. Only the edges write to it. */

import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * @param file created 0600; undefined logs to stderr
 * @param level pino's names, `silent` included
 */
export function createLogger(file: string | undefined, level: string): Logger {
  const destination = pino.destination({ dest: file ?? 2, sync: true, mode: 0o600, append: true });
  return pino(
    { level, base: { pid: process.pid }, redact: { paths: ['link', 'seed', 'token'], censor: '(secret)' } },
    destination,
  );
}
