/** Small trials that `doctor` makes; each ends by itself and leaves nothing behind. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

/** Whether this process may listen on that loopback port; 0: on any. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export function canConnect(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, signal });
    const settle = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** What a command prints, trimmed; undefined when it is not there or fails. */
export function output(command: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { signal, timeout: 2_000 }, (error, stdout) => {
      resolve(error === null ? stdout.trim() : undefined);
    });
  });
}

/** Starts an idle Node process, runs `trial` with its pid, and ends it. */
export async function whileChildRuns<T>(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  trial: (pid: number) => Promise<T>,
): Promise<T> {
  const { NODE_OPTIONS: _options, ...rest } = env;
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: rest,
    signal,
  });
  child.on('error', () => undefined);
  const ended = once(child, 'exit');
  try {
    if (child.pid === undefined) throw new Error('cannot start a Node process');
    return await trial(child.pid);
  } finally {
    // Its stdin ends, and so does it; the signal covers a child that never got that far.
    child.stdin.end();
    child.kill();
    if (child.pid !== undefined) await ended.catch(() => undefined);
  }
}
