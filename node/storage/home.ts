/**
 * The folders a daemon owns: created 0700, checked, and locked so that two daemons never write one home. Which
 * folder is which comes from protocol/home-paths.ts, shared with the clients.
 */

import { accessSync, constants, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type HomePaths, homePaths, isReplaceableByAll } from '#protocol/home-paths.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { readJsonFile, writeFileAtomic } from './atomic-file.ts';
import { makeFolder } from './make-folder.ts';

export interface Home extends HomePaths {
  sandboxDir(id: SandboxId): string;
  readonly sandboxesDir: string;
  readonly projectsFile: string;
  readonly auditDir: string;
}

/** @throws {SandboxError} CONFIG_INVALID */
export function locateHome(env: NodeJS.ProcessEnv = process.env): Home {
  const paths = homePaths({ env, platform: process.platform, homedir: homedir() });
  const sandboxesDir = join(paths.dataDir, 'sandboxes');
  return {
    ...paths,
    sandboxesDir,
    projectsFile: join(paths.dataDir, 'projects.json'),
    auditDir: join(paths.dataDir, 'audit'),
    sandboxDir: (id) => join(sandboxesDir, id),
  };
}

/**
 * Creates what is missing and refuses what is not ours alone.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export function ensureHome(home: Home): void {
  for (const folder of [home.configDir, home.dataDir, home.keysDir, home.runDir, home.sandboxesDir]) {
    try {
      makeFolder(folder);
      accessSync(folder, constants.W_OK | constants.X_OK);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxError('HOME_UNWRITABLE', `Cannot write to "${folder}": ${reason}`, {
        hint: 'Make it writable, or set SANDMESH_HOME to a folder that is.',
        cause,
      });
    }
  }
  assertPrivate(home.runDir);
  assertPrivate(home.keysDir);
  const { configDir, dataDir, sandboxesDir } = home;
  for (const folder of [dirname(configDir), configDir, dirname(dataDir), dataDir, sandboxesDir]) assertStays(folder);
}

/** What is private in a folder is so only as long as nobody puts another in its place. */
function assertStays(folder: string): void {
  if (process.platform === 'win32') return;
  if (!isReplaceableByAll(statSync(folder).mode)) return;
  throw new SandboxError('HOME_UNWRITABLE', `Cannot keep keys below "${folder}": every user may replace them`, {
    hint: `If nobody did, run: chmod o-w "${folder}"`,
  });
}

function assertPrivate(folder: string): void {
  if (process.platform === 'win32') return;
  const { mode, uid } = statSync(folder);
  const mine = process.getuid === undefined || uid === process.getuid();
  if (mine && (mode & 0o077) === 0) return;
  const problem = mine ? `its mode is ${(mode & 0o777).toString(8)}` : 'it belongs to another user';
  throw new SandboxError('HOME_UNWRITABLE', `Cannot keep keys and sockets in "${folder}": ${problem}`, {
    hint: `Run: chmod 700 "${folder}"`,
  });
}

interface Closable {
  close(): void;
}

export interface HomeLock {
  /** Safe to call twice. */
  release(): void;
}

/**
 * Makes this process the home's only daemon. On Linux the lock is an abstract socket named after the folder's inode:
 * the kernel drops it with the process, so a killed daemon leaves nothing to clean up. Elsewhere it is a pid file
 * that counts only while its process lives.
 *
 * @throws {SandboxError} DAEMON_RUNNING naming the pid; HOME_UNWRITABLE
 */
export async function lockHome(home: Home): Promise<HomeLock> {
  const { pidFile } = home;
  const server = process.platform === 'linux' ? await lockByAbstractSocket(home, pidFile) : undefined;
  if (server === undefined) assertNoLivingPid(pidFile);
  try {
    writeFileAtomic(pidFile, JSON.stringify({ pid: process.pid }));
  } catch (error) {
    server?.close();
    throw error;
  }
  let held = true;
  return {
    release: () => {
      // A second release must not take away the file of a daemon that came after.
      if (!held) return;
      held = false;
      // The home may have been removed and made anew, by a daemon that writes its own pid there.
      try {
        if (pidIn(pidFile) === process.pid) rmSync(pidFile, { force: true });
      } catch {
        // The home became read-only: the number of a process that has ended is in nobody's way.
      }
      server?.close();
    },
  };
}

/** Two homes may share a folder for sockets (another XDG_DATA_HOME, the same XDG_RUNTIME_DIR): both are locked. */
async function lockByAbstractSocket(home: Home, pidFile: string): Promise<Closable> {
  const data = await lockFolder(home.dataDir, home, pidFile);
  try {
    const run = await lockFolder(home.runDir, home, pidFile);
    return {
      close: () => {
        data.close();
        run.close();
      },
    };
  } catch (error) {
    data.close();
    throw error;
  }
}

async function lockFolder(folder: string, home: Home, pidFile: string): Promise<Server> {
  const { dev, ino } = statSync(folder, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? alreadyRunning(home, pidIn(pidFile)) : error);
    });
    server.listen(`\0sandmesh-${dev.toString(16)}-${ino.toString(16)}`, resolve);
  });
  // Nobody has business here, but anybody on this machine may knock: a failed accept must not end the daemon.
  server.on('error', () => undefined);
  return server;
}

function assertNoLivingPid(pidFile: string): void {
  const pid = pidIn(pidFile);
  if (pid === undefined || pid === process.pid) return;
  try {
    process.kill(pid, 0);
  } catch {
    // Nobody has that pid (or not we): the file is a leftover.
    return;
  }
  throw alreadyRunning({ dataDir: pidFile }, pid);
}

function pidIn(pidFile: string): number | undefined {
  try {
    const stored = readJsonFile(pidFile) as { pid?: unknown } | undefined;
    return typeof stored?.pid === 'number' ? stored.pid : undefined;
  } catch {
    // A pid file cut short by a crash names nobody.
    return undefined;
  }
}

function alreadyRunning(home: { dataDir: string }, pid: number | undefined): SandboxError {
  const who = pid === undefined ? '' : ` (pid ${pid})`;
  return new SandboxError('DAEMON_RUNNING', `Another daemon${who} already serves "${home.dataDir}"`, {
    hint: 'Use it, stop it with "sandmesh stop", or set SANDMESH_HOME to another folder.',
  });
}
