/**
 * Where a daemon keeps its state, computed from the environment alone, so that daemon and clients agree without
 * asking each other. Nothing here touches the disk: creating folders and checking permissions is the caller's job.
 */

import { SandboxError } from '#shared/errors.ts';

/** Absolute paths; folders are 0700 and files 0600 once created. */
export interface HomePaths {
  readonly configDir: string;
  readonly configFile: string;
  readonly dataDir: string;
  readonly keysDir: string;
  readonly runDir: string;
  readonly logFile: string;
  /** Whom the home belongs to: `{"pid":N}` of its daemon, before it answers. */
  readonly pidFile: string;
  /** Unix socket (a named pipe on Windows) that the CLI and the sdk talk to. */
  readonly daemonSocket: string;
  /** Unix socket (a named pipe on Windows) that speaks the Debug Adapter Protocol to `sandmesh dap`. */
  readonly dapSocket: string;
  /** Unix socket (a named pipe on Windows) that harnesses inside programs connect to. */
  readonly targetsSocket: string;
}

const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Whether every user may put another in the place of what lies in a folder; in a sticky one everybody's files are their own.
 *
 * @param mode of the folder, as `stat` gives it
 */
export function isReplaceableByAll(mode: number): boolean {
  return (mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0;
}

export interface HomeInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `process.platform` */
  readonly platform: string;
  /** `os.homedir()` */
  readonly homedir: string;
}

/** Bytes of a Unix socket's path that every supported system takes (macOS 104, Linux 108, with the final zero). */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * `SANDMESH_HOME` moves everything below one folder; else the XDG folders, else their defaults (on Windows
 * `%APPDATA%` and `%LOCALAPPDATA%`). Without `XDG_RUNTIME_DIR` the sockets lie under the data folder.
 *
 * @throws {SandboxError} CONFIG_INVALID when `SANDMESH_HOME` is relative or a socket's path would be too long
 */
export function homePaths({ env, platform, homedir }: HomeInput): HomePaths {
  const windows = platform === 'win32';
  const separator = windows ? '\\' : '/';
  const join = (...parts: string[]): string => parts.join(separator);
  const absolute = (path: string | undefined): string | undefined =>
    path !== undefined && (windows ? /^([a-z]:)?[\\/]/i : /^\//).test(path)
      ? path.replace(/(?<=.)[\\/]+$/, '')
      : undefined;

  const wanted = env.SANDMESH_HOME;
  const home = absolute(wanted);
  if (wanted !== undefined && wanted !== '' && home === undefined) {
    throw new SandboxError('CONFIG_INVALID', `Cannot use SANDMESH_HOME="${wanted}": it is not an absolute path`, {
      hint: `Set it to a full path, for example ${join(homedir, '.sandmesh')}.`,
    });
  }
  let configDir: string;
  let dataDir: string;
  let runDir: string;
  if (home !== undefined) {
    [configDir, dataDir, runDir] = [join(home, 'config'), join(home, 'data'), join(home, 'run')];
  } else if (windows) {
    configDir = join(absolute(env.APPDATA) ?? join(homedir, 'AppData', 'Roaming'), 'sandmesh');
    dataDir = join(absolute(env.LOCALAPPDATA) ?? join(homedir, 'AppData', 'Local'), 'sandmesh');
    runDir = join(dataDir, 'run');
  } else {
    // The XDG specification says to ignore relative values.
    configDir = join(absolute(env.XDG_CONFIG_HOME) ?? join(homedir, '.config'), 'sandmesh');
    dataDir = join(absolute(env.XDG_DATA_HOME) ?? join(homedir, '.local', 'share'), 'sandmesh');
    const runtime = absolute(env.XDG_RUNTIME_DIR);
    runDir = runtime === undefined ? join(dataDir, 'run') : join(runtime, 'sandmesh');
  }
  return {
    configDir,
    configFile: join(configDir, 'config.json'),
    dataDir,
    keysDir: join(dataDir, 'keys'),
    runDir,
    logFile: join(dataDir, 'daemon.log'),
    pidFile: join(runDir, 'daemon.pid'),
    daemonSocket: socketPath('daemon', runDir, windows),
    dapSocket: socketPath('dap', runDir, windows),
    targetsSocket: socketPath('targets', runDir, windows),
  };
}

function socketPath(name: string, runDir: string, windows: boolean): string {
  if (windows) return `\\\\.\\pipe\\sandmesh-${fnv1a(runDir.toLowerCase())}-${name}`;
  const path = `${runDir}/${name}.sock`;
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new SandboxError(
      'CONFIG_INVALID',
      `Cannot use "${path}" as a socket: it is ${bytes} bytes long, the system takes ${MAX_SOCKET_PATH_BYTES}`,
      { hint: 'Set SANDMESH_HOME (or XDG_RUNTIME_DIR) to a shorter path.' },
    );
  }
  return path;
}

/** 64-bit FNV-1a in hex: tells the pipes of several homes apart, guards nothing (the pipe's owner does). */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}
