/** The last hits of one target's logpoints and tracepoints, for whoever looks later. */

import type { Hit } from '#shared/model/hit.ts';
import type { Mask } from '../inspection/preview.ts';

const KEPT = 1_000;

export class KeptHits {
  #kept: Hit[] = [];

  add(hits: readonly Hit[]): void {
    this.#kept.push(...hits);
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT);
  }

  /** @returns the last `limit`, oldest first; those after `after` only */
  read(after = 0, limit = KEPT): Hit[] {
    return this.#kept.filter(({ sequence }) => sequence > after).slice(-limit);
  }
}

/** As whoever may not run code sees it. */
export function maskHit(hit: Hit, mask: Mask): Hit {
  const { returned, threw } = hit;
  const values = hit.values.map(({ name, value }) => ({ name, value: mask(name, value).slice(0, 1000) }));
  // The line holds the values as they are: whatever is masked of its own is masked in it, too.
  const text = hit.values.reduce(
    (line, { value }, i) => (values[i]?.value === value ? line : line.replaceAll(bare(value), values[i]?.value ?? '')),
    hit.text,
  );
  return {
    ...hit,
    values,
    text: mask('', text).slice(0, 10_000),
    ...(returned === undefined ? {} : { returned: mask('', returned).slice(0, 1000) }),
    ...(threw === undefined ? {} : { threw: mask('', threw).slice(0, 1000) }),
  };
}

function bare(value: string): string {
  return value.length > 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
