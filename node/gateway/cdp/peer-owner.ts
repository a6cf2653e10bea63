/** Which user is at the other end of a loopback connection, by the kernel's own table. */

import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

const LOOPBACK = '0100007F';
const UID_COLUMN = 7;

/**
 * @returns undefined where the system does not say: it is not Linux, or the connection is gone
 */
export async function peerOwner({
  remotePort,
  localPort,
}: Pick<Socket, 'remotePort' | 'localPort'>): Promise<number | undefined> {
  if (remotePort === undefined || localPort === undefined) return undefined;
  const table = await readFile('/proc/net/tcp', 'latin1').catch(() => '');
  return ownerIn(table, remotePort, localPort);
}

/** @param table as /proc/net/tcp has it; @param from the port of the socket whose owner is wanted */
export function ownerIn(table: string, from: number, to: number): number | undefined {
  const ends = `${endOf(from)} ${endOf(to)}`;
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (`${columns[1]} ${columns[2]}` !== ends) continue;
    const uid = Number(columns[UID_COLUMN]);
    return Number.isInteger(uid) ? uid : undefined;
  }
  return undefined;
}

function endOf(port: number): string {
  return `${LOOPBACK}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}
