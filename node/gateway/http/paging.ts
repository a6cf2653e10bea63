/** Lists in pages: `limit` items after an opaque `cursor`, and the next page's cursor while there is one. */

import { SandboxError } from '#shared/errors.ts';

export const MAX_PAGE = 1_000;

export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** @throws {SandboxError} BAD_ARGUMENT for a cursor that none of our pages gave */
export function pageOf(
  items: readonly unknown[],
  query: PageQuery,
): { readonly items: unknown[]; readonly next?: string } {
  const start = query.cursor === undefined ? 0 : after(items, query.cursor);
  const end = start + (query.limit ?? MAX_PAGE);
  const page = items.slice(start, end);
  if (end >= items.length) return { items: page };
  return { items: page, next: encode(idOf(page.at(-1)), end - 1) };
}

/** Behind the item named by its id where it has one, so that what comes and goes before it moves no page. */
function after(items: readonly unknown[], cursor: string): number {
  const { id, index } = decode(cursor);
  if (id !== undefined) {
    const found = items.findIndex((item) => idOf(item) === id);
    if (found >= 0) return found + 1;
  }
  return index + (id === undefined ? 1 : 0);
}

function idOf(item: unknown): string | number | undefined {
  const id = typeof item === 'object' && item !== null && 'id' in item ? item.id : undefined;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

function encode(id: string | number | undefined, index: number): string {
  return Buffer.from(JSON.stringify(id === undefined ? [index] : [index, id])).toString('base64url');
}

function decode(cursor: string): { readonly id: string | number | undefined; readonly index: number } {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && Number.isSafeInteger(value[0]) && value[0] >= 0) {
      const id: unknown = value[1];
      return { index: value[0], id: typeof id === 'string' || typeof id === 'number' ? id : undefined };
    }
  } catch {
    // Not one of ours: said below.
  }
  throw new SandboxError('BAD_ARGUMENT', `Cannot go on from the cursor "${cursor.slice(0, 80)}"`, {
    hint: 'Take "next" of the page before, or leave it out.',
  });
}
