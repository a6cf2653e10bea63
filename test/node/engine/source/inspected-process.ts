/** A real `node --inspect` process with a small CDP client: what the source tests need of a target, and no more. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Protocol } from 'devtools-protocol';
import { WebSocket } from 'ws';
import type { CdpSession } from '#node/targets/attached-process.ts';
import { SandboxError } from '#shared/errors.ts';

type Json = Record<string, unknown>;

export interface InspectedProcess {
  readonly cdp: CdpSession;
  /** Lets the program start and run on; it was held before its first line. */
  run(): Promise<void>;
  /** The next time the program stops. */
  paused(): Promise<Protocol.Debugger.PausedEvent>;
}

/**
 * Starts node with the given arguments, held before the first line, with the Debugger domain on; ends it afterwards.
 *
 * @param onScript gets every scriptParsed, from the first
 */
export async function withInspectedProcess(
  args: readonly string[],
  options: { cwd: string; onScript: (event: Protocol.Debugger.ScriptParsedEvent) => void },
  body: (process: InspectedProcess) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, ['--inspect-brk=127.0.0.1:0', ...args], {
    cwd: options.cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const socket = new WebSocket(await inspectorUrl(child));
    await once(socket, 'open');
    const client = new TestCdp(socket);
    try {
      await body(await start(client, options.onScript));
    } finally {
      socket.terminate();
    }
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

async function start(
  cdp: TestCdp,
  onScript: (event: Protocol.Debugger.ScriptParsedEvent) => void,
): Promise<InspectedProcess> {
  cdp.on('Debugger.scriptParsed', onScript);
  const stops: Protocol.Debugger.PausedEvent[] = [];
  let wake = (): void => undefined;
  cdp.on('Debugger.paused', (event) => {
    stops.push(event);
    wake();
  });
  await cdp.send('Debugger.enable');
  await cdp.send('Runtime.enable');
  const paused = async (): Promise<Protocol.Debugger.PausedEvent> => {
    for (;;) {
      const stop = stops.shift();
      if (stop !== undefined) return stop;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    cdp,
    paused,
    run: async () => {
      await cdp.send('Runtime.runIfWaitingForDebugger');
      await paused(); // --inspect-brk stops on the first line of the entry
      await cdp.send('Debugger.resume');
    },
  };
}

async function inspectorUrl(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stderr ?? []) {
    text += String(chunk);
    const url = /ws:\/\/\S+/.exec(text)?.[0];
    if (url !== undefined) {
      child.stderr?.resume();
      return url;
    }
  }
  throw new Error(`node opened no inspector: ${text}`);
}

class TestCdp implements CdpSession {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Json) => void>();
  readonly #listeners = new Map<string, Set<(params: never) => void>>();
  #lastId = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse(String(data)) as Json));
  }

  send: CdpSession['send'] = (method, params) => {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (reply) => {
        const error = reply['error'] as { message: string } | undefined;
        if (error === undefined) resolve(reply['result'] as never);
        else reject(new SandboxError('EVALUATION_FAILED', error.message));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  };

  on: CdpSession['on'] = (event, listener) => {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  };

  #receive(message: Json): void {
    if (typeof message['id'] === 'number') {
      this.#waiting.get(message['id'])?.(message);
      this.#waiting.delete(message['id']);
      return;
    }
    for (const listener of this.#listeners.get(String(message['method'])) ?? []) listener(message['params'] as never);
  }
}
