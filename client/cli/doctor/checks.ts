/** The checks of `doctor`, in the order a person would look. */

import { accessSync, constants, existsSync, lstatSync, statSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { Session } from 'node:inspector';
import { delimiter, dirname, join } from 'node:path';
import { isReplaceableByAll } from '#protocol/home-paths.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CliContext } from '../context.ts';
import { connectToDaemon } from '../daemon-connection.ts';
import { packageRoot } from '../package-root.ts';
import { formatBytes, formatDuration } from '../render/time.ts';
import type { Check, CheckResult } from './check.ts';
import { canConnect, canListen, output, whileChildRuns } from './probes.ts';

const INSPECTOR_PORT = 9229;
const MIN_FREE_BYTES = 200e6;
const DAY_MS = 86_400_000;
const HOME_ADVICE = 'Make it writable, or set SANDMESH_HOME to a folder that is.';

const ok = (detail: string): CheckResult => ({ state: 'ok', detail });
const warning = (detail: string, advice: string): CheckResult => ({ state: 'warning', detail, advice });
const problem = (detail: string, advice: string): CheckResult => ({ state: 'problem', detail, advice });

export const checks: readonly Check[] = [
  { name: 'Node', run: async () => checkNode(process.versions.node) },
  { name: 'Installation', run: checkInstallation },
  { name: 'Home', run: checkHome },
  { name: 'Keys', run: checkKeys },
  { name: 'Disk', run: checkDisk },
  { name: 'Daemon', run: checkDaemon },
  { name: 'Running programs', run: async () => checkHarness() },
  { name: 'Attaching', run: checkAttaching },
  { name: 'Inspector port', run: checkInspectorPort },
  { name: 'Network', run: checkNetwork },
  { name: 'Clock', run: checkClock },
  { name: 'Browser', run: async (context) => checkBrowser(context.env.PATH ?? '') },
];

/** @param version without the leading v */
export function checkNode(version: string): CheckResult {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported = major > 20 || (major === 20 && minor >= 19);
  return supported
    ? ok(`${version}, on ${process.platform} ${process.arch}`)
    : problem(`${version} is too old`, 'Install Node 20.19 or later, 22 or 24.');
}

async function checkInstallation(): Promise<CheckResult> {
  const { folder, version } = packageRoot();
  const missing = ['cli.cjs', 'daemon.cjs', 'harness.cjs', 'harness-worker.cjs', 'harness-import.cjs'].filter(
    (file) => !existsSync(join(folder, '.dist', file)),
  );
  return missing.length === 0
    ? ok(`sandmesh ${version} in ${folder}`)
    : problem(
        `${missing.join(', ')} missing in ${join(folder, '.dist')}`,
        'Run "npm run build", or install sandmesh again.',
      );
}

async function checkHome(context: CliContext): Promise<CheckResult> {
  const { dataDir, runDir, configDir } = context.paths;
  const existing = [dataDir, runDir, configDir].filter((folder) => existsSync(folder));
  for (const folder of [dataDir, runDir].filter((each) => !existsSync(each))) {
    const parent = nearestFolder(folder);
    if (!isWritable(parent)) {
      return problem(`${folder} cannot be made: ${parent} is not writable`, HOME_ADVICE);
    }
  }
  if (existing.length === 0) return ok(`${dataDir} (not created yet)`);
  for (const folder of existing) {
    const { mode, uid } = statSync(folder);
    if (process.getuid !== undefined && uid !== process.getuid()) {
      return problem(`${folder} belongs to another user`, 'Make it yours, or set SANDMESH_HOME to a folder that is.');
    }
    if (!isWritable(folder)) return problem(`${folder} is not writable`, HOME_ADVICE);
    for (const each of [dirname(folder), folder]) {
      if (isReplaceable(each)) return problem(`${each} can be written to by every user`, `chmod o-w ${each}`);
    }
    if (process.platform !== 'win32' && (mode & 0o077) !== 0 && folder !== configDir) {
      return warning(`${folder} can be entered by other users`, `chmod 700 ${folder}`);
    }
  }
  return ok(dataDir);
}

/** What the daemon refuses to start with: a key that other users may have read, or swapped. */
async function checkKeys({ paths }: CliContext): Promise<CheckResult> {
  const file = join(paths.keysDir, 'device.key');
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return ok('none yet; made when the daemon first starts');
  if (!stats.isFile()) return problem(`${file} is no regular file`, 'Put the key itself there, or move it away.');
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return problem(`${file} belongs to another user`, `chown $USER ${file}`);
  }
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    return problem(`${file} can be read by other users`, `If nobody did: chmod 600 ${file}`);
  }
  return ok('readable by you alone');
}

