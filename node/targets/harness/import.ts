/**
 * `node --import sandmesh/harness app.js`: a program that `sandmesh run` did not start. Asks the CLI for what `run` would
 * have put into the environment, then loads what `run` would have loaded. As there, a failure says so and the program runs.
 */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { ownEntry } from './own-entry.ts';
import { LAUNCH_VARIABLE } from './shared-state.ts';
import { isWrapper } from './wrappers.ts';

/** Set for the CLI that is asked: it inherits NODE_OPTIONS, which may name this very file. */
const ASKING_VARIABLE = 'SANDMESH_HARNESS_ASKS';
/** A daemon is started in a second; the program does not wait for one for ever. */
const ASK_LIMIT_MS = 15_000;

/** Does what `run` does before it starts the program: its words go to stderr, the environment comes back. */
function askCli(): Record<string, string> | undefined {
  const cli = path.join(__dirname, 'cli.cjs');
  const { status, stdout } = spawnSync(process.execPath, [cli, 'prepare', '--', ...process.argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [ASKING_VARIABLE]: '1' },
    encoding: 'utf8',
    timeout: ASK_LIMIT_MS,
  });
  return status === 0 ? (JSON.parse(stdout) as Record<string, string>) : undefined;
}

function bringIn(): void {
  const { argv, execArgv, env } = process;
  // a child of a program that is in already: its NODE_OPTIONS did the rest
  if (!isMainThread || (env[LAUNCH_VARIABLE] ?? '') !== '' || env[ASKING_VARIABLE] !== undefined) return;
  if (isWrapper({ entry: ownEntry(), argv, execArgv })) return;
  const prepared = askCli();
  if (prepared === undefined) return;
  Object.assign(env, prepared);
  require(path.join(__dirname, 'harness.cjs'));
}

try {
  bringIn();
} catch {
  // the program runs, without a debugger
}
