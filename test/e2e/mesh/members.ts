/**
 * Members on one machine, made of real processes: each has a home, a folder to type in and the bundled CLI. What the
 * CLI answers with `--json` is checked against the catalogue's schema on the way.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { ExitCode } from '#client/cli/exit-codes.ts';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { connect } from '#client/sdk/connect.ts';
import { type CommandInput, type CommandName, type CommandResult, catalogue } from '#protocol/catalogue/catalogue.ts';
import { homePaths } from '#protocol/home-paths.ts';
import { Program, type ProgramOptions } from '#test/bench/programs.ts';

const CLI = path.resolve(import.meta.dirname, '../../../.dist/cli.cjs');

/** How one command ended. */
export interface Outcome {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export class Member {
  readonly home: string;
  /** Where this member's terminal stands. */
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #programs: Program[] = [];
  readonly #clients: SandmeshClient[] = [];

  /** @param folder made unless it is there */
  constructor(home: string, folder: string) {
    this.home = home;
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    const { NODE_OPTIONS: _options, ...rest } = process.env;
    this.#env = { ...rest, SANDMESH_HOME: home, NO_COLOR: '1' };
  }

  /** A variable of the terminal from now on; undefined takes it away. A daemon that runs keeps its own. */
  setVariable(name: string, value: string | undefined): void {
    if (value === undefined) delete this.#env[name];
    else this.#env[name] = value;
  }

  /** Starts any process with this member's environment; it ends with the test. */
  spawn(command: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const env = { ...this.#env, ...options.env };
    const program = new Program(command, args, { cwd: this.folder, ...options, env });
    this.#programs.push(program);
    return program;
  }

  /** Starts `sandmesh <args>` and leaves it running; it ends with the test. */
  start(...args: string[]): Program {
    return this.spawn(process.execPath, [CLI, ...args]);
  }

  /**
   * Runs `sandmesh <args> --json` to its end.
   *
   * @param name whose result the output is
   * @throws when it fails or prints another shape
   */
  async ask<N extends CommandName>(name: N, ...args: string[]): Promise<CommandResult<N>> {
    const { code, stdout, stderr } = await this.cli(...args, '--json');
    if (code !== 0) throw new Error(`"sandmesh ${args.join(' ')}" exited with ${code}: ${stderr}${stdout}`);
    return catalogue[name].result.parse(JSON.parse(stdout)) as CommandResult<N>;
  }

  /** @returns the error code that `sandmesh <args> --json` fails with; undefined when it does not fail */
  async refusal(...args: string[]): Promise<string | undefined> {
    const { code, stdout } = await this.cli(...args, '--json');
    if (code === 0) return undefined;
    const { error }: { error: { code: string } } = JSON.parse(stdout);
    return error.code;
  }

  /** A client of this member's daemon, which must be running; closed with the test. */
  async client(): Promise<SandmeshClient> {
    const client = await this.#connect();
    this.#clients.push(client);
    return client;
  }

  /** What the daemon itself answers, where a test waits for something: a command line each time would keep a processor busy. */
  async see<N extends CommandName>(name: N, args: CommandInput<N> = {} as CommandInput<N>): Promise<CommandResult<N>> {
    // A command starts a daemon that is not there.
    const client = await this.#connect().catch(async () => {
      await this.settled();
      return this.#connect();
    });
    try {
      return await client.call(name, args);
    } finally {
      client.close();
    }
  }

  async daemonPid(): Promise<number> {
    return (await this.see('daemon.status')).pid;
  }

  /** Waits for a request of this kind at the second terminal, and says yes to it there. */
  async approveNext(kind: 'join' | 'consent' | 'lease' | 'action'): Promise<void> {
    const request = await eventually(`a request to ${kind}`, async () => {
      const { requests } = await this.see('request.list');
      return requests.find((candidate) => candidate.kind === kind);
    });
    await this.ask('request.approve', 'approve', request.id);
  }

  /** Joins by `link` while the host says yes. */
  async join(link: string, host: Member, name: string): Promise<CommandResult<'sandbox.join'>> {
    const [joined] = await Promise.all([
      this.ask('sandbox.join', 'join', link, '--name', name),
      host.approveNext('join'),
    ]);
    return joined;
  }

  /**
   * To be awaited where the daemon was killed under a program that has ended since: the one that keeps it up may be starting
   * the next, which {@link end} would not find.
   */
  async settled(): Promise<void> {
    await this.ask('config.get', 'config', 'get', 'name');
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const program of this.#programs) await program.stop();
    // By the command: a daemon that a dying program is only just starting would be missed by whoever is faster.
    const { code, stderr } = await this.cli('stop');
    if (code !== 0 && code !== ExitCode.daemonUnreachable) throw new Error(`Cannot stop the daemon: ${stderr}`);
  }

  #connect(): Promise<SandmeshClient> {
    const { daemonSocket } = homePaths({ env: this.#env, platform: process.platform, homedir: homedir() });
    return connect({ socketPath: daemonSocket, scope: { folder: this.folder }, agent: 'test' });
  }

  /** Runs `sandmesh <args>` to its end, with nothing on its stdin. */
  cli(...args: string[]): Promise<Outcome> {
    const options = { cwd: this.folder, env: this.#env, timeout: 60_000 };
    return new Promise((resolve) => {
      const { stdin } = execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
      );
      stdin?.end();
    });
  }
}

export interface Meeting {
  /** Where all homes and folders are; removed at the end. */
  readonly base: string;
  /** @param folder absolute, or relative to `base` */
  member(home: string, folder: string): Member;
}

/** Ends every process and removes every file of the members at the end. */
export async function withMembers(body: (meeting: Meeting) => Promise<void>): Promise<void> {
  const base = realpathSync(mkdtempSync(path.join(tmpdir(), 'sm-')));
  const members: Member[] = [];
  const member = (home: string, folder: string): Member => {
    const created = new Member(path.join(base, home), path.resolve(base, folder));
    members.push(created);
    return created;
  };
  try {
    await body({ base, member });
  } finally {
    await Promise.all(members.map((each) => each.end()));
    rmSync(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Polls until `probe` gives something.
 *
 * @throws when the time is over, or what `probe` throws
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  limitMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
