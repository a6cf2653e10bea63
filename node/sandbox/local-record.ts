/**
 * What this machine alone knows about a sandbox: its folder, whether it is private, and the secrets of links it
 * printed, so that the next `run` can print the same link. One file, 0600; nothing of it is ever shared.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { ROLES } from '#shared/rights.ts';
import { readJsonFile, writeFileAtomic } from '../storage/atomic-file.ts';

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

const storedInviteSchema = z.object({
  seed: hex(32),
  publicKey: hex(32),
  role: z.enum(ROLES),
  expiresAt: z.number(),
});
export type StoredInvite = z.infer<typeof storedInviteSchema>;

const localRecordSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  /** Absolute path of the project's root here. */
  folder: z.string().optional(),
  reach: z.enum(['private', 'loopback', 'lan']),
  invites: z.array(storedInviteSchema),
});
export type LocalRecord = z.infer<typeof localRecordSchema>;

const FILE_NAME = 'local.json';

export function writeLocalRecord(sandboxDir: string, record: LocalRecord): void {
  writeFileAtomic(join(sandboxDir, FILE_NAME), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * @returns undefined when the folder holds none (a sandbox that was never finished)
 * @throws {SandboxError} STORAGE_CORRUPT
 */
export function readLocalRecord(sandboxDir: string): LocalRecord | undefined {
  const raw = readJsonFile(join(sandboxDir, FILE_NAME));
  if (raw === undefined) return undefined;
  const parsed = localRecordSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new SandboxError('STORAGE_CORRUPT', `Cannot use "${join(sandboxDir, FILE_NAME)}": it has an unknown shape`, {
    hint: 'It may come from a later sandmesh: update, or restore it from a backup.',
  });
}
