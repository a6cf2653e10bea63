/**
 * Processes and ports on Windows, by PowerShell (CIM) and netstat; sockets are named pipes.
 * Only its parsers are tested, on sample output in the documented formats: nobody has run this file on Windows.
 */

import { createHash } from 'node:crypto';
import type { DebugSignalEffect, ListeningPort, Platform, ProcessInfo, ProcessUsage } from './platform.ts';
import { runTool } from './run-tool.ts';

/** CIM counts processor time in 100 ns. */
const TICKS_PER_MS = 10_000;

export interface CimProcess extends ProcessInfo, ProcessUsage {
  readonly startedAt: number;
}

interface CimRow {
  readonly ProcessId: number;
  readonly ParentProcessId: number;
  readonly CommandLine: string | null;
  readonly ExecutablePath: string | null;
  /** Windows PowerShell writes `/Date(1700000000000)/`, PowerShell 7 an ISO text. */
  readonly CreationDate: string | null;
  readonly WorkingSetSize: number;
  readonly KernelModeTime: number;
  readonly UserModeTime: number;
}

/** @param text of `Get-CimInstance Win32_Process | Select-Object … | ConvertTo-Json`; one row comes without a list */
export function parseCim(text: string): CimProcess[] {
  if (text.trim() === '') return [];
  const rows = [JSON.parse(text)].flat() as CimRow[];
  return rows.map((row) => ({
    pid: row.ProcessId,
    ppid: row.ParentProcessId,
    uid: undefined,
    argv: splitCommandLine(row.CommandLine ?? ''),
    executable: row.ExecutablePath ?? undefined,
    startedAt: parseDate(row.CreationDate ?? ''),
    rssBytes: row.WorkingSetSize,
    cpuMs: (row.KernelModeTime + row.UserModeTime) / TICKS_PER_MS,
  }));
}

function parseDate(text: string): number {
  const milliseconds = /^\/Date\((\d+)\)\/$/.exec(text)?.[1];
  return milliseconds === undefined ? Date.parse(text) : Number(milliseconds);
}

/** Splits as Microsoft's C runtime does, without its doubled-backslash rule: good enough to show and to recognise. */
export function splitCommandLine(text: string): string[] {
  return (text.match(/(?:"(?:\\"|[^"])*"|\S)+/g) ?? []).map((part) =>
    part.replace(/\\"|"/g, (q) => (q === '"' ? '' : '"')),
  );
}

export interface NetstatRow extends ListeningPort {
  readonly state: string;
  readonly pid: number;
}

/** @param text of `netstat -ano -p TCP`; headings are translated by Windows, states are not everywhere: see `isListening` */
export function parseNetstat(text: string): NetstatRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*TCP\s+\[?([0-9a-f.:]+?)\]?:(\d+)\s+(\S+)\s+(\S+)\s+(\d+)\s*$/i.exec(line);
    if (match === null) return [];
    const [, address = '', port, remote = '', state = '', pid] = match;
    // a listening socket has no remote port in every language
    const isListening = remote.endsWith(':0');
    return { address, port: Number(port), state: isListening ? 'LISTENING' : state, pid: Number(pid) };
  });
}

async function cim(filter: string): Promise<CimProcess[]> {
  const fields =
    'ProcessId,ParentProcessId,CommandLine,ExecutablePath,CreationDate,WorkingSetSize,KernelModeTime,UserModeTime';
  const script = `Get-CimInstance Win32_Process ${filter} | Select-Object ${fields} | ConvertTo-Json -Compress`;
  return parseCim(await runTool('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]));
}

async function one(pid: number): Promise<CimProcess | undefined> {
  return (await cim(`-Filter "ProcessId=${pid}"`))[0];
}

async function netstat(): Promise<NetstatRow[]> {
  return parseNetstat(await runTool('netstat.exe', ['-ano', '-p', 'TCP']));
}

export const win32: Platform = {
  listProcesses: () => cim(''),
  processInfo: one,

  async isRunning(pid): Promise<boolean> {
    return (await one(pid)) !== undefined;
  },

  // Windows tells another process's folder to nobody but a debugger
  workingFolder: async () => undefined,

  async startedAt(pid): Promise<number | undefined> {
    return (await one(pid))?.startedAt;
  },

  async listeningPorts(pid): Promise<readonly ListeningPort[]> {
    const rows = await netstat();
    return rows
      .filter((row) => row.pid === pid && row.state === 'LISTENING')
      .map(({ address, port }) => ({ address, port }));
  },

  async portOwner(port): Promise<number | undefined> {
    return (await netstat()).find((row) => row.port === port && row.state === 'LISTENING')?.pid;
  },

  async connectionsTo(port): Promise<number> {
    return (await netstat()).filter((row) => row.port === port && row.state === 'ESTABLISHED').length;
  },

  usage: one,

  // Node opens the inspector by a remote thread there, not by a signal: no process dies of it
  debugSignalEffect: async (): Promise<DebugSignalEffect> => 'caught',

  socketAddress: (path) => `\\\\.\\pipe\\sandmesh-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`,
};
