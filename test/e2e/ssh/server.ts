/** An ssh server of this user on loopback, with keys of its own, and an `ssh` that knows it and nothing of this machine. */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';
import { Program } from '#test/bench/programs.ts';
import { executable } from '#test/skip.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/libexec/sshd'].find((file) => existsSync(file));

/** Why these tests cannot run here; undefined where they can. */
export const noSsh =
  SSHD === undefined || executable('ssh') === undefined ? 'no ssh and sshd are installed' : undefined;

export interface SshServer {
  /** To be put first on the PATH. `there` is the server, `stranger`, `unknown` and `nobody` are not to be reached. */
  readonly bin: string;
  /** Live ssh processes that the `ssh` in {@link bin} has become. */
  clients(): number[];
}

/** Runs it while `act` does. @param folder for keys and configuration */
export async function withSshServer(folder: string, act: (server: SshServer) => Promise<void>): Promise<void> {
  mkdirSync(folder);
  const file = (name: string): string => path.join(folder, name);
  for (const name of ['host', 'mine', 'refused']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  }
  writeFileSync(file('authorized'), readFileSync(file('mine.pub')));
  const [port, closed] = [await freePort(), await freePort()];
  const [type, key] = readFileSync(file('host.pub'), 'utf8').split(' ');
  writeFileSync(file('known'), `[127.0.0.1]:${port} ${type} ${key}\n`);
  writeFileSync(file('sshd.conf'), serverConfiguration(folder, port));
  writeFileSync(file('ssh.conf'), clientConfiguration(folder, port, closed));
  const bin = file('bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'ssh'), `#!/bin/sh\nexec ${executable('ssh')} -F ${file('ssh.conf')} "$@"\n`);
  chmodSync(path.join(bin, 'ssh'), 0o755);
  // as root it wants a folder that only an init system makes
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const server = new Program(SSHD as string, ['-D', '-e', '-f', file('sshd.conf')]);
  try {
    await server.line(/Server listening on 127\.0\.0\.1/);
    await act({ bin, clients: () => processesWith(file('ssh.conf')) });
  } finally {
    await server.stop();
  }
}

function serverConfiguration(folder: string, port: number): string {
  return `ListenAddress 127.0.0.1
Port ${port}
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
`;
}

function clientConfiguration(folder: string, port: number, closed: number): string {
  return `Host stranger
  IdentityFile ${folder}/refused
Host there unknown nobody
  IdentityFile ${folder}/mine
Host unknown
  UserKnownHostsFile ${folder}/none
Host nobody
  Port ${closed}
Host *
  HostName 127.0.0.1
  User ${userInfo().username}
  Port ${port}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${folder}/known
  GlobalKnownHostsFile none
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whose command line names `text`. */
function processesWith(text: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => commandLine(pid).includes(text)).map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}
