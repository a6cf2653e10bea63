/**
 * Which files of this machine members may read: those of the project and of packages the target has loaded, less
 * environment files, keys, tools' private folders and what `.sandmeshignore` lists. Every path is judged by its real
 * location and by the name it was asked under, so a symlink neither leads out nor hides what it points at. There is no
 * way to allow what the built-in rules refuse: a template such as `.env.example` is refused too.
 */

import { realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { SandboxError } from '#shared/errors.ts';
import { packageFolder } from '../engine/source/file-names.ts';
import { pathBelow, readTextFile, statsOf } from '../engine/source/local-files.ts';

export interface ServedFiles {
  /**
   * @param absolute need not exist: a map may carry the text of a file that is not here
   * @returns its real path
   * @throws {SandboxError} PATH_FORBIDDEN naming the file and the rule
   */
  check(absolute: string): string;
  allows(absolute: string): boolean;
  /** The target has loaded this script: its package, if it lies in one, may be read from now on. */
  noteLoaded(absolute: string): void;
}

export const IGNORE_FILE = '.sandmeshignore';
const MAX_IGNORE_FILE_BYTES = 1024 * 1024;

interface Rule {
  readonly pattern: RegExp;
  readonly what: string;
}

/** Tested against each folder name of the path below the root or package. */
const FOLDER_RULES: readonly Rule[] = [
  { pattern: /^\.(git|hg|svn|jj)$/i, what: 'version control folders are never served' },
  {
    pattern:
      /^\.(ssh|aws|azure|gcloud|gnupg|kube|docker|config|terraform|vault|password-store|1password|sandmesh|local|npm|secrets?)$/i,
    what: 'folders of tools and credentials are never served',
  },
];

const ENVIRONMENT = 'environment files are never served';
const KEYS = 'key files are never served';
const CREDENTIALS = 'files with credentials are never served';

/** Tested against the file's own name. Linear: anchored, no nested repetition. */
const FILE_RULES: readonly Rule[] = [
  { pattern: /^\.env/i, what: ENVIRONMENT },
  { pattern: /\.env$/i, what: ENVIRONMENT },
  { pattern: /^\.(flaskenv|envrc)$/i, what: ENVIRONMENT },
  { pattern: /\.(pem|key|p8|p12|pfx|pkcs12|jks|keystore|kdbx|ppk|asc|gpg|pgp|der|ovpn|keytab)$/i, what: KEYS },
  { pattern: /^(id|ssh_host)_(rsa|dsa|ecdsa|ed25519)/i, what: KEYS },
  { pattern: /^identity$/i, what: KEYS },
  { pattern: /^[._](npmrc|netrc|pgpass|my\.cnf|htpasswd|htdigest|dockercfg|pypirc|boto|s3cfg)$/i, what: CREDENTIALS },
  {
    pattern: /^\.(yarnrc(\.yml)?|git-credentials|gitconfig|vault-token|terraformrc|bash_history)$/i,
    what: CREDENTIALS,
  },
  { pattern: /^\.?credentials?(\.(json|ya?ml|toml|ini|csv|xml|txt))?$/i, what: CREDENTIALS },
  { pattern: /^\.?secrets?(\.(json|ya?ml|toml|ini|csv|xml|txt|enc))?$/i, what: CREDENTIALS },
  { pattern: /^(service[-_]?account|client[-_]secret).*\.json$/i, what: CREDENTIALS },
  { pattern: /\.tfstate(\.backup)?$|\.tfvars(\.json)?$/i, what: CREDENTIALS },
];

/** @param root real path of the project root */
export function createServedFiles(root: string): ServedFiles {
  return new ProjectServedFiles(root);
}

class ProjectServedFiles implements ServedFiles {
  readonly #root: string;
  readonly #loadedPackages = new Set<string>();
  readonly #ignoreFiles = new Map<string, { stamp: string; rules: Ignore }>();

  constructor(root: string) {
    this.#root = root;
  }

  noteLoaded(absolute: string): void {
    const folder = packageFolder(absolute);
    if (folder !== undefined) this.#loadedPackages.add(folder);
  }

  allows(absolute: string): boolean {
    try {
      this.check(absolute);
      return true;
    } catch (error) {
      if (error instanceof SandboxError) return false;
      throw error;
    }
  }

  check(absolute: string): string {
    const real = realLocation(absolute);
    const installed = packageFolder(real);
    if (installed !== undefined && !this.#loadedPackages.has(installed)) {
      throw this.#forbidden(absolute, 'the target has not loaded its package');
    }
    const base = installed ?? this.#root;
    const inside = pathBelow(base, real);
    if (inside === undefined) throw this.#forbidden(absolute, 'it lies outside the project');

    const asked = pathBelow(this.#root, absolute);
    for (const path of asked === undefined ? [inside] : [inside, asked]) {
      const rule = ruleAgainst(path);
      if (rule !== undefined) throw this.#forbidden(absolute, rule);
    }
    const names = [
      pathBelow(this.#root, real),
      asked,
      installed === undefined ? undefined : hoisted(installed, inside),
    ];
    for (const name of names) {
      const listing = name === undefined ? undefined : this.#ignoredBy(name);
      if (listing !== undefined) throw this.#forbidden(absolute, `${listing} lists it`);
    }
    return real;
  }

  /**
   * An ignore file counts for its folder and everything below. A deeper one can add to what is hidden, never take
   * away: the person who hid a folder need not read the files inside it.
   */
  #ignoredBy(path: string): string | undefined {
    const segments = path.split('/');
    for (let depth = 0; depth < segments.length; depth += 1) {
      const folder = segments.slice(0, depth).join('/');
      const rules = this.#rulesIn(join(this.#root, folder));
      if (rules?.ignores(segments.slice(depth).join('/')))
        return folder === '' ? IGNORE_FILE : `${folder}/${IGNORE_FILE}`;
    }
    return undefined;
  }

  #rulesIn(folder: string): Ignore | undefined {
    const file = join(folder, IGNORE_FILE);
    const stats = statsOf(file);
    if (stats === undefined) return undefined;
    const stamp = `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
    const cached = this.#ignoreFiles.get(file);
    if (cached?.stamp === stamp) return cached.rules;
    const text = readTextFile(file, MAX_IGNORE_FILE_BYTES);
    // What it hides is unknown: then nothing below it is served.
    if (text === undefined) throw this.#forbidden(file, `${IGNORE_FILE} beside it cannot be read`);
    const rules = ignore().add(text);
    this.#ignoreFiles.set(file, { stamp, rules });
    return rules;
  }

  #forbidden(absolute: string, rule: string): SandboxError {
    // Outside the project only the file's own name is told: the host's folders are nobody's business.
    const name = pathBelow(this.#root, absolute) ?? basename(absolute);
    return new SandboxError('PATH_FORBIDDEN', `Cannot serve "${name}": ${rule}`, {
      hint: 'Ask the host to show what you need from it.',
    });
  }
}

function ruleAgainst(path: string): string | undefined {
  const segments = path.split('/');
  const file = segments.pop() ?? '';
  for (const segment of segments) {
    const rule = FOLDER_RULES.find(({ pattern }) => pattern.test(segment));
    if (rule !== undefined) return rule.what;
  }
  return FILE_RULES.find(({ pattern }) => pattern.test(file))?.what;
}

/** The path a person would write for a package's file, whatever store it really lies in. */
function hoisted(installed: string, inside: string): string {
  const marker = `${sep}node_modules${sep}`;
  const name = installed.slice(installed.lastIndexOf(marker) + marker.length);
  return `node_modules/${name.split(sep).join('/')}/${inside}`;
}

/** Real path of the file, or of its nearest existing ancestor with the rest appended. */
function realLocation(absolute: string): string {
  let existing = absolute;
  const rest: string[] = [];
  for (;;) {
    try {
      return join(realpathSync.native(existing), ...rest);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // A loop or a folder we may not enter: refuse rather than guess where it leads.
      if (code !== 'ENOENT' && code !== 'ENOTDIR') {
        throw new SandboxError('PATH_FORBIDDEN', `Cannot serve "${basename(absolute)}": its real path is unknown`, {
          cause: error,
        });
      }
      const parent = dirname(existing);
      if (parent === existing) return absolute;
      rest.unshift(basename(existing));
      existing = parent;
    }
  }
}
