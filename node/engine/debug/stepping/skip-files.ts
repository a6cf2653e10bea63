/**
 * Globs of files that one client's step does not end in (`skipFiles` of VS Code). They come from members, so they are
 * matched by hand: a regular expression made of them could run for ever.
 */

import { fileURLToPath } from 'node:url';

interface Pattern {
  readonly parts: readonly string[];
  /** `!…`: not skipped after all. */
  readonly isException: boolean;
}

export class SkipFiles {
  readonly #patterns: readonly Pattern[];
  /** A program has the same scripts at every step. */
  readonly #known = new Map<string, boolean>();

  /**
   * @param patterns paths with `*`, `?` and `**`, the last one that fits decides; with `!` in front it is an exception.
   * `<node_internals>/**` says what is so anyway.
   */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((text) => {
      const isException = text.startsWith('!');
      return { isException, parts: partsOf(isException ? text.slice(1) : text) };
    });
  }

  /** @param url of a script, as V8 has it: a file URL or a path */
  has(url: string): boolean {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const parts = partsOf(pathOf(url));
    const isSkipped = this.#patterns.findLast((pattern) => fits(pattern.parts, parts))?.isException === false;
    this.#known.set(url, isSkipped);
    return isSkipped;
  }
}

function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url; // of another system
  }
}

function partsOf(path: string): string[] {
  return path.split(/[\\/]/);
}

/** Part by part; `**` takes any number of them. Both loops go forward only, so that no input takes long. */
function fits(pattern: readonly string[], path: readonly string[]): boolean {
  return wildcardFits(pattern, path, (part) => part === '**', partFits);
}

function partFits(pattern: string | undefined, part: string | undefined): boolean {
  if (pattern === undefined || part === undefined) return false;
  const isSign = (sign: string | undefined, letter: string | undefined): boolean => sign === '?' || sign === letter;
  return wildcardFits([...pattern], [...part], (sign) => sign === '*', isSign);
}

/** Coming back to the last wildcard only is enough: what an earlier one could take, the last one can. */
function wildcardFits(
  pattern: readonly string[],
  text: readonly string[],
  isWildcard: (sign: string | undefined) => boolean,
  isSame: (sign: string | undefined, letter: string | undefined) => boolean,
): boolean {
  let [at, sign, wildcard, taken] = [0, 0, -1, 0];
  while (at < text.length) {
    if (sign < pattern.length && isWildcard(pattern[sign])) {
      wildcard = sign;
      taken = at;
      sign += 1;
    } else if (sign < pattern.length && isSame(pattern[sign], text[at])) {
      sign += 1;
      at += 1;
    } else if (wildcard >= 0) {
      taken += 1;
      at = taken;
      sign = wildcard + 1;
    } else return false;
  }
  while (sign < pattern.length && isWildcard(pattern[sign])) sign += 1;
  return sign === pattern.length;
}
