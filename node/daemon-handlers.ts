/** Handlers about the daemon itself: status, stop, configuration. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { DaemonHandler } from './pipeline/context.ts';
import type { DaemonHandlers } from './pipeline/pipeline.ts';
import type { ConfigStore } from './storage/config.ts';

export interface DaemonFacts {
  readonly version: string;
  readonly home: string;
  readonly startedAt: number;
  /** Undefined until the network was needed. */
  peerId(): string | undefined;
  addresses(): string[];
  /** Where the local API answers, and what is wrong with it. */
  api(): Pick<CommandResult<'daemon.status'>, 'api' | 'apiTrouble'>;
  counts(): { sandboxes: number; targets: number; clients: number; peers: number };
}

export function daemonHandlers(facts: DaemonFacts, config: ConfigStore, stop: () => void): DaemonHandlers {
  const status: DaemonHandler<'daemon.status'> = async () => {
    const peerId = facts.peerId();
    return {
      version: facts.version,
      pid: process.pid,
      node: process.version,
      home: facts.home,
      uptimeMs: Date.now() - facts.startedAt,
      rssBytes: process.memoryUsage.rss(),
      addresses: facts.addresses(),
      ...facts.counts(),
      ...(peerId === undefined ? {} : { peerId }),
      ...facts.api(),
    };
  };
  const stopDaemon: DaemonHandler<'daemon.stop'> = async () => {
    // The reply must leave before the socket closes.
    setImmediate(stop);
    return { stopping: true };
  };
  const get: DaemonHandler<'config.get'> = async (args) => config.entry(args.key);
  const set: DaemonHandler<'config.set'> = async (args) => config.set(args.key, args.value);
  const list: DaemonHandler<'config.list'> = async () => ({ entries: config.list() });
  return {
    'daemon.status': status,
    'daemon.stop': stopDaemon,
    'config.get': get,
    'config.set': set,
    'config.list': list,
  };
}
