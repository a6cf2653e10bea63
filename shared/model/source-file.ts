/**
 * How a source file is named between machines whose checkouts lie in different folders.
 */

import { z } from 'zod';
import { contentHashSchema } from './schemas.ts';

/**
 * `path` is posix, relative, without `..`: from the project root, or from the package's own folder when `package`
 * (`name@version`) is given. Node's own modules have `package: 'node'` and `path: 'fs'`-like names.
 * `sha256` is over the file's bytes on disk as the writer saw them; absent when the writer had no copy.
 */
export const sourceFileSchema = z.object({
  path: z
    .string()
    .min(1)
    .max(1024)
    .refine((p) => !p.startsWith('/') && !p.split('/').includes('..'), 'path must be relative, without ".."'),
  package: z.string().max(256).optional(),
  sha256: contentHashSchema.optional(),
});
export type SourceFile = z.infer<typeof sourceFileSchema>;

/** Line and column are 1-based, as people and editors count them; columns count UTF-16 units. */
export const positionSchema = z.object({
  line: z.number().int().min(1).max(10_000_000),
  column: z.number().int().min(1).max(10_000_000).optional(),
});
export type Position = z.infer<typeof positionSchema>;

/** `name@version/path` inside a package, plain path inside the project. */
export function formatSourceFile(file: Pick<SourceFile, 'path' | 'package'>): string {
  return file.package === undefined ? file.path : `${file.package}/${file.path}`;
}

/** Same file by name, whatever its contents. */
export function isSameFile(a: SourceFile, b: SourceFile): boolean {
  return a.path === b.path && a.package === b.package;
}
