/**
 * Processes and ports on macOS, by ps and lsof.
 * Only its parsers are tested, on sample output in the documented formats: nobody has run this file on a Mac.
 */

import type { DebugSignalEffect, ListeningPort, Platform, ProcessInfo, ProcessUsage } from './platform.ts';
import { runTool } from './run-tool.ts';

/** One line each; `lstart` is five words, so the command comes last. */
const PS_FIELDS = 'pid=,ppid=,uid=,state=,rss=,time=,lstart=,command=';
const PS_LINE =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\s+(\w{3}\s+\w{3}\s+\d+\s+\d+:\d+:\d+\s+\d{4})\s+(.*)$/;
const SIGUSR1_MASK = 1 << 29;

export interface PsProcess extends ProcessInfo, ProcessUsage {
  readonly isZombie: boolean;
  readonly startedAt: number;
}

/** @param text of `ps -ww -o` with {@link PS_FIELDS}; lines that do not fit are left out */
export function parsePs(text: string): PsProcess[] {
  return text.split('\n').flatMap((line) => {
    const match = PS_LINE.exec(line);
    if (match === null) return [];
    const [
      ,
      pid,
      ppid,
      uid,
      state = '',
      rss,
      days = '0',
      hours = '0',
      minutes = '0',
      seconds = '0',
      start = '',
      command = '',
    ] = match;
    const argv = command.split(' ');
    return {
      pid: Number(pid),
      ppid: Number(ppid),
      uid: Number(uid),
      argv,
      executable: argv[0],
      rssBytes: Number(rss) * 1024,
      cpuMs: Math.round(((Number(days) * 24 + Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000),
      startedAt: Date.parse(start),
      isZombie: state.startsWith('Z'),
    };
  });
}

/** @param text of `lsof -Fpn`: one field per line, `p` opens a process, `n` names a file or socket */
export function parseLsof(text: string): { pid: number; name: string }[] {
  const found: { pid: number; name: string }[] = [];
  let pid = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line.startsWith('n')) found.push({ pid, name: line.slice(1) });
  }
  return found;
}

/** @param name as lsof shows a listening socket: `127.0.0.1:9229`, `[::1]:80`, `*:3000` */
export function parseListeningName(name: string): ListeningPort | undefined {
  const match = /^(?:\[([0-9a-f:]+)\]|([\d.]+|\*)):(\d+)$/i.exec(name);
  if (match === null) return undefined;
  const address = match[1] ?? match[2] ?? '';
  return { address: address === '*' ? '0.0.0.0' : address, port: Number(match[3]) };
}

/** @param text of `ps -o sigmask` style columns `caught= ignored= blocked=`, each in hexadecimal */
export function parseSignalMasks(text: string): DebugSignalEffect {
  const masks = text
    .trim()
    .split(/\s+/)
    .map((mask) => Number.parseInt(mask, 16));
  const [caught, ignored, blocked] = masks;
  if (masks.length !== 3 || masks.some(Number.isNaN)) return 'unknown';
  const has = (mask = 0): boolean => (mask & SIGUSR1_MASK) !== 0;
  if (has(caught) || has(blocked)) return 'caught';
  return has(ignored) ? 'ignored' : 'fatal';
}

async function ps(selection: readonly string[]): Promise<PsProcess[]> {
  const processes = parsePs(await runTool('ps', [...selection, '-ww', '-o', PS_FIELDS]));
  return processes.filter((process) => !process.isZombie);
}

async function one(pid: number): Promise<PsProcess | undefined> {
  return (await ps(['-p', String(pid)]))[0];
}

export const darwin: Platform = {
  listProcesses: () => ps(['-ax']),
  processInfo: one,

  async isRunning(pid): Promise<boolean> {
    return (await one(pid)) !== undefined;
  },

  async workingFolder(pid): Promise<string | undefined> {
    return parseLsof(await runTool('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fpn']))[0]?.name;
  },

  async startedAt(pid): Promise<number | undefined> {
    return (await one(pid))?.startedAt;
  },

  async listeningPorts(pid): Promise<readonly ListeningPort[]> {
    const text = await runTool('lsof', ['-nP', '-a', '-p', String(pid), '-iTCP', '-sTCP:LISTEN', '-Fpn']);
    return parseLsof(text)
      .map(({ name }) => parseListeningName(name))
      .filter((port) => port !== undefined);
  },

  async portOwner(port): Promise<number | undefined> {
    return parseLsof(await runTool('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpn']))[0]?.pid;
  },

  async connectionsTo(port): Promise<number> {
    const text = await runTool('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:ESTABLISHED', '-Fpn']);
    // `local->remote`: both ends show up when both are on this machine
    return parseLsof(text).filter(({ name }) => name.split('->')[0]?.endsWith(`:${port}`)).length;
  },

  usage: one,

  async debugSignalEffect(pid): Promise<DebugSignalEffect> {
    return parseSignalMasks(await runTool('ps', ['-p', String(pid), '-o', 'caught=,ignored=,blocked=']));
  },

  socketAddress: (path) => path,
};
