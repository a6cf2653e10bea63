/**
 * Watches how a target fares. What the system knows (memory, processor) is read slowly all the time and never touches
 * the program; what only the program knows (event-loop delay, handles, heap) is asked while somebody watches.
 */

import { Emitter } from '#shared/emitter.ts';
import type { ProcessMetrics } from '#shared/model/target.ts';
import type { AttachedProcess } from './attached-process.ts';
import type { Platform, ProcessUsage } from './platform/platform.ts';

export type ProcessReading = Omit<ProcessMetrics, 'target' | 'restarts'>;

export type AlarmKind = 'event-loop-delay' | 'cpu' | 'rss-growth';

export interface Alarm {
  readonly kind: AlarmKind;
  /** One plain sentence. */
  readonly text: string;
  readonly reading: ProcessReading;
}

export interface MonitorThresholds {
  readonly eventLoopDelayMs: number;
  /** Share of one core … */
  readonly cpu: number;
  /** … for this many readings in a row. */
  readonly cpuReadings: number;
  /** Memory over its lowest reading: times this factor … */
  readonly rssGrowthFactor: number;
  /** … and at least this much. */
  readonly rssGrowthBytes: number;
}

export const DEFAULT_THRESHOLDS: MonitorThresholds = {
  eventLoopDelayMs: 200,
  cpu: 0.9,
  cpuReadings: 3,
  rssGrowthFactor: 2,
  rssGrowthBytes: 100 * 1024 * 1024,
};

export interface MonitorOptions {
  readonly thresholds?: Partial<MonitorThresholds>;
  /** While somebody watches; 1,000 by default. */
  readonly watchedIntervalMs?: number;
  /** Otherwise; 5,000 by default. */
  readonly idleIntervalMs?: number;
  /** Whether code may be run in the program now; always by default. */
  readonly mayAsk?: () => boolean;
}

export interface MonitorEvents {
  reading: ProcessReading;
  /** Once when a threshold is passed; again only after it was kept in between. */
  alarm: Alarm;
}

const WATCHED_INTERVAL_MS = 1_000;
const IDLE_INTERVAL_MS = 5_000;
/** A program blocked for longer is reported with this delay. */
const DELAY_LIMIT_MS = 5_000;

/** A turn of the loop, timed by the program itself; resources count what keeps it alive. */
const ASK_PROGRAM = `new Promise((resolve) => {
  const startedAt = performance.now();
  const handles = process.getActiveResourcesInfo().length;
  setImmediate(() => resolve([performance.now() - startedAt, handles]));
})`;

const ASK_USAGE = '(({ user, system }) => [process.memoryUsage.rss(), (user + system) / 1000])(process.cpuUsage())';

interface InsideReading {
  readonly eventLoopDelayMs?: number;
  readonly activeHandles?: number;
  readonly heapUsedBytes?: number;
}

export class ProcessMonitor {
  readonly events = new Emitter<MonitorEvents>();
  readonly #process: AttachedProcess;
  readonly #platform: Platform;
  readonly #options: MonitorOptions;
  readonly #thresholds: MonitorThresholds;
  readonly #raised = new Set<AlarmKind>();
  readonly #off: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #watchers = 0;
  #isPaused = false;
  #last: { usage: ProcessUsage; at: number } | undefined;
  #latest: ProcessReading | undefined;
  #lowestRss = Number.POSITIVE_INFINITY;
  #busyReadings = 0;

  constructor(process: AttachedProcess, platform: Platform, options: MonitorOptions = {}) {
    this.#process = process;
    this.#platform = platform;
    this.#options = options;
    this.#thresholds = { ...DEFAULT_THRESHOLDS, ...options.thresholds };
  }

  /** The last reading taken, if any. */
  get latest(): ProcessReading | undefined {
    return this.#latest;
  }

