/** The port a daemon had last, so that links and addresses stay valid when it starts again. */

import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from './atomic-file.ts';

/** @returns 0 when none is remembered: missing on the first start, and unreadable is as good as missing */
export async function readPort(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const port = Number(text.trim());
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
}

/** @throws {SandboxError} HOME_UNWRITABLE */
export function rememberPort(file: string, port: number): void {
  writeFileAtomic(file, `${port}\n`);
}
