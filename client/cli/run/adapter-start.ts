/** Starting a debug adapter: on its own streams, dialling a port of ours, or listening already. */

import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CliContext } from '../context.ts';
import { isOwn } from '../dap/port.ts';
import { installed } from './installed.ts';
import { ProgramInTerminal } from './program.ts';

export type PreparedAdapter = NonNullable<CommandResult<'target.launch'>['adapter']>;

export interface AdapterRun {
  readonly context: CliContext;
  readonly env: NodeJS.ProcessEnv;
}

/** What the adapter says, and hears. */
export interface AdapterStreams {
  readonly input: Writable;
  readonly output: Readable;
}

export interface StartedAdapter {
  readonly streams: AdapterStreams;
  /** Absent for one that was there already. */
  readonly process?: ProgramInTerminal | ChildProcess;
}

/** An adapter whose program is over has this long to end by itself. */
export const END_LIMIT_MS = 2_000;
const CONNECT_LIMIT_MS = 30_000;

/**
 * Starts it, or connects to it where it listens.
 *
 * @throws {SandboxError} PROCESS_UNKNOWN when no command for it is installed, TARGET_GONE when it does not connect or is not there
 */
export async function startAdapter(adapter: PreparedAdapter, run: AdapterRun): Promise<StartedAdapter> {
  const { address, commands, name } = adapter;
  if (address !== undefined) return { streams: await connectTo(address, name) };
  // By its path: lldb's looks for itself by the name it was called.
  const found = commands.flatMap(([file = '', ...args]) => {
    const whole = installed(file, run);
    return whole === undefined ? [] : [[whole, ...args]];
  });
  const [command] = found;
  if (command === undefined) {
    const tried = commands.map(([file]) => file).join(', ');
    throw new SandboxError('PROCESS_UNKNOWN', `Cannot start ${name}: there is no such command (${tried})`, {
      hint: `Install ${name}, or put it on the PATH.`,
    });
  }
  return command.some((word) => word.includes('{port}'))
    ? startDialling(command, name, run)
    : startOnStdio(command, run);
}

function startOnStdio([file = '', ...args]: readonly string[], { env }: AdapterRun): StartedAdapter {
  // The keyboard's signals are the program's, and the adapter would end of them: it gets a group of its own.
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
    detached: process.platform !== 'win32',
  });
  child.once('error', () => child.stdout.destroy());
  return { process: child, streams: { input: child.stdin, output: child.stdout } };
}

/** It connects to a port of ours and lets the program have the terminal that it was started in. */
async function startDialling(
  [file = '', ...args]: readonly string[],
  name: string,
  { env }: AdapterRun,
): Promise<StartedAdapter> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const words = args.map((word) => word.replaceAll('{port}', String(port)));
  const started = new ProgramInTerminal([file, ...words], env);
  try {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const timer = setTimeout(() => reject(silent(name)), CONNECT_LIMIT_MS);
      server.on('connection', (each: Socket) => {
        // Others of this machine reach loopback too, and what is sent starts programs.
        if (process.platform === 'linux' && !isOwn(each)) return void each.destroy();
        clearTimeout(timer);
        resolve(each);
      });
      void started.ended.then(() => {
        clearTimeout(timer);
        reject(silent(name));
      });
    });
    socket.resume();
    return { process: started, streams: { input: socket, output: socket } };
  } catch (error) {
    // It has as long as one whose program is over; nobody waits for it.
    setTimeout(() => started.kill('SIGKILL'), END_LIMIT_MS).unref();
    throw error;
  } finally {
    server.close();
  }
}

function silent(name: string): SandboxError {
  return new SandboxError('TARGET_GONE', `Cannot debug with ${name}: it did not connect`);
}

async function connectTo(address: string, name: string): Promise<AdapterStreams> {
  const [, host = '', port] = /^(?:\[?([^\]]+?)\]?):(\d+)$/.exec(address) ?? [];
  const socket = connect({ host, port: Number(port) });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (cause) => {
      const text = `Cannot reach ${name} at ${address}: ${cause.message}`;
      reject(new SandboxError('TARGET_GONE', text, { cause, hint: 'Start it first, or name a command for it.' }));
    });
  });
  return { input: socket, output: socket };
}
