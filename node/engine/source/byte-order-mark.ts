/** Texts that differ in a byte order mark alone: V8 and compilers drop it, editors keep it in the file. */

import { createHash } from 'node:crypto';
import type { ContentHash } from '#shared/ids.ts';

/** Whether a hash is of this text, with or without a byte order mark. */
export function isHashOf(text: string, hash: ContentHash): boolean {
  const plain = text.replace(/^\uFEFF/, '');
  return [plain, `\uFEFF${plain}`].some((version) => createHash('sha256').update(version).digest('hex') === hash);
}
