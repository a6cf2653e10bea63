/** The bundles of the harness, ours or another home's, as programs that have it show them. */

/** Pattern of their paths and URLs, as V8 takes one. */
export const HARNESS_SCRIPTS = '/\\.dist/harness[^/]*\\.cjs$';

const SCRIPT = new RegExp(HARNESS_SCRIPTS);

/** @param place path or URL of a script */
export function isHarness(place: string): boolean {
  return SCRIPT.test(place);
}
