/**
 * Which Node processes of a launched tree only start others: package managers, watchers, loaders' own command lines.
 * They are no targets; the processes they start are, because the environment is inherited.
 */

/** Packages whose command line starts the program in a child process. */
const WRAPPER_PACKAGES = [
  'npm',
  'yarn',
  'pnpm',
  'corepack',
  'tsx',
  'esbuild',
  'nodemon',
  'node-dev',
  'ts-node-dev',
  'tsc-watch',
  'cross-env',
  'cross-env-shell',
  'env-cmd',
  'dotenv-cli',
  'concurrently',
  'npm-run-all',
  'npm-run-all2',
  'turbo',
  'nx',
  'lerna',
  'wireit',
  'sandmesh',
];
const WRAPPER_PATH = new RegExp(`[\\\\/]node_modules[\\\\/](?:${WRAPPER_PACKAGES.join('|')})[\\\\/]`);
/** Installed outside node_modules: corepack's cache, yarn's checked-in release, pnpm's own folder. */
const MANAGER_FILE =
  /[\\/](?:corepack[\\/].+[\\/](?:pnpm|pnpx|yarn)|\.yarn[\\/]releases[\\/]yarn-[\w.-]+|pnpm[\\/].*bin[\\/]pnpx?|(?:yarn|npm|pnpm)[\w.-]*[\\/](?:bin|lib)[\\/](?:yarn|npm-cli|npx-cli|pnpm|cli))\.[cm]?js$/;
/** Command-line switches with which node itself starts the program in children, or runs none at all. */
const PARENT_SWITCH = /^--(?:watch(?:-path(?:=.*)?|-preserve-output)?|test|check|prof-process|build-snapshot)$/;

export interface CommandLine {
  /** Real path of the main script, if it could be found. */
  readonly entry: string | undefined;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
}

/**
 * True for a process that is not itself the program a person wants to debug.
 *
 * @param commandLine as Node gives it, after it resolved `argv[1]`
 */
export function isWrapper({ entry, argv, execArgv }: CommandLine): boolean {
  if (execArgv.some((option) => PARENT_SWITCH.test(option) || option === '-c')) return true;
  if (argv[1] === 'inspect') return true;
  const script = entry ?? argv[1];
  return script !== undefined && (WRAPPER_PATH.test(script) || MANAGER_FILE.test(script));
}
