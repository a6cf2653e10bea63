/**
 * `GET /metrics` in Prometheus' text form, behind the token: how the daemon fares, never what it works on. Times are
 * taken from the first request of the local API on.
 */

import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { FSYNC_CHANNEL } from '../../storage/log-file.ts';

/** Read when somebody asks. */
export interface DaemonGauges {
  readonly sandboxes: number;
  readonly targets: number;
  readonly peers: number;
  readonly cliClients: number;
  readonly webSockets: number;
  /** Envelopes accepted so far, of every sandbox that is open. */
  readonly envelopes: number;
  /** Events not sent to WebSockets that read too slowly. */
  readonly droppedEvents: number;
}

const NAMES: Readonly<Record<keyof DaemonGauges, readonly [name: string, help: string]>> = {
  sandboxes: ['sandmesh_sandboxes', 'Sandboxes that are open'],
  targets: ['sandmesh_targets', 'Processes attached to here'],
  peers: ['sandmesh_peers', 'Members connected, over all sandboxes'],
  cliClients: ['sandmesh_cli_clients', 'Clients on the local socket'],
  webSockets: ['sandmesh_websockets', 'WebSockets of the local API'],
  envelopes: ['sandmesh_envelopes', 'Envelopes accepted, over all open sandboxes'],
  droppedEvents: ['sandmesh_dropped_events', 'Events not sent to WebSockets that read too slowly'],
};

export class DaemonMetrics {
  readonly #registry = new Registry();
  readonly #onSync: (ms: unknown) => void;

  /** @param refused requests that the guard refused so far, by status */
  constructor(read: () => DaemonGauges, refused: ReadonlyMap<number, number>) {
    // Event-loop delay, memory, handles, garbage collection.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 });
    for (const [key, [name, help]] of Object.entries(NAMES) as [keyof DaemonGauges, readonly [string, string]][]) {
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read()[key]);
        },
      });
    }
    new Counter({
      name: 'sandmesh_refused_requests_total',
      help: 'Requests that the guard of the local API refused',
      labelNames: ['status'],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [status, count] of refused) this.inc({ status }, count);
      },
    });
    const fsync = new Histogram({
      name: 'sandmesh_fsync_seconds',
      help: 'Time of one group fdatasync',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
      registers: [this.#registry],
    });
    this.#onSync = (ms) => fsync.observe(Number(ms) / 1000);
    FSYNC_CHANNEL.subscribe(this.#onSync);
  }

  /** Ends what runs in the background. */
  stop(): void {
    FSYNC_CHANNEL.unsubscribe(this.#onSync);
    this.#registry.clear();
  }

  register(app: FastifyInstance): void {
    app.get('/metrics', async (_request, reply) =>
      reply.type(this.#registry.contentType).send(await this.#registry.metrics()),
    );
  }
}
