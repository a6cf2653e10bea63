/** The few facts of a package.json that project identity and file naming need, and where a workspace begins. */

import { join, relative, sep } from 'node:path';
import ignore from 'ignore';
import { readTextFile } from './local-files.ts';

export interface PackageManifest {
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** Address as written: a string, or the object form's `url`. */
  readonly repository: string | undefined;
  /** Globs of npm's and yarn's workspaces. */
  readonly workspaces: readonly string[] | undefined;
}

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * @returns undefined when there is none. One that does not parse (half edited, in conflict) still gives its name, so
 * that a project does not change its identity while somebody resolves a merge
 */
export function readManifest(folder: string): PackageManifest | undefined {
  const text = readTextFile(join(folder, 'package.json'), MAX_MANIFEST_BYTES);
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return { name: nameInBrokenJson(text), version: undefined, repository: undefined, workspaces: undefined };
  }
  const fields = isRecord(json) ? json : {};
  const repository = isRecord(fields['repository']) ? fields['repository']['url'] : fields['repository'];
  const listed = isRecord(fields['workspaces']) ? fields['workspaces']['packages'] : fields['workspaces'];
  return {
    name: nonEmpty(fields['name']),
    version: nonEmpty(fields['version']),
    repository: nonEmpty(repository),
    workspaces: Array.isArray(listed) ? listed.filter((glob) => typeof glob === 'string') : undefined,
  };
}

/**
 * The outermost of `candidates` whose workspace globs take in `folder` (or that is `folder` itself).
 *
 * @param candidates the folder's ancestors, nearest first, itself included
 */
export function workspaceRootAbove(folder: string, candidates: readonly string[]): string | undefined {
  return [...candidates].reverse().find((root) => {
    const globs = workspaceGlobs(root);
    return globs !== undefined && (root === folder || matchesGlobs(relative(root, folder), globs));
  });
}

function workspaceGlobs(root: string): readonly string[] | undefined {
  const yaml = readTextFile(join(root, 'pnpm-workspace.yaml'), MAX_MANIFEST_BYTES);
  if (yaml !== undefined) return globsInPnpmYaml(yaml);
  return readManifest(root)?.workspaces;
}

/** pnpm's file is YAML of which only one list of strings matters: `packages:` with `- 'glob'` lines or `[a, b]`. */
function globsInPnpmYaml(yaml: string): string[] {
  const globs: string[] = [];
  let inPackages = false;
  for (const line of yaml.split(/\r?\n/)) {
    const flow = /^packages\s*:\s*\[(.*)\]/.exec(line)?.[1];
    if (flow !== undefined) globs.push(...flow.split(',').map(unquote));
    if (/^\S/.test(line) && !line.startsWith('-')) inPackages = /^packages\s*:/.test(line);
    const item = /^\s*-\s+([^#]+)/.exec(line)?.[1];
    if (inPackages && item !== undefined) globs.push(unquote(item));
  }
  return globs.filter((glob) => glob !== '');
}

function unquote(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2');
}

function matchesGlobs(path: string, globs: readonly string[]): boolean {
  const posix = path.split(sep).join('/');
  // Workspace globs are gitignore patterns with the opposite meaning: listed in, `!` out. A package's subfolder counts.
  const anchored = globs.map((glob) => glob.replace(/^(!?)(?:\.?\/)?/, '$1/'));
  return ignore({ allowRelativePaths: true }).add(anchored).ignores(`${posix}/`);
}

function nameInBrokenJson(text: string): string | undefined {
  return /^\s{0,8}"name"\s{0,4}:\s{0,4}"([^"\n]{1,214})"/m.exec(text)?.[1];
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
