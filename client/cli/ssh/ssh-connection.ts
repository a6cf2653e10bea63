/**
 * One login at another machine by the person's own `ssh`: keys, agent, known hosts and `~/.ssh/config` are as they are
 * used to. What is asked for (a passphrase, an unknown host) is asked once, on the terminal.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { sshFailure } from './ssh-failures.ts';

/** The login ends when this is over and no tunnel is in use: by itself, also when nobody is left to end it. */
const UNUSED_SECONDS = 15;

/** Against what the person's configuration may say for the host: this login is no shell, and lends nothing. */
const OPTIONS = [
  ['ControlPersist', 'no'],
  ['ClearAllForwardings', 'yes'],
  ['ForwardAgent', 'no'],
  ['ForwardX11', 'no'],
  ['PermitLocalCommand', 'no'],
  ['RequestTTY', 'no'],
  ['ConnectTimeout', '10'],
  // a machine that went away is noticed within a minute
  ['ServerAliveInterval', '15'],
  ['ServerAliveCountMax', '3'],
].flatMap(([name, value]) => ['-o', `${name}=${value}`]);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class SshConnection {
  readonly #destination: string;
  readonly #env: NodeJS.ProcessEnv;
  /** Of this user alone: whoever opens the sockets in it reaches the other machine. */
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'sm-ssh-'));

  private constructor(destination: string, env: NodeJS.ProcessEnv) {
    this.#destination = destination;
    this.#env = env;
  }

  /**
   * @param destination as ssh takes it: `user@host`, `ssh://user@host:port`, or a name of `~/.ssh/config`
   * @param options.interactive whether a person is there to answer ssh
   * @throws {SandboxError} BAD_ARGUMENT, PEER_UNREACHABLE, UNAUTHENTICATED
   */
  static async open(
    destination: string,
    { interactive, env }: { interactive: boolean; env: NodeJS.ProcessEnv },
  ): Promise<SshConnection> {
    if (!/^[^-\s]\S*$/.test(destination)) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot use --ssh "${destination}": it is no user@host`, {
        hint: 'Also: ssh://user@host:port, or a name of ~/.ssh/config.',
      });
    }
    const connection = new SshConnection(destination, env);
    try {
      const batch = interactive ? [] : ['-o', 'BatchMode=yes'];
      const { code, stderr } = await connection.#ssh(['-f', '-M', ...OPTIONS, ...batch], [`sleep ${UNUSED_SECONDS}`]);
      if (code !== 0) throw sshFailure(destination, stderr);
      return connection;
    } catch (error) {
      connection.forget();
      throw error;
    }
  }

  /** Runs a command line in the other machine's login shell. */
  run(command: string, input: string): Promise<Ended> {
    return this.#ssh(['-T'], [command], input);
  }

  /**
   * Makes a way from a socket of this user to a port there.
   *
   * @returns the socket's path
   * @throws {SandboxError} PEER_UNREACHABLE when the other machine does not allow it
   */
  async forward(host: string, port: number): Promise<string> {
    const socketPath = path.join(this.#folder, 't');
    const there = host.includes(':') ? `[${host}]` : host;
    const { code, stderr } = await this.#ssh(['-O', 'forward', '-L', `${socketPath}:${there}:${port}`], []);
    if (code !== 0) throw sshFailure(this.#destination, stderr);
    return socketPath;
  }

  /** Logs out at once, and whatever goes through ends. */
  async close(): Promise<void> {
    await this.#ssh(['-O', 'exit'], []);
    this.forget();
  }

  /** Takes the ways in away. What goes through a tunnel goes on; the login ends with it. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Resolves when ssh itself has ended: with `-f`, when it is logged in and has gone into the background. */
  #ssh(options: readonly string[], command: readonly string[], input = ''): Promise<Ended> {
    const args = ['-S', path.join(this.#folder, 'c'), ...options, '--', this.#destination, ...command];
    return new Promise((resolve, reject) => {
      const child = spawn('ssh', args, { stdio: 'pipe', env: this.#env });
      const texts = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8').on('data', (text: string) => {
          texts[name] += text;
        });
      }
      // it may end without having read it
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
      child.once('error', (cause) =>
        reject(new SandboxError('BAD_ARGUMENT', 'Cannot use --ssh: the command "ssh" cannot be started', { cause })),
      );
      child.once('close', (code) => resolve({ code, ...texts }));
      // One in the background keeps them open until the login ends.
      child.once('exit', (code) => {
        if (code !== 0 || !options.includes('-f')) return;
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      });
    });
  }
}
