/** What processes hold on this machine, read from /proc: listening ports, and sockets left in folders. */

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** Why these tests cannot run here; undefined where they can. */
export const noProc = existsSync('/proc/net/tcp') ? undefined : 'this system has no /proc';

export interface Listener {
  /** As people write it: 127.0.0.1, 0.0.0.0, or the hex digits of an IPv6 address. */
  readonly address: string;
  readonly port: number;
}

/** TCP sockets on which any of the processes listens. */
export function listeners(...pids: number[]): Listener[] {
  const inodes = new Set(pids.flatMap(socketInodes));
  return allListeners()
    .filter(({ inode }) => inodes.has(inode))
    .map(({ address, port }) => ({ address, port }));
}

/** @returns those of the ports on which somebody listens */
export function openPorts(ports: readonly number[]): number[] {
  return allListeners().flatMap(({ port }) => (ports.includes(port) ? [port] : []));
}

/** A zombie is no process any more. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Paths of socket files anywhere below a folder. */
export function socketFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((file) => lstatSync(file).isSocket());
}

const LISTEN = '0A';

function allListeners(): (Listener & { inode: string })[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync).flatMap((table) =>
    readFileSync(table, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === LISTEN)
      .map(([, local = '', , , , , , , , inode = '']) => {
        const [address = '', port = ''] = local.split(':');
        return { address: readable(address), port: Number.parseInt(port, 16), inode };
      }),
  );
}

/** IPv4 addresses stand there as one little-endian number. */
function readable(hex: string): string {
  if (hex.length !== 8) return hex;
  return [...Buffer.from(hex, 'hex')].reverse().join('.');
}

function socketInodes(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(path.join(folder, name)))?.[1] ?? [];
    } catch {
      // closed while we looked
      return [];
    }
  });
}
