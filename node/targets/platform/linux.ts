/** Processes and ports on Linux, read from /proc: no child process is started. */

import { readdir, readFile, readlink } from 'node:fs/promises';
import type { DebugSignalEffect, ListeningPort, Platform, ProcessInfo, ProcessUsage } from './platform.ts';

/** Units of times in /proc/<pid>/stat: USER_HZ, 100 on every architecture Node runs on. */
const TICK_MS = 10;
const SIGUSR1_BIT = 1n << 9n;
/** States in /proc/net/tcp. */
const ESTABLISHED = '01';
const LISTEN = '0A';

export interface TcpSocket {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** Fields of /proc/<pid>/stat after the command name, which may itself contain spaces and parentheses. */
export function parseStat(text: string): { state: string; ppid: number; cpuMs: number; startTicks: number } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index] ?? 0);
  return {
    state: fields[0] ?? '?',
    ppid: number(1),
    cpuMs: (number(11) + number(12)) * TICK_MS,
    startTicks: number(19),
  };
}

/** @param text of /proc/net/tcp or /proc/net/tcp6 */
export function parseTcpTable(text: string): TcpSocket[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const fields = line.trim().split(/\s+/);
      const [address = '', port = ''] = (fields[1] ?? '').split(':');
      return {
        address: parseAddress(address),
        port: Number.parseInt(port, 16),
        state: fields[3] ?? '',
        inode: fields[9] ?? '',
      };
    });
}

/** Addresses are hexadecimal, each 32-bit word in host order (little endian everywhere Node runs but s390x). */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
  if (numbers.length === 4) return numbers.join('.');
  const isMapped = numbers.slice(0, 10).every((n) => n === 0) && numbers[10] === 255 && numbers[11] === 255;
  if (isMapped) return numbers.slice(12).join('.');
  if (numbers.every((n) => n === 0)) return '::';
  if (numbers.slice(0, 15).every((n) => n === 0) && numbers[15] === 1) return '::1';
  return bytes
    .join('')
    .toLowerCase()
    .replace(/(.{4})(?=.)/g, '$1:');
}

/** @param text of /proc/<pid>/status */
export function parseSignalEffect(text: string): DebugSignalEffect {
  const has = (name: string): boolean => {
    const mask = new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(text)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & SIGUSR1_BIT) !== 0n;
  };
  // Node blocks the signal until its handler stands
  if (has('SigCgt') || has('SigBlk')) return 'caught';
  return has('SigIgn') ? 'ignored' : 'fatal';
}

/** @returns undefined when the process is gone or the file is not ours to read */
async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function link(file: string): Promise<string | undefined> {
  try {
    return await readlink(file);
  } catch {
    return undefined;
  }
}

async function stat(pid: number): Promise<ReturnType<typeof parseStat> | undefined> {
  const text = await read(`/proc/${pid}/stat`);
  const parsed = text === undefined ? undefined : parseStat(text);
  return parsed === undefined || parsed.state === 'Z' || parsed.state === 'X' ? undefined : parsed;
}

async function tcpSockets(pid: number | 'self'): Promise<TcpSocket[]> {
  const texts = await Promise.all([read(`/proc/${pid}/net/tcp`), read(`/proc/${pid}/net/tcp6`)]);
  return texts.flatMap((text) => (text === undefined ? [] : parseTcpTable(text)));
}

async function socketInodes(pid: number): Promise<Set<string>> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(names.map((name) => link(`/proc/${pid}/fd/${name}`)));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target ?? '')?.[1] ?? []));
}

async function processIds(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

let bootedAt: Promise<number> | undefined;

async function bootTime(): Promise<number> {
  bootedAt ??= read('/proc/uptime').then((text) => Date.now() - Number((text ?? '0').split(' ')[0]) * 1000);
  return bootedAt;
}

export const linux: Platform = {
  async listProcesses(): Promise<readonly ProcessInfo[]> {
    const infos = await Promise.all((await processIds()).map((pid) => linux.processInfo(pid)));
    return infos.filter((info) => info !== undefined);
  },

  async processInfo(pid): Promise<ProcessInfo | undefined> {
    const [fields, commandLine, status, executable] = await Promise.all([
      stat(pid),
      read(`/proc/${pid}/cmdline`),
      read(`/proc/${pid}/status`),
      link(`/proc/${pid}/exe`),
    ]);
    if (fields === undefined) return undefined;
    const uid = /^Uid:\s+(\d+)/m.exec(status ?? '')?.[1];
    return {
      pid,
      ppid: fields.ppid,
      uid: uid === undefined ? undefined : Number(uid),
      argv: (commandLine ?? '').split('\0').slice(0, -1),
      executable,
    };
  },

  async isRunning(pid): Promise<boolean> {
    return (await stat(pid)) !== undefined;
  },

  workingFolder: (pid) => link(`/proc/${pid}/cwd`),

  async startedAt(pid): Promise<number | undefined> {
    const fields = await stat(pid);
    return fields === undefined ? undefined : Math.round((await bootTime()) + fields.startTicks * TICK_MS);
  },

  async listeningPorts(pid): Promise<readonly ListeningPort[]> {
    const [inodes, sockets] = await Promise.all([socketInodes(pid), tcpSockets(pid)]);
    return sockets
      .filter(({ state, inode }) => state === LISTEN && inodes.has(inode))
      .map(({ address, port }) => ({ address, port }));
  },

  async portOwner(port): Promise<number | undefined> {
    const sockets = await tcpSockets('self');
    const inode = sockets.find((socket) => socket.state === LISTEN && socket.port === port)?.inode;
    if (inode === undefined) return undefined;
    for (const pid of await processIds()) {
      if ((await socketInodes(pid)).has(inode)) return pid;
    }
    return undefined;
  },

  async connectionsTo(port): Promise<number> {
    const sockets = await tcpSockets('self');
    return sockets.filter((socket) => socket.state === ESTABLISHED && socket.port === port).length;
  },

  async usage(pid): Promise<ProcessUsage | undefined> {
    // stat counts memory in pages, whose size differs between machines
    const [fields, status] = await Promise.all([stat(pid), read(`/proc/${pid}/status`)]);
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(status ?? '')?.[1];
    return fields === undefined ? undefined : { rssBytes: Number(kilobytes ?? 0) * 1024, cpuMs: fields.cpuMs };
  },

  async debugSignalEffect(pid): Promise<DebugSignalEffect> {
    const text = await read(`/proc/${pid}/status`);
    return text === undefined ? 'unknown' : parseSignalEffect(text);
  },

  socketAddress: (path) => path,
};
