/** A process attached to through its inspector port. */

import { createRequire } from 'node:module';
import { Emitter } from '#shared/emitter.ts';
import type { AttachedProcess, AttachedProcessEvents } from '../attached-process.ts';
import type { CdpConnection } from '../cdp-connection.ts';
import { entryFile } from '../entry-file.ts';
import { exitOf } from '../process-death.ts';
import { WorkerThreads } from '../worker-threads.ts';
import { closeInspectorLater } from './inspector-move.ts';
import type { InspectorSocket } from './inspector-socket.ts';
import type { RemoteFacts } from './program-facts.ts';

export interface ExternalProcessOptions {
  /** The inspector was closed before us: detaching closes it again. */
  readonly openedByUs: boolean;
  /** It runs on this machine, so the system can be asked about its pid. */
  readonly isLocal: boolean;
}

export class ExternalProcess implements AttachedProcess {
  readonly mode = 'external';
  readonly cdp: CdpConnection;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly entry: string | undefined;
  readonly runtime: string;
  readonly nodeEnv: string | undefined;
  readonly startedAt: number;
  readonly launch = undefined;
  readonly events = new Emitter<AttachedProcessEvents>();
  readonly workers: WorkerThreads = new WorkerThreads(this);
  /** It runs on this machine under this pid; false for a forwarded inspector. */
  readonly isLocal: boolean;
  readonly #socket: InspectorSocket;
  readonly #options: ExternalProcessOptions;
  #held: boolean;
  #isDetached = false;
  #exitCode: number | undefined;

  constructor(socket: InspectorSocket, facts: RemoteFacts, options: ExternalProcessOptions) {
    this.#socket = socket;
    this.#options = options;
    this.isLocal = options.isLocal;
    this.cdp = socket.cdp;
    this.pid = facts.pid;
    this.argv = facts.argv;
    this.cwd = facts.cwd;
    this.entry = options.isLocal ? entryOf(facts.argv[1]) : facts.argv[1];
    this.runtime = `node ${facts.version}`;
    this.nodeEnv = facts.nodeEnv;
    this.startedAt = facts.startedAt;
    this.#held = facts.isWaiting;
  }

  get held(): boolean {
    return this.#held;
  }

  /**
   * Starts to watch for the end. A program that ends waits for its debugger to leave first: we leave at once.
   */
  async watch(): Promise<void> {
    this.cdp.onEvent('NodeRuntime.waitingForDisconnect', () => void this.#programEnds());
    void this.#socket.closed.then(() => this.#closed());
    await this.cdp.request('NodeRuntime.enable').catch(() => undefined);
    await this.cdp.request('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: true });
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await this.cdp.send('Runtime.runIfWaitingForDebugger');
  }

  async detach(): Promise<void> {
    this.#isDetached = true;
    await this.workers.detach();
    // refused when it is not paused
    await this.cdp.send('Debugger.resume').catch(() => undefined);
    if (this.#options.openedByUs) await closeInspectorLater(this.cdp);
    await this.#socket.close();
  }

  async #programEnds(): Promise<void> {
    const code = await this.cdp
      .send(
        'Runtime.evaluate',
        { expression: 'process.exitCode ?? 0', returnByValue: true, silent: true },
        { timeoutMs: 500 },
      )
      // it ends either way, only the code stays unknown
      .catch(() => undefined);
    const value: unknown = code?.result.value;
    if (typeof value === 'number') this.#exitCode = value;
    await this.#socket.close();
  }

  async #closed(): Promise<void> {
    this.#held = false;
    const isLocal = !this.#isDetached && this.#options.isLocal;
    this.events.emit('exit', await exitOf(this.pid, { code: this.#exitCode, isLocal }));
  }
}

function entryOf(script: string | undefined): string | undefined {
  return script === undefined ? undefined : entryFile(script, createRequire(import.meta.url).resolve);
}
