/**
 * `npm start`: the tea shop under `sandmesh run`, a few customers, the link and what to try with it. Everything it
 * started ends with Ctrl-C, the daemon too when it was not there before. Part of the repository, not of the package.
 * Started by node itself: the tsx command kills a program outright that does not answer Ctrl-C within 60 ms, and a busy
 * machine then kept our daemon.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pc from 'picocolors';
import { currentHome } from './home.ts';
import { packageRoot } from './package-root.ts';

const root = packageRoot().folder;
const cli = path.join(root, '.dist/cli.cjs');
const shop = path.join(root, 'test/apps/shop');
const PREFERRED_PORT = 4100;
/** The program is held while it is attached to, and tsx compiles it: a slow machine takes a while. */
const READY_LIMIT_MS = 60_000;
const CUSTOMERS_PER_SECOND = '0.5';

async function canListen(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  } catch {
    // taken: the caller tries another
    return undefined;
  } finally {
    server.close();
  }
}

async function daemonRuns(): Promise<boolean> {
  const socket = connect(currentHome(process.env).daemonSocket);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // nobody listens: there is none
    return false;
  } finally {
    socket.destroy();
  }
}

async function shopAnswers(address: string, program: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while (program.exitCode === null && program.signalCode === null && performance.now() < deadline) {
    // refused until it listens
    const answer = await fetch(`${address}/health`).catch(() => undefined);
    if (answer?.ok === true) return true;
    await delay(100);
  }
  return false;
}

/** `file:line` of the statement that is worth a breakpoint, whatever was edited above it. */
function interestingLine(): string {
  const lines = readFileSync(path.join(shop, 'pricing.ts'), 'utf8').split('\n');
  const index = lines.findIndex((line) => line.includes('quote.total -= amount'));
  return `test/apps/shop/pricing.ts:${index + 1}`;
}

function sandmesh(...args: string[]): string {
  return spawnSync(process.execPath, [cli, ...args], { cwd: root, encoding: 'utf8' }).stdout.trim();
}

function invitation(address: string): string {
  const link = sandmesh('open', '-q');
  const bold = pc.createColors(process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined).bold;
  return `
${bold('The tea shop')} is at ${address}, customers are coming, and now and then the till is wrong
(test/apps/shop/README.md tells the story). In other terminals, in this folder, try:

  ${bold('npx sandmesh watch')}
      everything live: who is here, where the program stands; keys step and resume

  ${bold(`npx sandmesh break add ${interestingLine()}`)}
      the next customer with a coupon stops there; then: npx sandmesh stack, scopes, eval quote, resume

  ${bold(`SANDMESH_HOME=/tmp/guest npx sandmesh join --name guest '${link}'`)}
      be your own guest from a second home; let yourself in with: npx sandmesh approve

Ctrl-C ends the shop and everything else that was started here.
`;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) await once(child, 'exit');
}

async function main(): Promise<number> {
  if (!existsSync(cli)) {
    process.stderr.write('Cannot start the demo: sandmesh is not built. Run "npm install" or "npm run build" first.\n');
    return 1;
  }
  const hadDaemon = await daemonRuns();
  const port = (await canListen(PREFERRED_PORT)) ?? (await canListen(0)) ?? PREFERRED_PORT;
  const address = `http://127.0.0.1:${port}`;
  const program = spawn(process.execPath, [cli, 'run', '--', 'npx', 'tsx', 'test/apps/shop/main.ts'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SHOP_PORT: String(port) },
  });
  // Ctrl-C reaches the whole group by itself; a signal sent to this process alone is passed on.
  let stopped = false;
  const stop = (signal: NodeJS.Signals) => (): void => {
    stopped = true;
    if (signal === 'SIGTERM') program.kill(signal);
  };
  process.on('SIGINT', stop('SIGINT'));
  process.on('SIGTERM', stop('SIGTERM'));

  let traffic: ChildProcess | undefined;
  if (await shopAnswers(address, program)) {
    process.stderr.write(invitation(address));
    traffic = spawn(
      process.execPath,
      ['--import', 'tsx', path.join(shop, 'traffic.ts'), address, CUSTOMERS_PER_SECOND],
      {
        cwd: root,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
  }
  await ended(program);
  traffic?.kill('SIGTERM');
  if (traffic !== undefined) await ended(traffic);
  if (!hadDaemon) sandmesh('stop');
  return stopped ? 0 : (program.exitCode ?? 1);
}

process.exitCode = await main();
