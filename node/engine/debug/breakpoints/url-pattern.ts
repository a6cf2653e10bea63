/**
 * Which scripts a breakpoint of kind `script` means. A DevTools client may name them by a regular expression, which V8
 * would test against every script it loads: only a plain form that cannot run away is taken.
 */

import type { BreakpointWhere } from '#shared/model/breakpoint.ts';
import { escapeRegex } from '../script-urls.ts';

type ScriptBreakpoint = Extract<BreakpointWhere, { kind: 'script' }>;

export interface ScriptMatcher {
  /** As a regular expression, for V8. */
  readonly source: string;
  matches(url: string): boolean;
}

const MAX_PATTERN_LENGTH = 1024;
/** Each is one more level of backtracking. */
const MAX_GAPS = 2;
const MAX_URL_LENGTH = 4096;
const MAX_CACHED = 500;

/** Text, escaped signs, one of a set, any sign, `.*`, anchors, alternatives, and groups that may be absent. */
const TOKENS = /\(\?:|\(|\)\??|\\[^A-Za-z0-9]|\[\^?(?:\\.|[^\]\\])+\]|\.\*|[.^$|]|[^\\()[\]{}*+?.^$|]/y;

const cache = new Map<string, ScriptMatcher | undefined>();

/** @returns undefined when the pattern is none that is taken */
export function scriptMatcher({
  url,
  isPattern,
}: Pick<ScriptBreakpoint, 'url' | 'isPattern'>): ScriptMatcher | undefined {
  const key = `${isPattern === true ? 'p' : 'u'}${url}`;
  if (cache.has(key)) return cache.get(key);
  const made = isPattern === true ? patternMatcher(url) : exactMatcher(url);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(key, made);
  return made;
}

function exactMatcher(url: string): ScriptMatcher {
  return { source: `^${escapeRegex(url)}$`, matches: (candidate) => candidate === url };
}

function patternMatcher(text: string): ScriptMatcher | undefined {
  if (!isTame(text)) return undefined;
  try {
    const regex = new RegExp(text);
    return { source: text, matches: (url) => url.length <= MAX_URL_LENGTH && regex.test(url) };
  } catch {
    // Tokens that are fine one by one need not be so together.
    return undefined;
  }
}

/** Whether it takes a time that is at most quadratic in the URL's length. */
function isTame(text: string): boolean {
  if (text.length > MAX_PATTERN_LENGTH) return false;
  let [at, gaps] = [0, 0];
  while (at < text.length) {
    TOKENS.lastIndex = at;
    const token = TOKENS.exec(text)?.[0];
    if (token === undefined) return false;
    if (token === '.*') gaps += 1;
    at += token.length;
  }
  return gaps <= MAX_GAPS;
}

/**
 * The literal texts a pattern stands for, when it is nothing but alternatives of literals, such as `/app/x\.js|file:///app/x\.js`.
 *
 * @returns undefined for any other
 */
export function literalsOf(pattern: string): string[] | undefined {
  const literals: string[] = [];
  let current = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const sign = pattern[at] as string;
    if (sign === '|') {
      literals.push(current);
      current = '';
    } else if (sign === '\\' && /[^A-Za-z0-9]/.test(pattern[at + 1] ?? 'a')) {
      at += 1;
      current += pattern[at];
    } else if (/[\\()[\]{}*+?.]/.test(sign)) {
      return undefined;
    } else if (!((sign === '^' && current === '') || (sign === '$' && /^(\||$)/.test(pattern.slice(at + 1))))) {
      current += sign;
    }
  }
  return [...literals, current];
}
