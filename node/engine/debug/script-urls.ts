/**
 * URL patterns of the scripts that may turn out to contain a source file. They only narrow down where the engine looks
 * closer; which file a script really is says the registry.
 */

import { pathToFileURL } from 'node:url';

/** Code that is never the user's: stepped over, never probed. */
export const INTERNAL_SCRIPTS = '^node:';

const NOT_IN_PACKAGE = '(?!(?:[^?#]*/)?node_modules/)';

/**
 * Every script of the project proper, its installed packages left out.
 *
 * @param root absolute path of the project; undefined: anywhere
 */
export function projectScripts(root: string | undefined): string {
  if (root === undefined) return `^(?:file://)?/${NOT_IN_PACKAGE}`;
  const asUrl = pathToFileURL(root.endsWith('/') ? root : `${root}/`).href;
  const asPath = root.endsWith('/') ? root : `${root}/`;
  return `^(?:${escapeRegex(asUrl)}|${escapeRegex(asPath)})${NOT_IN_PACKAGE}`;
}

/** @param label `name@version` */
export function packageScripts(label: string): string {
  const at = label.lastIndexOf('@');
  const name = at > 0 ? label.slice(0, at) : label;
  return `/node_modules/${escapeRegex(name)}/`;
}

export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
