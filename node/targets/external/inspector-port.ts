/** Finds the port of a process's inspector, and opens one where there is none. */

import { createServer } from 'node:net';
import { SandboxError } from '#shared/errors.ts';
import type { ListeningPort, Platform, ProcessInfo } from '../platform/platform.ts';
import type { Address } from './inspector-endpoint.ts';
import { findInspector } from './inspector-endpoint.ts';
import { requireSafeSignal } from './obstacles.ts';

const DEFAULT_PORT = 9229;
const OPEN_LIMIT_MS = 2_000;
const POLL_MS = 5;
const INSPECT_SWITCH = /^--inspect(?:-brk|-wait)?(?:=(.*))?$/;
const PORT_SWITCH = /^--(?:inspect-port|debug-port)=(?:.*:)?(\d+)$/;

function toAddress({ address, port }: ListeningPort): Address {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return { host, port };
}

async function answers(address: Address): Promise<boolean> {
  return findInspector(address).then(
    () => true,
    () => false,
  );
}

/**
 * Looks for an inspector that is open already. A program's other ports are not touched unless its command line says
 * that one of them is an inspector: a stray HTTP request may be more than somebody's service expects.
 */
export async function findOpenInspector({ pid, argv }: ProcessInfo, platform: Platform): Promise<Address | undefined> {
  const ports = (await platform.listeningPorts(pid)).map(toAddress);
  const isSwitchedOn = argv.some((argument) => INSPECT_SWITCH.test(argument));
  const likely = ports.filter(({ port }) => isSwitchedOn || (port >= DEFAULT_PORT && port < DEFAULT_PORT + 10));
  for (const address of likely) if (await answers(address)) return address;
  return undefined;
}

/**
 * Opens the inspector by SIGUSR1. The caller holds the machine's inspector lock.
 *
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE
 */
export async function openInspector(info: ProcessInfo, platform: Platform, signal?: AbortSignal): Promise<Address> {
  await requireSafeSignal(info, platform);
  const wanted = Number(info.argv.map((argument) => PORT_SWITCH.exec(argument)?.[1]).find(Boolean) ?? DEFAULT_PORT);
  if (wanted !== 0) await requireFreePort(wanted, info.pid, platform);
  const before = await platform.listeningPorts(info.pid);
  (process as NodeJS.Process & { _debugProcess(pid: number): void })._debugProcess(info.pid);
  const opened = await pollNewPort(info.pid, platform, new Set(before.map(({ port }) => port)), signal);
  if (opened !== undefined) return opened;
  // opened earlier under a port that nothing tells: only now are its other local ports worth a question
  for (const address of before.map(toAddress).filter(({ host }) => host === '127.0.0.1' || host === '::1')) {
    if (await answers(address)) return address;
  }
  throw new SandboxError(
    'INSPECTOR_UNAVAILABLE',
    `Cannot attach to pid ${info.pid}: it did not open its inspector on SIGUSR1`,
    {
      hint: 'It handles SIGUSR1 itself, or it is stopped. Start it with "sandmesh run" instead.',
    },
  );
}

/**
 * Waits for an inspector on a port that is none of `known`.
 *
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE
 */
export async function waitForMovedInspector(
  pid: number,
  platform: Platform,
  known: ReadonlySet<number>,
  signal?: AbortSignal,
): Promise<Address> {
  const moved = await pollNewPort(pid, platform, known, signal);
  if (moved !== undefined) return moved;
  throw new SandboxError('INSPECTOR_UNAVAILABLE', `Lost the inspector of pid ${pid} while moving it to a free port`, {
    hint: 'The program runs on; try again.',
  });
}

/** Every TCP port the process listens on. */
export async function portsOf(pid: number, platform: Platform): Promise<Set<number>> {
  return new Set((await platform.listeningPorts(pid)).map(({ port }) => port));
}

async function pollNewPort(
  pid: number,
  platform: Platform,
  known: ReadonlySet<number>,
  signal: AbortSignal | undefined,
): Promise<Address | undefined> {
  const giveUpAt = performance.now() + OPEN_LIMIT_MS;
  while (performance.now() < giveUpAt) {
    signal?.throwIfAborted();
    for (const port of await platform.listeningPorts(pid)) {
      if (!known.has(port.port) && (await answers(toAddress(port)))) return toAddress(port);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return undefined;
}

async function requireFreePort(port: number, pid: number, platform: Platform): Promise<void> {
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  if (isFree) return;
  const owner = await platform.portOwner(port);
  const command = owner === undefined ? undefined : (await platform.processInfo(owner))?.argv.join(' ').slice(0, 120);
  const by = owner === undefined ? 'another process' : `pid ${owner} (${command ?? '?'})`;
  throw new SandboxError(
    'INSPECTOR_UNAVAILABLE',
    `Cannot attach to pid ${pid}: port ${port}, where it would open its inspector, is taken by ${by}`,
    {
      hint: 'Stop that process or move its inspector (--inspect=0), or start this one with "sandmesh run", which needs no port.',
    },
  );
}
