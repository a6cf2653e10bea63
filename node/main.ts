/** Entry of the daemon process: home, lock, keys, log, signals; then the daemon itself. */

import './network/promise-with-resolvers.ts';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SandboxError } from '#shared/errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { createLogger } from './log.ts';
import { loadOrCreateKey } from './security/identity.ts';
import { ConfigStore } from './storage/config.ts';
import { ensureHome, locateHome, lockHome } from './storage/home.ts';
import { DAEMON_TITLE } from './targets/own-daemon.ts';

/** A stop that hangs must not keep the home locked. */
const STOP_LIMIT_MS = 5_000;

async function main(): Promise<void> {
  process.title = DAEMON_TITLE;
  // Without a listener Node would open our inspector on this signal, and with it every key we hold.
  process.on('SIGUSR1', () => undefined);
  process.umask(0o077);
  const home = locateHome();
  ensureHome(home);
  const lock = await lockHome(home);
  const config = new ConfigStore(home.configFile, process.env, configFlags(process.argv.slice(2)));
  const log = createLogger(home.logFile, config.get('log.level'));
  const [{ Daemon }, deviceKey] = await Promise.all([
    import('./daemon.ts'),
    loadOrCreateKey(join(home.keysDir, 'device.key')),
  ]);
  let stopping = false;
  const stop = (reason: string, code = 0): void => {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'stopping');
    const limit = setTimeout(() => process.exit(1), STOP_LIMIT_MS);
    daemon
      .stop()
      .catch((error: unknown) => log.error({ err: error }, 'stopping failed'))
      .finally(() => {
        clearTimeout(limit);
        lock.release();
        // libp2p lingers about a second after a clean stop.
        process.exit(code);
      });
  };
  const daemon = new Daemon({
    home,
    config,
    deviceKey,
    log,
    version: packageJson.version,
    passphrase: takePassphrase(),
    distDir: dirname(fileURLToPath(import.meta.url)),
    onStop: stop,
  });
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    stop('uncaught exception', 1);
  });
  await daemon.start();
  log.info({ version: packageJson.version, home: home.dataDir }, 'ready');
}

/** From the environment, which nothing started from here inherits it by. */
function takePassphrase(): string | undefined {
  const passphrase = process.env['SANDMESH_PASSPHRASE'];
  delete process.env['SANDMESH_PASSPHRASE'];
  return passphrase === '' ? undefined : passphrase;
}

/** `--set key=value`, any number of times: strongest of all sources, for this daemon's life. */
function configFlags(argv: string[]): Record<string, string> {
  const { values } = parseArgs({ args: argv, options: { set: { type: 'string', multiple: true } } });
  const pairs = (values.set ?? []).map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
    throw new SandboxError('CONFIG_INVALID', `Cannot use --set "${pair}": it is not key=value`);
  });
  return Object.fromEntries(pairs);
}

main().catch((thrown: unknown) => {
  const error = SandboxError.from(thrown);
  // The one who started us reads this from the log it redirected our stderr to.
  const { code, message, hint } = error.toData();
  const text = hint === undefined ? message : `${message}. ${hint}`;
  process.stderr.write(`${JSON.stringify({ level: 60, time: Date.now(), code, msg: text })}\n`);
  process.exit(1);
});
