/** Reads from the daemon's log why it did not start. */

import { open } from 'node:fs/promises';
import { type ErrorCode, isErrorCode } from '#shared/errors.ts';

const MAX_TAIL_BYTES = 64 * 1024;

export interface StartFailure {
  readonly text: string;
  /** The daemon's own, when it said one. */
  readonly code?: ErrorCode;
  /** Another daemon runs on this home: no failure, that one answers. */
  readonly lockHeld: boolean;
}

/** @param offset bytes of the log that are older than the start */
export async function failureInLog(file: string, offset: number): Promise<StartFailure | undefined> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = Math.min(size - offset, MAX_TAIL_BYTES);
    if (length <= 0) return undefined;
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return failureIn(buffer.toString('utf8'));
  } finally {
    await handle.close();
  }
}

/** The most telling line of a log: the last error record, else the last `SomeError: …`, else the last line. */
export function failureIn(log: string): StartFailure | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const lockHeld = log.includes('DAEMON_RUNNING');
  let fallback: string | undefined;
  for (const line of lines.reverse()) {
    const record = errorRecord(line);
    if (record !== undefined) return { ...record, lockHeld };
    const error = /^(?:Uncaught |sandmesh: )?(?:\w*Error(?: \[\w+\])?: )(.+)/.exec(line.trim())?.[1];
    if (error !== undefined) return { text: error, lockHeld };
    if (!line.startsWith('{') && !/^(\s|Node\.js v)/.test(line)) fallback ??= line.trim();
  }
  return fallback === undefined ? undefined : { text: fallback, lockHeld };
}

/** pino: level 50 is error, 60 fatal; `err` carries the error. */
function errorRecord(line: string): Pick<StartFailure, 'text' | 'code'> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const record: { level?: number; msg?: string; code?: string; err?: { message?: string } } = JSON.parse(line);
    const text = record.err?.message ?? record.msg;
    if ((record.level ?? 0) < 50 || text === undefined) return undefined;
    return isErrorCode(record.code) ? { text, code: record.code } : { text };
  } catch {
    // A torn line says nothing.
    return undefined;
  }
}
