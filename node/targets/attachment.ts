/**
 * The attachment layer's front: launched programs come in over the target socket, running ones are attached to, and
 * every one of them is handed on as an AttachedProcess. What is done with it is the debug engine's business.
 */

import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ProcessCandidate } from '#shared/model/target.ts';
import type { AttachedProcess, ProcessExit } from './attached-process.ts';
import { listCandidates } from './discovery.ts';
import {
  type AttachOptions,
  attachThroughSocket,
  attachToAddress,
  attachToPid,
  type Tunnel,
} from './external/attach.ts';
import type { Address } from './external/inspector-endpoint.ts';
import { type Launch, LaunchBook, type LaunchOptions, loadLaunchKey, type PreparedLaunch } from './launch.ts';
import { currentPlatform } from './platform/current.ts';
import type { Platform } from './platform/platform.ts';
import { type MonitorOptions, ProcessMonitor } from './process-monitor.ts';
import { TargetServer } from './target-server.ts';

export interface AttachmentOptions {
  /** Folder of the bundled `harness.cjs` and `harness-worker.cjs`. */
  readonly distDir: string;
  /** `targets.sock` in the home's runtime folder; turned into a pipe name on Windows. */
  readonly socketPath: string;
  /** Kept over daemon restarts, 0600: programs launched earlier are recognised by it. */
  readonly launchKeyFile: string;
  readonly platform?: Platform;
}

export interface AttachmentEvents {
  /** Emitted once per session, also when a running program comes back after a daemon restart. */
  attached: AttachedProcess;
  /** A stranger at the target socket, or one that broke the protocol. */
  refused: SandboxError;
}

export class Attachment {
  readonly events = new Emitter<AttachmentEvents>();
  readonly #platform: Platform;
  readonly #options: AttachmentOptions;
  readonly #processes = new Set<AttachedProcess>();
  readonly #monitors = new Map<AttachedProcess, ProcessMonitor>();
  /** Pids that are being attached to right now. */
  readonly #attaching = new Set<number>();
  #book: LaunchBook | undefined;
  #server: TargetServer | undefined;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#platform = options.platform ?? currentPlatform();
  }

  /** Listens for launched programs. @throws {SandboxError} HOME_UNWRITABLE, STORAGE_CORRUPT */
  async start(): Promise<void> {
    const socketPath = this.#platform.socketAddress(this.#options.socketPath);
    const key = loadLaunchKey(this.#options.launchKeyFile);
    const book = new LaunchBook({ key, distDir: this.#options.distDir, socketPath });
    const server = new TargetServer(socketPath, book);
    server.events.on('attached', (process) => this.#add(process));
    server.events.on('refused', (error) => this.events.emit('refused', error));
    await server.start();
    this.#book = book;
    this.#server = server;
  }

  /** Lets every program run on by itself. Safe to call twice. */
  async stop(): Promise<void> {
    for (const monitor of this.#monitors.values()) monitor.stop();
    // Those under the harness are let go by the end of their connections.
    const external = [...this.#processes].filter(({ mode }) => mode !== 'harness');
    // each detach is bounded by its own time limits; one that fails has lost its program already
    await Promise.allSettled(external.map((process) => process.detach()));
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Whether launched programs can find it. */
  isFound(): boolean {
    return this.#server?.isFound() ?? false;
  }

  /** Every process attached now. */
  get processes(): ReadonlySet<AttachedProcess> {
    return this.#processes;
  }

  /** The socket on which launched programs and adapters call. */
  get socketPath(): string {
    return this.#platform.socketAddress(this.#options.socketPath);
  }

  /** Prepares a command line: gives the environment that makes its Node processes targets. */
  launch(options: LaunchOptions): PreparedLaunch {
    return this.#started().prepare(options);
  }

  /** @returns the launch a process names in its `launch` */
  launchOf(id: string): Launch | undefined {
    return this.#book?.get(id);
  }

  /** Notes that a launched command line has ended. */
  finish(id: string, exit: Pick<ProcessExit, 'code' | 'signal'>): void {
    this.#started().finish(id, exit);
  }

  /**
   * Attaches to a running program; `attached` is emitted before this resolves.
   *
   * @param where a pid, `port`-with-colon (`:9229`), or `host:port`; an IPv6 host in brackets
   * @throws {SandboxError} BAD_ARGUMENT, PROCESS_UNKNOWN, PROCESS_FORBIDDEN, PROCESS_NOT_NODE, INSPECTOR_UNAVAILABLE, TIMEOUT
   */
  async attach(where: string, options: AttachOptions = {}): Promise<AttachedProcess> {
    const place = parseWhere(where);
    if (typeof place !== 'number') return this.#add(await attachToAddress(place, this.#platform, options));
    const known = [...this.#processes].find(({ pid, isLocal }) => pid === place && isLocal !== false);
    if (known !== undefined) return known;
    if (this.#attaching.has(place)) {
      throw new SandboxError('INSPECTOR_UNAVAILABLE', `Cannot attach to pid ${place}: attaching to it is under way`);
    }
    this.#attaching.add(place);
    try {
      return this.#add(await attachToPid(place, this.#platform, options));
    } finally {
      this.#attaching.delete(place);
    }
  }

  /**
   * Attaches to a process at the other end of a tunnel; `attached` is emitted before this resolves.
   *
   * @param socketPath of the tunnel's near end; not needed any more once this has resolved
   * @throws {SandboxError} PROCESS_FORBIDDEN, INSPECTOR_UNAVAILABLE, TIMEOUT
   */
  async attachThrough(socketPath: string, tunnel: Tunnel): Promise<AttachedProcess> {
    return this.#add(await attachThroughSocket(socketPath, tunnel));
  }

  /** Node processes of this user that could be attached to. */
  candidates(): Promise<ProcessCandidate[]> {
    const attached = new Set([...this.#processes].map(({ pid }) => pid));
    return listCandidates(this.#platform, { attached, distDir: this.#options.distDir });
  }

  /** The one monitor of a process, started; it ends with the process. `options` count for the first call only. */
  monitor(process: AttachedProcess, options: MonitorOptions = {}): ProcessMonitor {
    const known = this.#monitors.get(process);
    if (known !== undefined) return known;
    const monitor = new ProcessMonitor(process, this.#platform, options);
    this.#monitors.set(process, monitor);
    monitor.start();
    return monitor;
  }

  #add(process: AttachedProcess): AttachedProcess {
    this.#processes.add(process);
    process.events.on('exit', () => {
      this.#processes.delete(process);
      this.#monitors.delete(process);
    });
    this.events.emit('attached', process);
    return process;
  }

  #started(): LaunchBook {
    if (this.#book === undefined) throw new TypeError('Attachment.start() has not been awaited');
    return this.#book;
  }
}

/** @throws {SandboxError} BAD_ARGUMENT */
export function parseWhere(where: string): number | Address {
  const text = where.trim();
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3] ?? 0);
  if (match !== null && port >= 1 && port <= 65_535) return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
  throw new SandboxError('BAD_ARGUMENT', `Cannot attach to "${where}": it is neither a pid nor host:port`, {
    hint: 'Examples: 4711, :9229, 127.0.0.1:9229.',
  });
}
