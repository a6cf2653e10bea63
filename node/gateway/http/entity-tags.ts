/**
 * ETags of response bodies. Whoever polls mostly gets the body of last time: those that are asked for again and again are
 * kept with their tags, since hashing one costs more than making it.
 */

import { hash } from 'node:crypto';

const MOST_KEPT = 64;
/** A large one costs more to make than to hash, and its memory would be kept for nothing. */
const MAX_KEPT_CHARS = 4_096;

export class EntityTags {
  readonly #kept = new Map<string, string>();

  /** @returns a strong tag, in quotes: equal for equal bodies */
  of(body: string): string {
    const kept = this.#kept.get(body);
    if (kept !== undefined) return kept;
    const tag = `"${hash('sha1', body, 'base64url')}"`;
    if (body.length > MAX_KEPT_CHARS) return tag;
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(body, tag);
    return tag;
  }
}
