/**
 * Whether a test file passed, judged from how its process ended and what it printed. Pure, so that every way in which
 * uvu passes without testing (a throwing `before`, a forgotten `.run()`, a stray `.only`) can be tried on text.
 */

import { SKIP_PREFIX } from '../skip.ts';

/** How one test file's process ended. */
export interface FileEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output as printed; colours are ignored. */
  readonly stdout: string;
  /** Problems seen from outside: time limit, open handle, leftover process. One sentence each. */
  readonly problems: readonly string[];
}

export interface Verdict {
  readonly passed: number;
  /** At least 1 when anything at all is wrong with the file. */
  readonly failed: number;
  /** `<title>: <reason>` of each skipped test. */
  readonly skips: readonly string[];
  /** Why the file failed, beside its own failed tests; one sentence each. */
  readonly problems: readonly string[];
}

interface Totals {
  readonly total: number;
  readonly passed: number;
  readonly uvuSkipped: number;
}

/** The last totals uvu printed; undefined: it never came to its end. */
export function parseTotals(stdout: string): Totals | undefined {
  const plain = stripColours(stdout);
  const all = [...plain.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n/gm)];
  const last = all.at(-1);
  if (last === undefined) return undefined;
  return { total: Number(last[1]), passed: Number(last[2]), uvuSkipped: Number(last[3]) };
}

/** @param skipsFail in CI nothing is skipped */
export function judge(end: FileEnd, options: { skipsFail: boolean }): Verdict {
  const problems = [...end.problems];
  const skips = stripColours(end.stdout)
    .split('\n')
    .filter((line) => line.startsWith(SKIP_PREFIX))
    .map((line) => line.slice(SKIP_PREFIX.length));
  const totals = parseTotals(end.stdout);
  const passed = totals?.passed ?? 0;
  const failedTests = totals === undefined ? 0 : totals.total - totals.passed;

  if (totals === undefined) problems.push('It printed no totals: is `.run()` missing, or did it end too early?');
  else if (totals.uvuSkipped > 0) problems.push('It uses `.only` or `.skip`; to skip with a reason use test/skip.ts.');
  else if (totals.total === 0 && skips.length === 0) problems.push('It ran no test.');
  if (end.signal !== null && end.problems.length === 0) problems.push(`It was ended by ${end.signal}.`);
  else if (end.exitCode !== 0 && end.exitCode !== null && failedTests === 0) {
    problems.push(`It exited with ${end.exitCode} although no test failed.`);
  }
  if (options.skipsFail && skips.length > 0) problems.push('Nothing may be skipped in CI.');

  const broken = problems.length > 0 || end.exitCode !== 0;
  return { passed, failed: Math.max(failedTests, broken ? 1 : 0), skips, problems };
}

function stripColours(text: string): string {
  // biome's rule against control characters in patterns: built from a string instead
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}
