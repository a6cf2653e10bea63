/**
 * Attaches to a process that was not started by sandmesh: by its pid, or by the address of an inspector that is open.
 */

import { lookup } from 'node:dns/promises';
import { lstat } from 'node:fs/promises';
import { SandboxError } from '#shared/errors.ts';
import { targetGone } from '../cdp-connection.ts';
import { isSandmeshDaemon } from '../own-daemon.ts';
import { ownNumber } from '../pid-namespace.ts';
import type { Platform, ProcessInfo } from '../platform/platform.ts';
import { ExternalProcess } from './external-process.ts';
import { withHostLock } from './host-lock.ts';
import { type Address, findInspector, formatAddress } from './inspector-endpoint.ts';
import { moveInspectorLater } from './inspector-move.ts';
import { findOpenInspector, openInspector, portsOf, waitForMovedInspector } from './inspector-port.ts';
import { type InspectorSocket, openInspectorSocket } from './inspector-socket.ts';
import { refuseSecondDebugger, requireAttachable } from './obstacles.ts';
import { askFacts, type RemoteFacts } from './program-facts.ts';

export interface AttachOptions {
  readonly signal?: AbortSignal;
  /** Attach although the address is not loopback, or another debugger is there. */
  readonly force?: boolean;
}

interface Session {
  readonly socket: InspectorSocket;
  readonly facts: RemoteFacts;
}

/**
 * @throws {SandboxError} PROCESS_UNKNOWN, PROCESS_FORBIDDEN, PROCESS_NOT_NODE, INSPECTOR_UNAVAILABLE, TIMEOUT; each says
 * what to do
 */
export async function attachToPid(
  pid: number,
  platform: Platform,
  options: AttachOptions = {},
): Promise<ExternalProcess> {
  const info = await requireAttachable(pid, platform);
  const open = await findOpenInspector(info, platform);
  if (open !== undefined) {
    if (options.force !== true) await refuseSecondDebugger(open.port, platform);
    return become(await connect(open, info), { openedByUs: false, isLocal: true });
  }
  const session = await withHostLock('inspector', () => openAndMove(info, platform, options), options.signal);
  return become(session, { openedByUs: true, isLocal: true });
}

/**
 * @param address host is a name or an IP address
 * @throws {SandboxError} as {@link attachToPid}
 */
export async function attachToAddress(
  address: Address,
  platform: Platform,
  options: AttachOptions = {},
): Promise<ExternalProcess> {
  const isLocal = await isLoopback(address.host);
  if (!isLocal && options.force !== true) {
    throw new SandboxError(
      'PROCESS_FORBIDDEN',
      `Cannot attach to ${formatAddress(address)}: only this machine's inspectors are taken`,
      {
        hint: 'An inspector is open to everybody who reaches its port. Run sandmesh on that machine and join it, or tunnel the port.',
      },
    );
  }
  if (isLocal && options.force !== true) await refuseSecondDebugger(address.port, platform);
  const owner = isLocal ? await ownerOf(address, platform) : undefined;
  const session = await connect(address, owner, false);
  if (isLocal && isSandmeshDaemon({ pid: session.facts.pid, argv: [session.facts.title, ...session.facts.argv] })) {
    await session.socket.close();
    throw new SandboxError('PROCESS_FORBIDDEN', `Cannot attach to ${formatAddress(address)}: it is a sandmesh daemon`, {
      hint: 'Run "sandmesh attach" without an address to choose from what runs.',
    });
  }
  // a forwarded port (a container's, ssh's) belongs to another process than the program that answers
  return become(session, { openedByUs: false, isLocal: owner?.pid === session.facts.pid });
}

/** What whoever made a tunnel knows of its other end. */
export interface Tunnel {
  readonly pid: number;
  /** The inspector was closed before: detaching closes it again. */
  readonly opened: boolean;
}

/**
 * Attaches to a process on another machine through a Unix socket of this user, which nobody else can open as they
 * could a port.
 *
 * @throws {SandboxError} PROCESS_FORBIDDEN for a socket of somebody else, INSPECTOR_UNAVAILABLE, TIMEOUT
 */
export async function attachThroughSocket(socketPath: string, tunnel: Tunnel): Promise<ExternalProcess> {
  const file = await lstat(socketPath).catch(() => undefined);
  if (file?.isSocket() !== true || file.uid !== process.getuid?.()) {
    throw new SandboxError('PROCESS_FORBIDDEN', `Cannot attach at "${socketPath}": it is no socket of yours`);
  }
  const session = await connect({ host: 'localhost', port: 0, socketPath }, { pid: tunnel.pid, argv: [] });
  return become(session, { openedByUs: tunnel.opened, isLocal: false });
}

async function become(session: Session, options: { openedByUs: boolean; isLocal: boolean }): Promise<ExternalProcess> {
  const process = new ExternalProcess(session.socket, session.facts, options);
  await process.watch();
  return process;
}

/** Connects and makes sure who answers. */
async function connect(
  address: Address,
  expected: Pick<ProcessInfo, 'pid' | 'argv'> | undefined,
  mustMatch = true,
): Promise<Session> {
  const url = await findInspector(address);
  const socket = await openInspectorSocket(url, () => targetGone(expected?.pid ?? 0));
  try {
    const said = await askFacts(socket.cdp, formatAddress(address), expected);
    // In a container it has another number for itself.
    const isExpected = expected !== undefined && said.pid === ownNumber(expected.pid);
    const facts = isExpected ? { ...said, pid: expected.pid } : said;
    if (mustMatch && expected !== undefined && facts.pid !== expected.pid) {
      throw new SandboxError(
        'INSPECTOR_UNAVAILABLE',
        `Cannot attach to pid ${expected.pid}: ${formatAddress(address)} is answered by pid ${facts.pid}`,
        { hint: 'It may run in a container with its own process ids: run sandmesh inside it.' },
      );
    }
    return { socket, facts };
  } catch (error) {
    await socket.close();
    throw error;
  }
}

async function openAndMove(info: ProcessInfo, platform: Platform, { signal }: AttachOptions): Promise<Session> {
  const first = await openInspector(info, platform, signal);
  const session = await connect(first, info);
  const known = await portsOf(info.pid, platform);
  // freeing 9229 matters to others, not to us: where the program offers no way, it stays there
  if (!(await moveInspectorLater(session.socket.cdp))) return session;
  await session.socket.close();
  const moved = await waitForMovedInspector(info.pid, platform, known, signal);
  return connect(moved, info);
}

/** Undefined when the system does not tell, as with another user's process. */
async function ownerOf({ port }: Address, platform: Platform): Promise<ProcessInfo | undefined> {
  const pid = await platform.portOwner(port);
  return pid === undefined ? undefined : platform.processInfo(pid);
}

async function isLoopback(host: string): Promise<boolean> {
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => address === '::1' || address.startsWith('127.'));
}
