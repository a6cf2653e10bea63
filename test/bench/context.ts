/** What a case gets: a temporary folder, programs and agents that end with it, and sandmesh homes. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { SandmeshClient, Scope } from '#client/sdk/client.ts';
import { connect } from '#client/sdk/connect.ts';
import { homePaths } from '#protocol/home-paths.ts';
import { HttpLoad } from './http-load.ts';
import { Agent, type AgentOptions, Program, type ProgramOptions } from './programs.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** One member's machine: a home of its own for a daemon and the CLI. */
export interface Home {
  readonly folder: string;
  /** The environment with SANDMESH_HOME set. */
  readonly env: NodeJS.ProcessEnv;
  /** Starts `sandmesh <args>` and leaves it running; it ends with the case. */
  start(args: readonly string[], options?: Pick<ProgramOptions, 'cwd' | 'speaksProtocol'>): Program;
  /** Runs `sandmesh <args> --json` to its end and reads its output. Throws with its text when it fails. */
  ask(args: readonly string[], options?: { cwd?: string }): unknown;
  /** A client of this home's daemon, which must be running; it is closed with the case. */
  client(scope?: Scope): Promise<SandmeshClient>;
  /** Ends the daemon and everything in this home, so that the next use of it is cold. */
  stopDaemon(): void;
}

export class BenchContext {
  readonly root = root;
  /** The built CLI. */
  readonly cli = path.join(root, '.dist/cli.cjs');
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'smb-'));
  /** For a quick look at a case instead of a figure: fewer rounds. */
  readonly quick: boolean;
  readonly #profiles: string | undefined;
  readonly #stops: (() => Promise<void> | void)[] = [];
  #homes = 0;

  /** @param options `profiles`: folder for a CPU profile of every agent */
  constructor(options: { quick: boolean; profiles?: string | undefined }) {
    this.quick = options.quick;
    this.#profiles = options.profiles;
  }

  /** Fewer rounds when somebody only wants to see it run. */
  rounds(full: number): number {
    return this.quick ? Math.min(3, full) : full;
  }

  program(command: string, args: readonly string[], options?: ProgramOptions): Program {
    const program = new Program(command, args, options);
    this.#stops.push(() => program.stop());
    return program;
  }

  /** @param file relative to test/bench, for example `agents/echo.ts`; or the absolute path of a bundle */
  agent(file: string, options: AgentOptions = {}): Agent {
    const nodeArgs = this.#profiles === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', this.#profiles];
    const agent = new Agent(path.resolve(import.meta.dirname, file), { nodeArgs, ...options });
    this.#stops.push(() => agent.stop());
    return agent;
  }

  httpLoad(): HttpLoad {
    const load = new HttpLoad();
    this.#stops.push(() => load.stop());
    return load;
  }

  /** Runs before the temporary folder goes, last registered first. */
  onEnd(stop: () => Promise<void> | void): void {
    this.#stops.push(stop);
  }

  /** A new, empty home; its daemon is stopped with the case. */
  home(): Home {
    const folder = path.join(this.folder, `h${this.#homes++}`);
    const env = { ...process.env, SANDMESH_HOME: folder };
    const run = (args: readonly string[], cwd = root): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [this.cli, ...args], { env, cwd, encoding: 'utf8', timeout: 30_000 });
    const stopDaemon = (): void => void run(['stop']);
    this.#stops.push(stopDaemon);
    return {
      folder,
      stopDaemon,
      client: async (scope = {}) => {
        const { daemonSocket } = homePaths({ env, platform: process.platform, homedir: os.homedir() });
        const client = await connect({ socketPath: daemonSocket, scope, agent: 'bench' });
        this.#stops.push(() => client.close());
        return client;
      },
      env,
      start: (args, options = {}) => this.program(process.execPath, [this.cli, ...args], { env, ...options }),
      ask: (args, options = {}) => {
        const { status, stdout, stderr } = run([...args, '--json'], options.cwd);
        if (status !== 0) throw new Error(`"sandmesh ${args.join(' ')}" exited with ${status}: ${stderr}${stdout}`);
        return JSON.parse(stdout);
      },
    };
  }

  async dispose(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
