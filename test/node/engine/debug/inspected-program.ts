/** A real Node process under its inspector port, held at its first line: the smallest AttachedProcess there is. */

import { type ChildProcess, spawn } from 'node:child_process';
import { WebSocket } from 'ws';
import type { AttachedProcess, AttachedProcessEvents } from '#node/targets/attached-process.ts';
import { CdpConnection, targetGone } from '#node/targets/cdp-connection.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';

export interface ProgramOptions {
  readonly cwd: string;
  readonly launch?: string;
  readonly execArgv?: readonly string[];
}

export class InspectedProgram implements AttachedProcess {
  readonly mode = 'external';
  readonly cdp: CdpConnection;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly entry: string;
  readonly runtime = `node ${process.version}`;
  readonly nodeEnv = undefined;
  readonly launch: string;
  readonly startedAt = Date.now();
  readonly events = new Emitter<AttachedProcessEvents>();
  readonly child: ChildProcess;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #finished: Promise<void>;
  #held = true;
  #output = '';

  private constructor(child: ChildProcess, socket: WebSocket, entry: string, options: ProgramOptions) {
    this.child = child;
    this.#socket = socket;
    this.entry = entry;
    this.pid = child.pid ?? 0;
    this.argv = [process.execPath, entry];
    this.cwd = options.cwd;
    this.launch = options.launch ?? 'launch-1';
    this.cdp = new CdpConnection((request) => socket.send(JSON.stringify(request)));
    socket.on('message', (data) => this.cdp.receive(String(data)));
    // The session's end comes with the process's, which says more.
    socket.on('error', () => undefined);
    child.stdout?.on('data', (chunk) => {
      this.#output += chunk;
    });
    this.#finished = new Promise((resolve) => {
      child.stderr?.on('data', (chunk) => {
        if (String(chunk).includes('Waiting for the debugger to disconnect')) resolve();
      });
    });
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.cdp.close(targetGone(this.pid));
        this.events.emit('exit', { code, signal, how: 'exit' });
        resolve();
      });
    });
  }

  get held(): boolean {
    return this.#held;
  }

  get output(): string {
    return this.#output;
  }

  /** @param entry absolute path of the script */
  static async start(entry: string, options: ProgramOptions): Promise<InspectedProgram> {
    const args = ['--inspect-brk=127.0.0.1:0', ...(options.execArgv ?? []), entry];
    const child = spawn(process.execPath, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        said += chunk;
        const found = /ws:\/\/\S+/.exec(said)?.[0];
        if (found !== undefined) resolve(found);
      });
      child.on('exit', () => reject(new Error(`the program ended: ${said}`)));
    });
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.once('open', resolve));
    return new InspectedProgram(child, socket, entry, options);
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    // A short program may be over before the answer comes.
    await this.cdp.send('Runtime.runIfWaitingForDebugger').catch((error: unknown) => {
      if (!(error instanceof SandboxError && error.code === 'TARGET_GONE')) throw error;
    });
  }

  /**
   * Waits for the program's own end. Node keeps a finished program until its debugger leaves: without this call it
   * stays, so that no test races with an end that it is not about.
   */
  async finish(): Promise<void> {
    await this.#finished;
    this.#socket.close();
    await this.ended;
  }

  async detach(): Promise<void> {
    this.#socket.terminate();
    this.cdp.close(targetGone(this.pid));
  }

  async kill(): Promise<void> {
    this.#socket.terminate();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }
}
