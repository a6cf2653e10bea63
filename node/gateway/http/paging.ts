/** Lists in pages: `limit` items after an opaque `cursor`, and the next page's cursor while there is one. */

import { SandboxError } from '#shared/errors.ts';

export const MAX_PAGE = 1_000;

/** Of the last items that were given: one of them still there is enough to go on behind. */
const REMEMBERED = 4;

export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  /** What names an item, and no other of the list; `id` unless given. */
  readonly key?: string | undefined;
}

type Name = string | number;

/** @throws {SandboxError} BAD_ARGUMENT for a cursor that none of our pages gave */
export function pageOf(
  items: readonly unknown[],
  { limit = MAX_PAGE, cursor, key = 'id' }: PageQuery,
): { readonly items: unknown[]; readonly next?: string } {
  const names = items.map((item) => nameOf(item, key));
  const start = cursor === undefined ? 0 : after(names, cursor);
  const end = start + limit;
  const page = items.slice(start, end);
  if (end >= items.length) return { items: page };
  return { items: page, next: encode(end - 1, names.slice(Math.max(0, end - REMEMBERED), end)) };
}

/** Behind the last item given by its name, so that what comes and goes before it, itself included, moves no page. */
function after(names: readonly (Name | undefined)[], cursor: string): number {
  const { index, given } = decode(cursor);
  for (const name of given.toReversed()) {
    const found = names.indexOf(name);
    if (found >= 0) return found + 1;
  }
  // All of them are gone, and took their places along.
  return Math.max(0, index + 1 - given.length);
}

function nameOf(item: unknown, key: string): Name | undefined {
  const name = typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined;
  return isName(name) ? name : undefined;
}

function isName(value: unknown): value is Name {
  return typeof value === 'string' || typeof value === 'number';
}

function encode(index: number, given: readonly (Name | undefined)[]): string {
  return Buffer.from(JSON.stringify([index, ...given.filter(isName)])).toString('base64url');
}

function decode(cursor: string): { readonly index: number; readonly given: readonly Name[] } {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && Number.isSafeInteger(value[0]) && value[0] >= 0) {
      return { index: value[0], given: value.slice(1).filter(isName) };
    }
  } catch {
    // Not one of ours: said below.
  }
  throw new SandboxError('BAD_ARGUMENT', `Cannot go on from the cursor "${cursor.slice(0, 80)}"`, {
    hint: 'Take "next" of the page before, or leave it out.',
  });
}
