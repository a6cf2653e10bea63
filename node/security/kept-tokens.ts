/** Tokens of the local HTTP API as they are kept: their text, which is shown once, and the files in the folder of keys. */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { SCOPES } from '#protocol/api/scopes.ts';
import { SandboxError } from '#shared/errors.ts';
import { writeFileAtomic } from '../storage/atomic-file.ts';
import { createPrivateFile, readPrivateFile } from '../storage/private-file.ts';

const MAX_FILE_BYTES = 1024 * 1024;

const recordSchema = z.object({
  id: z.string(),
  label: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  /** SHA-256 of the secret, hex: the file gives nobody a token. */
  hash: z.string(),
  createdAt: z.number(),
  expiresAt: z.number().optional(),
  /** Token that asked for it; absent: this user did. */
  madeBy: z.string().optional(),
});
export type TokenRecord = z.infer<typeof recordSchema>;
const fileSchema = z.object({ tokens: z.array(recordSchema) });

/** What a token may be known by. */
export type TokenInfo = Omit<TokenRecord, 'hash' | 'madeBy'>;

/** Where the daemon leaves the token of its own user. */
export function ownTokenFile(keysDir: string): string {
  return join(keysDir, 'api.token');
}

export async function readOrCreate(path: string, make: () => string): Promise<string> {
  const existing = await readPrivateFile(path, MAX_FILE_BYTES);
  if (existing !== undefined) return existing;
  await createPrivateFile(path, `${make()}\n`);
  return (await readPrivateFile(path, MAX_FILE_BYTES)) ?? '';
}

export async function readRecords(path: string): Promise<TokenRecord[]> {
  const text = await readPrivateFile(path, MAX_FILE_BYTES);
  if (text === undefined) return [];
  try {
    return fileSchema.parse(JSON.parse(text)).tokens;
  } catch (cause) {
    throw new SandboxError('BAD_KEY', `Cannot read the tokens in "${path}"`, {
      hint: 'Remove the file: every token in it ends.',
      cause,
    });
  }
}

export function saveRecords(path: string, tokens: readonly TokenRecord[]): void {
  writeFileAtomic(path, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
}

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** `smt_<id>_<secret>`: recognised by secret scanners, found by its id. */
export function formatToken(id: string, secret: string): string {
  return `smt_${id}_${secret}`;
}

export function parseToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const match = /^smt_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43})$/.exec(text);
  return match === null ? undefined : { id: match[1] as string, secret: match[2] as string };
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

export function equalHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

export function describe({ hash: _hash, madeBy: _madeBy, ...info }: TokenRecord): TokenInfo {
  return info;
}