  /** Ends by itself when the process exits. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#off.push(
      // Debugger.enable is the engine's call: without it nothing pauses either
      this.#process.cdp.on('Debugger.paused', () => {
        this.#isPaused = true;
      }),
      this.#process.cdp.on('Debugger.resumed', () => {
        this.#isPaused = false;
      }),
      this.#process.events.on('exit', () => this.stop()),
    );
    void this.#tick();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    for (const off of this.#off.splice(0)) off();
  }

  /**
   * Reads fast and from inside the program until the returned function is called (once; later calls are harmless).
   */
  watch(): () => void {
    this.#watchers++;
    if (this.#watchers === 1 && this.#running) void this.#tick();
    let isWatching = true;
    return () => {
      if (isWatching) this.#watchers--;
      isWatching = false;
    };
  }

  /**
   * Takes one reading now, from inside the program too unless it is paused or held.
   *
   * @returns undefined when the process is gone
   */
  async read(): Promise<ProcessReading | undefined> {
    return this.#read(true);
  }

  async #tick(): Promise<void> {
    clearTimeout(this.#timer);
    const { watchedIntervalMs = WATCHED_INTERVAL_MS, idleIntervalMs = IDLE_INTERVAL_MS } = this.#options;
    const isWatched = this.#watchers > 0;
    const reading = await this.#read(isWatched);
    // the process is gone: its `exit` may have come before this monitor was started
    if (reading === undefined && this.#process.isLocal !== false) this.stop();
    if (!this.#running) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), isWatched ? watchedIntervalMs : idleIntervalMs);
    // a reading that nobody waits for keeps no daemon alive
    this.#timer.unref();
  }

  async #read(askProgram: boolean): Promise<ProcessReading | undefined> {
    const { isLocal, pid, held, adapter } = this.#process;
    const mayAsk = this.#options.mayAsk?.() ?? true;
    const [usage, inside] = await Promise.all([
      isLocal === false ? this.#remoteUsage(mayAsk) : this.#platform.usage(pid),
      askProgram && mayAsk && !this.#isPaused && !held && adapter === undefined ? this.#readInside() : {},
    ]);
    if (usage === undefined) return undefined;
    const at = Date.now();
    const reading: ProcessReading = {
      rssBytes: usage.rssBytes,
      cpu: this.#cpuSince(usage, at),
      ...inside,
      uptimeMs: Math.max(0, at - (this.#process.startedAt ?? at)),
      at,
    };
    this.#latest = reading;
    this.events.emit('reading', reading);
    this.#check(reading);
    return reading;
  }

  #cpuSince(usage: ProcessUsage, at: number): number {
    const last = this.#last;
    // readings on demand may come close together: too short a time says nothing (the system counts in 10 ms)
    if (last !== undefined && at - last.at < 200) return this.#latest?.cpu ?? 0;
    this.#last = { usage, at };
    const cpu = last === undefined ? 0 : Math.max(0, (usage.cpuMs - last.usage.cpuMs) / (at - last.at));
    // counted here, where it is new: a value that is only repeated is no further reading
    this.#busyReadings = cpu > this.#thresholds.cpu ? this.#busyReadings + 1 : 0;
    return cpu;
  }

  /** The program's own word, where the system here does not know its pid. */
  async #remoteUsage(mayAsk: boolean): Promise<ProcessUsage | undefined> {
    if (!mayAsk) return undefined;
    const answer = await this.#process.cdp
      .send('Runtime.evaluate', { expression: ASK_USAGE, returnByValue: true, silent: true })
      // gone, or blocked
      .catch(() => undefined);
    const value: unknown = answer?.result.value;
    const [rssBytes, cpuMs] = Array.isArray(value) ? (value as unknown[]) : [];
    return typeof rssBytes === 'number' && typeof cpuMs === 'number' ? { rssBytes, cpuMs } : undefined;
  }

  async #readInside(): Promise<InsideReading> {
    const { cdp } = this.#process;
    try {
      const limit = { timeoutMs: DELAY_LIMIT_MS };
      const [heap, answer] = await Promise.all([
        cdp.send('Runtime.getHeapUsage', undefined, limit),
        cdp.send(
          'Runtime.evaluate',
          { expression: ASK_PROGRAM, awaitPromise: true, returnByValue: true, silent: true },
          limit,
        ),
      ]);
      const value: unknown = answer.result.value;
      const [delay, handles] = Array.isArray(value) ? (value as unknown[]) : [];
      return {
        heapUsedBytes: heap.usedSize,
        ...(typeof delay === 'number' ? { eventLoopDelayMs: delay } : {}),
        ...(typeof handles === 'number' ? { activeHandles: handles } : {}),
      };
    } catch {
      // paused in between, gone, or blocked for longer than the limit: only the last is a reading
      return this.#isPaused || !this.#running ? {} : { eventLoopDelayMs: DELAY_LIMIT_MS };
    }
  }

  #check(reading: ProcessReading): void {
    const limits = this.#thresholds;
    const delay = reading.eventLoopDelayMs;
    if (delay !== undefined) {
      this.#raise(
        'event-loop-delay',
        delay > limits.eventLoopDelayMs,
        reading,
        () => `the event loop was blocked for ${Math.round(delay)} ms`,
      );
    }
    this.#raise(
      'cpu',
      this.#busyReadings >= limits.cpuReadings,
      reading,
      () => `it keeps ${Math.round(reading.cpu * 100)} % of a core busy`,
    );
    this.#lowestRss = Math.min(this.#lowestRss, reading.rssBytes);
    const growth = reading.rssBytes - this.#lowestRss;
    const hasGrown = growth > limits.rssGrowthBytes && reading.rssBytes > this.#lowestRss * limits.rssGrowthFactor;
    this.#raise(
      'rss-growth',
      hasGrown,
      reading,
      () => `its memory grew by ${Math.round(growth / 2 ** 20)} MiB to ${Math.round(reading.rssBytes / 2 ** 20)} MiB`,
    );
  }

  #raise(kind: AlarmKind, isOver: boolean, reading: ProcessReading, text: () => string): void {
    if (!isOver) {
      this.#raised.delete(kind);
      return;
    }
    if (this.#raised.has(kind)) return;
    this.#raised.add(kind);
    this.events.emit('alarm', { kind, text: text(), reading });
  }
}
