/**
 * Finds the daemon and, when asked to, starts one and waits until it answers. Which of two daemons started at once
 * survives is decided by their lock; both callers end up with that one.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandmeshClient, Scope } from '#client/sdk/client.ts';
import type { ByteConnector } from '#client/sdk/transport.ts';
import { unixSocket } from '#client/sdk/unix-socket.ts';
import type { HomePaths } from '#protocol/home-paths.ts';
import { type ErrorCode, SandboxError } from '#shared/errors.ts';
import { failureInLog } from './daemon-log.ts';
import { ExitCode, exitCodeOf } from './exit-codes.ts';
import { createHome, reasonOf } from './home.ts';
import { daemonScript } from './package-root.ts';

/** A loaded machine needs several times the usual 0.5 s. */
const START_LIMIT_MS = 15_000;
/** Another daemon may hold the lock: it answers or is gone within this (a stopping one takes 5 s at most). */
const RIVAL_LIMIT_MS = 7_000;
const RIVAL_PAUSE_MS = 150;
const POLL_MS = 10;

export interface DaemonOptions {
  readonly paths: HomePaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The daemon's bundle; the package's own unless given. */
  readonly script?: string | undefined;
  /** `key=value`, over the daemon's configuration for its life. */
  readonly settings?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectionOptions extends DaemonOptions {
  /** Start a daemon when none runs. */
  readonly start: boolean;
  readonly scope?: Scope;
  /** Come back when it goes away; with `start` also start it again, unless it was stopped on purpose. */
  readonly keepUp?: boolean;
  readonly agent?: string;
}

/**
 * Opens a client; the caller closes it.
 *
 * @throws {SandboxError} DAEMON_UNREACHABLE with the reason, HOME_UNWRITABLE, CONFIG_INVALID; DAEMON_RUNNING when it
 * runs without the settings; `signal.reason` on abort
 */
export async function connectToDaemon(options: ConnectionOptions): Promise<SandmeshClient> {
  let stoppedOnPurpose = false;
  const connect: ByteConnector = async (events, { signal }) => {
    if (options.start && !stoppedOnPurpose) await ensureDaemon({ ...options, signal });
    return unixSocket(options.paths.daemonSocket)(events, { signal });
  };
  // The sdk (zod with it) takes 40 ms to load: time a cold daemon uses to start.
  const [{ SandmeshClient }, { framed }] = await Promise.all([
    import('#client/sdk/client.ts'),
    import('#client/sdk/framed-conversation.ts'),
    options.start ? ensureDaemon(options) : undefined,
  ]);
  const client = new SandmeshClient({
    connector: framed(connect),
    reconnect: options.keepUp ?? false,
    ...(options.scope === undefined ? {} : { scope: options.scope }),
    agent: options.agent ?? 'cli',
  });
  // "sandmesh stop" must not be undone by whoever keeps the daemon up.
  client.events.on('bye', () => {
    stoppedOnPurpose = true;
  });
  client.events.on('connected', () => {
    stoppedOnPurpose = false;
  });
  await client.open({ signal: options.signal });
  try {
    if (options.start) await assertInForce(client, options.settings ?? []);
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

/** A daemon that ran already has its own settings: going on with others than asked for could do harm. */
async function assertInForce(client: SandmeshClient, settings: readonly string[]): Promise<void> {
  for (const setting of settings) {
    const { key, text } = splitSetting(setting);
    const { value } = await client.call('config.get', { key });
    if (String(value) === text) continue;
    const { pid } = await client.call('daemon.status', {});
    throw new SandboxError(
      'DAEMON_RUNNING',
      `Cannot use --set ${setting}: the daemon (pid ${pid}) runs already, with ${key}=${value}`,
      { hint: 'Stop it first with "sandmesh stop"; programs keep running. Or leave out --set.' },
    );
  }
}

/** @throws {SandboxError} BAD_ARGUMENT */
function splitSetting(setting: string): { key: string; text: string } {
  const equals = setting.indexOf('=');
  if (equals > 0) return { key: setting.slice(0, equals), text: setting.slice(equals + 1) };
  throw new SandboxError('BAD_ARGUMENT', `Cannot use --set "${setting}": it is not key=value`, {
    hint: 'For example: --set log.level=debug. See "sandmesh config list".',
  });
}

/**
 * Returns once a daemon answers on the socket, starting one if need be.
 *
 * @throws {SandboxError} DAEMON_UNREACHABLE with the reason from its log, HOME_UNWRITABLE
 */
export async function ensureDaemon(options: DaemonOptions): Promise<void> {
  const { paths, signal } = options;
  for (const setting of options.settings ?? []) splitSetting(setting);
  const first = await probe(paths, signal);
  if (first === undefined) return;
  // A socket that exists and refuses us is somebody else's: a second daemon would not help.
  const code = first.cause instanceof Error && 'code' in first.cause ? first.cause.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') throw first;
  createHome(paths);
  let started: StartedDaemon | undefined;
  // One that is still on its way would be there after a "sandmesh stop" that came meanwhile.
  const endSpare = (): void => started?.endIfSpare();
  signal?.addEventListener('abort', endSpare, { once: true });
  try {
    await untilAnswered(options, () => {
      started = spawnDaemon(options);
      return started;
    });
    endSpare();
  } finally {
    signal?.removeEventListener('abort', endSpare);
  }
}

/** Starts one, and the next where a rival was only just stopping. */
async function untilAnswered({ paths, signal }: DaemonOptions, start: () => StartedDaemon): Promise<void> {
  const giveUpAt = Date.now() + START_LIMIT_MS;
  let rivalUntil: number | undefined;
  let started = start();
  while (Date.now() < giveUpAt) {
    await delay(POLL_MS, undefined, { signal });
    if ((await probe(paths, signal)) === undefined) return;
    const ended = started.ended();
    if (ended === undefined) continue;
    const failure = await failureInLog(paths.logFile, started.logOffset);
    if (failure?.lockHeld !== true) {
      throw cannotStart(failure?.text ?? (await whyUnsaid(paths, ended)), paths, failure?.code);
    }
    rivalUntil ??= Date.now() + RIVAL_LIMIT_MS;
    if (Date.now() > rivalUntil) throw cannotStart('another daemon holds this home but does not answer', paths);
    // The other one is just starting, or just stopping: in that case it is our turn soon.
    await delay(RIVAL_PAUSE_MS, undefined, { signal });
    if ((await probe(paths, signal)) === undefined) return;
    started = start();
  }
  throw cannotStart(`it does not answer after ${START_LIMIT_MS / 1000} s`, paths);
}

/** @returns undefined when a daemon answers, else why not */
async function probe(paths: HomePaths, signal: AbortSignal | undefined): Promise<SandboxError | undefined> {
  const ignore = { onData: () => undefined, onClose: () => undefined };
  try {
    const transport = await unixSocket(paths.daemonSocket)(ignore, { signal });
    transport.close();
    return undefined;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    return SandboxError.from(error);
  }
}

interface StartedDaemon {
  /** Where its lines begin in the log. */
  readonly logOffset: number;
  /** How it ended, or undefined while it runs. */
  ended(): string | undefined;
  /** Ends it unless the home is its own: then it is, or is about to be, the daemon that answers. */
  endIfSpare(): void;
}

function spawnDaemon(options: DaemonOptions): StartedDaemon {
  const script = options.script ?? daemonScript();
  if (!existsSync(script)) {
    throw new SandboxError('DAEMON_UNREACHABLE', `Cannot start the daemon: "${script}" does not exist`, {
      hint: 'Run "npm run build", or install sandmesh again.',
    });
  }
  const { logFile } = options.paths;
  let log: number;
  try {
    log = openSync(logFile, 'a', 0o600);
  } catch (cause) {
    throw new SandboxError('HOME_UNWRITABLE', `Cannot write "${logFile}": ${reasonOf(cause)}`, {
      hint: 'Make it writable, or point SANDMESH_HOME at a folder that is.',
      cause,
    });
  }
  try {
    const logOffset = fstatSync(log).size;
    const flags = (options.settings ?? []).map((setting) => `--set=${setting}`);
    const child = spawn(process.execPath, [script, ...flags], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.paths.dataDir,
      env: daemonEnvironment(options.env),
      windowsHide: true,
    });
    const ended = watchEnd(child);
    child.unref();
    const endIfSpare = (): void => {
      const pid = ownerOf(options.paths);
      if (pid !== undefined && pid !== child.pid && ended() === undefined) child.kill();
    };
    return { logOffset, ended, endIfSpare };
  } finally {
    closeSync(log);
  }
}

/** The pid of the home's daemon, as it says itself; undefined where none does. */
function ownerOf({ pidFile }: HomePaths): number | undefined {
  try {
    const { pid }: { pid?: unknown } = JSON.parse(readFileSync(pidFile, 'utf8'));
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}

function watchEnd(child: ChildProcess): () => string | undefined {
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  return () => ended;
}

/** NODE_OPTIONS would open an inspector in the daemon, or load a harness or a test's loader into it. */
function daemonEnvironment(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_INSPECT_RESUME_ON_START: _resume, ...rest } = env;
  return rest;
}

/** On a full disk its log does not hold the reason either. */
async function whyUnsaid({ dataDir }: HomePaths, ended: string): Promise<string> {
  const free = await statfs(dataDir).catch(() => undefined);
  return free?.bavail === 0 ? `there is no room left on the disk of "${dataDir}"` : `it ended at once (${ended})`;
}

/** @param reason what the daemon said; one that has an exit code of its own keeps it */
function cannotStart(why: string, paths: HomePaths, reason: ErrorCode = 'DAEMON_UNREACHABLE'): SandboxError {
  const code = exitCodeOf(reason) === ExitCode.failure ? 'DAEMON_UNREACHABLE' : reason;
  return new SandboxError(code, `Cannot start the daemon: ${why}`, {
    hint: `Its log is ${paths.logFile}; "sandmesh doctor" looks for the reason.`,
  });
}
