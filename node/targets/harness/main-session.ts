/**
 * The inspector session from the harness worker to the program's main thread: takes CDP requests, hands on answers and
 * events as JSON. Keeps our own scripts and worker out of sight, and bounds console floods.
 */

import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';
import { LOOKED, LookTaker, PREPARE_LOOKS, type PreparedLooks } from '../prepared-looks.ts';
import { ConsoleBurst, WINDOW_MS } from './console-burst.ts';
import { NestedSessions, type Notification } from './nested-sessions.ts';

/** As it comes from the daemon; checked no further: V8 does that itself. */
export interface CdpRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: object;
}

export interface MainSessionOptions {
  /** Gets every answer and event; keeps order. */
  readonly send: (json: string) => void;
  readonly onDropped: (count: number) => void;
  /** Called after each message for the main thread, which may be standing in a wait. */
  readonly wake: () => void;
  /** True while the socket is too far behind to take console calls. */
  readonly isBehind: () => boolean;
  readonly ownFiles: readonly string[];
}

export class MainSession {
  readonly #session = new Session();
  readonly #options: MainSessionOptions;
  readonly #ownUrls: ReadonlySet<string>;
  readonly #burst = new ConsoleBurst();
  readonly #workers = new NestedSessions();
  readonly #looks: LookTaker;
  #dropTimer: NodeJS.Timeout | undefined;

  constructor(options: MainSessionOptions) {
    this.#options = options;
    this.#ownUrls = new Set(options.ownFiles.flatMap((file) => [file, pathToFileURL(file).href]));
    this.#looks = new LookTaker({
      post: (method, params, answered) =>
        this.#session.post(method, params, (error, result) => answered(result, error?.message ?? '')),
      looked: (params) => options.send(JSON.stringify({ method: LOOKED, params })),
    });
  }

  /** @throws when this Node has no inspector */
  connect(): void {
    this.#session.connectToMainThread();
    this.#session.on('inspectorNotification', (message) => this.#notify(message as Notification));
  }

  /** Passes one request on; the answer goes to `send` under the same id. */
  post({ id, method, params }: CdpRequest): void {
    if (method === PREPARE_LOOKS) {
      this.#looks.prepare(params as PreparedLooks);
      return this.#options.send(JSON.stringify({ id, result: {} }));
    }
    this.#session.post(method, params, (error, result) => {
      this.#options.send(JSON.stringify(error === null ? { id, result } : { id, error: toCdpError(error) }));
    });
    this.#options.wake();
  }

  /** Resolves when everything the program said so far has been sent on. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      this.#session.post('Runtime.getIsolateId', undefined, () => resolve());
      this.#options.wake();
    });
  }

  /** Lets the program run on without breakpoints, paused or not. */
  disconnect(): void {
    clearTimeout(this.#dropTimer);
    for (const { method, params } of this.#workers.farewells()) this.#session.post(method, params, () => undefined);
    // disconnecting alone leaves it paused when the person's own debugger is connected too; an error means: not paused
    this.#session.post('Debugger.resume', undefined, () => undefined);
    this.#session.disconnect();
    this.#options.wake();
  }

  #notify(message: Notification): void {
    if (this.#isOwn(message)) return;
    // Before anything else: the program stands.
    if (this.#looks.take(message.method, message.params)) return;
    this.#workers.observe(message);
    if (message.method === 'Runtime.consoleAPICalled' && !this.#admitConsole()) return;
    this.#options.send(JSON.stringify(message));
  }

  #isOwn({ method, params }: Notification): boolean {
    if (method === 'Debugger.scriptParsed') return this.#ownUrls.has(params?.url ?? '');
    if (method === 'NodeWorker.attachedToWorker') return this.#ownUrls.has(params?.workerInfo?.url ?? '');
    return false;
  }

  #admitConsole(): boolean {
    if (this.#options.isBehind()) this.#burst.drop();
    else if (this.#burst.admit(performance.now())) return true;
    this.#dropTimer ??= setTimeout(() => {
      this.#dropTimer = undefined;
      this.#options.onDropped(this.#burst.takeDropped());
    }, WINDOW_MS);
    return false;
  }
}

/** Node wraps V8's answer as "Inspector error -32000: text": unwraps it. */
function toCdpError(error: Error): { code: number; message: string } {
  const match = /^Inspector error (-?\d+): ([\s\S]*)$/.exec(error.message);
  return match === null
    ? { code: -32000, message: error.message }
    : { code: Number(match[1]), message: match[2] ?? '' };
}