function isReplaceable(folder: string): boolean {
  return process.platform !== 'win32' && isReplaceableByAll(statSync(folder).mode);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Itself, or the first one above it that exists. */
function nearestFolder(folder: string): string {
  let nearest = folder;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  return nearest;
}

async function checkDisk(context: CliContext): Promise<CheckResult> {
  const { bavail, bsize } = await statfs(nearestFolder(context.paths.dataDir));
  const free = bavail * bsize;
  return free > MIN_FREE_BYTES
    ? ok(`${formatBytes(free)} free`)
    : warning(`${formatBytes(free)} free where the home lies`, 'Free some space: what cannot be written is lost.');
}

async function checkDaemon(context: CliContext, signal: AbortSignal): Promise<CheckResult> {
  const { paths } = context;
  try {
    const client = await connectToDaemon({ paths, env: context.env, start: false, signal });
    try {
      const status = await client.call('daemon.status', {}, { signal });
      const { version } = packageRoot();
      const detail = `${status.version}, pid ${status.pid}, up for ${formatDuration(status.uptimeMs)}`;
      if (status.version !== version) {
        return warning(
          `${detail}, while this command is ${version}`,
          'Restart it: sandmesh stop (it starts again when needed).',
        );
      }
      const { apiTrouble } = status;
      return apiTrouble === undefined
        ? ok(detail)
        : warning(`${detail}. ${apiTrouble.message}`, apiTrouble.hint ?? 'Its log says more.');
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof SandboxError) || error.code !== 'DAEMON_UNREACHABLE') throw error;
    return ok('not running; it starts when needed');
  }
}

function checkHarness(): CheckResult {
  // `run` debugs from a worker inside the program, which Node offers since 20.11 and 22.
  return 'connectToMainThread' in Session.prototype
    ? ok('programs under "sandmesh run" can be debugged without an open port')
    : problem('this Node cannot be debugged from inside', 'Install Node 20.19 or later, 22 or 24.');
}

async function checkAttaching(context: CliContext, signal: AbortSignal): Promise<CheckResult> {
  if (process.platform !== 'linux') return ok('by signal and inspector');
  return whileChildRuns(context.env, signal, async (pid) => {
    try {
      await readdir(`/proc/${pid}/fd`);
    } catch {
      return problem(
        'the system hides one process of yours from another',
        '"sandmesh run" works all the same. For "attach", /proc must not be mounted with hidepid and the process must be dumpable.',
      );
    }
    return ok('processes of yours can be found and signalled');
  });
}

async function checkInspectorPort(): Promise<CheckResult> {
  return (await canListen(INSPECTOR_PORT))
    ? ok(`${INSPECTOR_PORT} is free: "attach <pid>" can open an inspector`)
    : warning(
        `${INSPECTOR_PORT} is taken, and Node opens its inspector nowhere else`,
        `"attach <pid>" needs it; whatever holds it can be attached to by "sandmesh attach localhost:${INSPECTOR_PORT}".`,
      );
}

async function checkNetwork(context: CliContext, signal: AbortSignal): Promise<CheckResult> {
  if (!(await canListen(0))) {
    return problem('cannot listen on 127.0.0.1', 'A firewall or a container forbids it; sandmesh needs loopback.');
  }
  const addresses = await listeningAddresses(context, signal);
  for (const { host, port } of addresses) {
    if (!(await canConnect(host, port, signal))) {
      return warning(`the daemon listens on ${host}:${port} but cannot be reached there`, 'Look at the firewall.');
    }
  }
  const list = addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  return ok(list === '' ? 'loopback works; nothing listens' : `listens on ${list}, reachable`);
}

async function listeningAddresses(context: CliContext, signal: AbortSignal): Promise<{ host: string; port: number }[]> {
  try {
    const client = await connectToDaemon({ paths: context.paths, env: context.env, start: false, signal });
    try {
      const { addresses } = await client.call('daemon.status', {}, { signal });
      return addresses.flatMap((address) => {
        const match = /^\/ip4\/([\d.]+)\/tcp\/(\d+)/.exec(address);
        return match?.[1] === undefined ? [] : [{ host: match[1], port: Number(match[2]) }];
      });
    } finally {
      client.close();
    }
  } catch {
    // No daemon, no addresses: the daemon's own check says so.
    return [];
  }
}

async function checkClock(_context: CliContext, signal: AbortSignal): Promise<CheckResult> {
  const { mtimeMs } = await stat(join(packageRoot().folder, 'package.json'));
  const advice = 'Set the clock: links and requests expire by it.';
  if (Date.now() < mtimeMs - DAY_MS) return problem('it is earlier than this installation', advice);
  const synchronized = await output('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], signal);
  if (synchronized === 'no') return warning('it is not synchronised with the network', advice);
  return ok(synchronized === 'yes' ? 'synchronised' : new Date().toISOString());
}

function checkBrowser(path: string): CheckResult {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome', 'firefox'];
  for (const folder of path.split(delimiter)) {
    const name = names.find((candidate) => folder !== '' && existsSync(join(folder, candidate)));
    if (name !== undefined) return ok(join(folder, name));
  }
  return ok('none found; nothing needs one yet');
}
