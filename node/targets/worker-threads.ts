/** The worker threads of a process: found as they start, debugged like processes, and let go before it is. */

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { AttachedProcess, AttachedProcessEvents } from './attached-process.ts';
import { CdpConnection } from './cdp-connection.ts';
import { isWrapper } from './harness/wrappers.ts';
import { isHarness } from './harness-files.ts';

/** Live workers of one process that are debugged; a pool of more runs the rest without. */
const MAX_WORKERS = 64;

const attachedSchema = z.object({
  sessionId: z.string(),
  workerInfo: z.object({ workerId: z.string(), title: z.string(), url: z.string() }),
  waitingForDebugger: z.boolean(),
});
const messageSchema = z.object({ sessionId: z.string(), message: z.string() });
const detachedSchema = z.object({ sessionId: z.string() });

/** A process, or a worker thread, that may have workers. */
type Parent = AttachedProcess & { readonly cdp: CdpConnection };

export class WorkerThreads {
  readonly #parent: Parent;
  readonly #live = new Map<string, WorkerThread>();

  constructor(parent: Parent) {
    this.#parent = parent;
  }

  /**
   * Follows them, best from before the process runs: each is held at its first line until it is released.
   *
   * @param onWorker takes each one over, and lets it run
   * @returns when none can start unseen
   */
  async follow(onWorker: (worker: WorkerThread) => void): Promise<void> {
    const { cdp, events } = this.#parent;
    cdp.onEvent('NodeWorker.attachedToWorker', (params) => {
      const { sessionId, workerInfo, waitingForDebugger } = attachedSchema.parse(params);
      const worker = new WorkerThread(this.#parent, sessionId, workerInfo, waitingForDebugger);
      this.#live.set(sessionId, worker);
      if (this.#live.size <= MAX_WORKERS && !isNobodys(workerInfo)) onWorker(worker);
      else void worker.detach();
    });
    cdp.onEvent('NodeWorker.receivedMessageFromWorker', (params) => {
      const { sessionId, message } = messageSchema.parse(params);
      this.#live.get(sessionId)?.cdp.receive(message);
    });
    cdp.onEvent('NodeWorker.detachedFromWorker', (params) => {
      const { sessionId } = detachedSchema.parse(params);
      this.#live.get(sessionId)?.end('exit');
      this.#live.delete(sessionId);
    });
    events.on('exit', ({ how }) => {
      for (const worker of this.#live.values()) worker.end(how);
      this.#live.clear();
    });
    // A Node without workers' sessions still has its main thread.
    await cdp.request('NodeWorker.enable', { waitForDebuggerOnStart: true }).catch(() => undefined);
  }

  /** Lets them run on: Node leaves a worker standing whose process's session just ends. */
  async detach(): Promise<void> {
    // One that is let go may start more at once: they are not to wait for anybody.
    const { cdp } = this.#parent;
    await cdp.request('NodeWorker.enable', { waitForDebuggerOnStart: false }).catch(() => undefined);
    await Promise.all([...this.#live.values()].map((worker) => worker.detach()));
  }
}

/** As Node tells of a worker. */
interface WorkerInfo {
  /** Counted by the session that tells of it: another one numbers the same threads otherwise. */
  readonly workerId: string;
  /** `[worker 2] its name` */
  readonly title: string;
  readonly url: string;
}

/** @returns its `threadId` of `node:worker_threads` */
function threadOf({ title, workerId }: WorkerInfo): number {
  return Number(/^\[?worker (\d+)/i.exec(title)?.[1] ?? workerId);
}

/**
 * A worker thread as a process of its own to the engines: its CDP session is nested in its parent's, one message in
 * another. It shares the pid; it stops, steps and ends by itself.
 */
export class WorkerThread implements AttachedProcess {
  readonly mode;
  readonly cdp: CdpConnection;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly entry: string | undefined;
  readonly runtime: string;
  readonly nodeEnv: string | undefined;
  readonly launch: string | undefined;
  /** Its process's: with the pid and {@link thread} it names the worker across daemon restarts. */
  readonly startedAt: number;
  readonly isLocal: boolean;
  readonly thread: number;
  readonly events = new Emitter<AttachedProcessEvents>();
  readonly workers: WorkerThreads = new WorkerThreads(this);
  readonly #parent: Parent;
  readonly #session: string;
  #held: boolean;
  #ended = false;

  constructor(parent: Parent, session: string, info: WorkerInfo, held: boolean) {
    const { url } = info;
    this.#parent = parent;
    this.#session = session;
    this.#held = held;
    this.mode = parent.mode;
    this.pid = parent.pid;
    this.cwd = parent.cwd;
    this.runtime = parent.runtime;
    this.nodeEnv = parent.nodeEnv;
    this.launch = parent.launch;
    this.startedAt = parent.startedAt ?? Date.now();
    this.isLocal = parent.isLocal ?? true;
    this.thread = threadOf(info);
    this.entry = this.isLocal ? fileOf(url) : undefined;
    // No command line started it.
    this.argv = ['worker_threads', this.entry ?? url];
    this.cdp = new CdpConnection((request) => {
      parent.cdp
        .request('NodeWorker.sendMessageToWorker', { sessionId: session, message: JSON.stringify(request) })
        // It ended meanwhile, which is told by an event of its own, or its parent did.
        .catch(() => undefined);
    });
  }

  get held(): boolean {
    return this.#held;
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await this.cdp.send('Runtime.runIfWaitingForDebugger');
  }

  async detach(): Promise<void> {
    if (this.#ended) return;
    await this.workers.detach();
    await this.release().catch(() => undefined);
    // One that stands goes on by this.
    await this.#parent.cdp.request('NodeWorker.detach', { sessionId: this.#session }).catch(() => undefined);
    this.end('lost');
  }

  /** Called when its session is over; once counts. */
  end(how: 'exit' | 'lost'): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held = false;
    this.cdp.close(new SandboxError('TARGET_GONE', `Worker thread ${this.thread} of process ${this.pid} has ended`));
    this.events.emit('exit', { code: null, signal: null, how });
  }
}

/**
 * A thread that is no program of anybody's: that of Node's module hooks (`register`, tsx), that in which tsx has esbuild compile,
 * and another home's harness's.
 */
function isNobodys({ url }: WorkerInfo): boolean {
  return url.startsWith('node:') || isHarness(url) || isWrapper({ entry: url, argv: [], execArgv: [] });
}

/** @returns undefined for code that was given as text, and for files that are not there */
function fileOf(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  try {
    return realpathSync(fileURLToPath(url));
  } catch {
    return undefined;
  }
}
