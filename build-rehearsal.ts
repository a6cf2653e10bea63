/**
 * A session of two members in homes of their own, so that V8 has compiled what people use first: the launchers keep that
 * beside the scripts (build-launcher.ts). Whatever goes wrong costs slower starts and nothing else.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 60_000;
const PROGRAM = `let n = 0;
setInterval(() => {
  n += 1;
}, 20);
`;

/** Without what would change V8's code, or have somebody's daemon attach to what is played here. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('SANDMESH_')),
);

/** Names of the launchers that write down what was compiled. */
export const RECORDERS = { cli: 'record-cli.cjs', daemon: 'record-daemon.cjs' } as const;

/** @param dist with the scripts and {@link RECORDERS} */
export async function rehearse(dist: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sm-build-'));
  const rehearsal = new Rehearsal(dist, folder);
  try {
    await rehearsal.play();
  } catch (error) {
    process.stderr.write(`Commands will start more slowly, for the rehearsal failed: ${error}\n`);
  } finally {
    await rehearsal.end();
    await rm(folder, { recursive: true, force: true });
  }
}

class Rehearsal {
  readonly #dist: string;
  readonly #folder: string;
  readonly #signal = AbortSignal.timeout(LIMIT_MS);
  readonly #running = new Set<ChildProcess>();

  constructor(dist: string, folder: string) {
    this.#dist = dist;
    this.#folder = folder;
  }

  async play(): Promise<void> {
    const program = path.join(this.#folder, 'app.js');
    await writeFile(program, PROGRAM);
    const daemon = await this.#startDaemon('alice');
    // as a guest of bob
    await this.#ask('bob', 'open', '-q');
    await this.#ask('alice', 'join', await this.#invite('bob'));
    await this.#ask('alice', 'members');
    await this.#ask('bob', 'stop');
    // as his host
    await this.#ask('alice', 'leave', '--yes');
    await this.#ask('alice', 'open', '-q');
    const run = this.#spawn('cli.cjs', 'alice', ['run', '--wait', '--', process.execPath, program]);
    await this.#ask('bob', 'join', await this.#invite('alice'));
    await this.#ask('alice', 'targets');
    await this.#ask('alice', 'break', 'add', 'app.js:3');
    await this.#ask('alice', 'status');
    run.kill('SIGTERM');
    await once(run, 'exit', { signal: this.#signal });
    await this.#ask('alice', 'stop');
    if (daemon.exitCode === null) await once(daemon, 'exit', { signal: this.#signal });
  }

  /** Nothing that was started is left. */
  async end(): Promise<void> {
    for (const home of ['alice', 'bob']) {
      if (existsSync(this.#socket(home))) await once(this.#spawn('cli.cjs', home, ['stop']), 'close');
    }
    for (const child of this.#running) child.kill('SIGKILL');
  }

  async #startDaemon(home: string): Promise<ChildProcess> {
    const daemon = this.#spawn(RECORDERS.daemon, home, []);
    while (!existsSync(this.#socket(home))) await sleep(20, undefined, { signal: this.#signal });
    return daemon;
  }

  #invite(home: string): Promise<string> {
    return this.#ask(home, 'invite', '--approve', 'no', '-q');
  }

  /** Runs a command, recorded. @returns what it printed */
  async #ask(home: string, ...args: string[]): Promise<string> {
    const child = this.#spawn(RECORDERS.cli, home, args);
    const printed = ['', ''];
    for (const [i, stream] of [child.stdout, child.stderr].entries()) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        printed[i] += text;
      });
    }
    const [code] = await once(child, 'close', { signal: this.#signal });
    const [output = '', complaint = ''] = printed;
    if (code !== 0) throw new Error(`"sandmesh ${args[0]}" ended with ${code}: ${complaint.trim()}`);
    return output.trim();
  }

  #spawn(launcher: string, home: string, args: string[]): ChildProcess {
    const child = spawn(process.execPath, [path.join(this.#dist, launcher), ...args], {
      cwd: this.#folder,
      env: { ...ENVIRONMENT, SANDMESH_HOME: this.#home(home) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // what is not read would stop it
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  #home(name: string): string {
    return path.join(this.#folder, name);
  }

  #socket(home: string): string {
    return path.join(this.#home(home), 'run', 'daemon.sock');
  }
}
