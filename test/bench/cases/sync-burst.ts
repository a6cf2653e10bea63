/** Twenty thousand records as fast as they can be written, a hundred a tick and one a tick. */

import { figures } from '../sync/figures.ts';
import { burst } from '../sync/workloads.ts';

const contenders = ['sandmesh', 'y-websocket', 'y-websocket-deflate', 'hocuspocus', 'yjs-tcp'] as const;

export const benchCases = [
  ...figures({ contenders, rounds: 5, prepare: () => ({ run: (world) => burst(world, 100) }) }, [
    {
      name: 'sync-burst',
      title: '20,000 records, a hundred a tick, until the other side has all',
      of: 'rate',
      unit: 'records/s',
      better: 'higher',
      goal: 1.5,
    },
    {
      name: 'sync-burst-bytes',
      title: '20,000 records, a hundred a tick, bytes written to all sockets',
      of: 'bytes',
      unit: 'bytes',
      better: 'lower',
      goal: 0.4,
    },
  ]),
  ...figures({ contenders, rounds: 5, prepare: () => ({ run: (world) => burst(world, 1) }) }, [
    {
      name: 'sync-ticks',
      title: '20,000 records, one a tick, until the other side has all',
      of: 'rate',
      unit: 'records/s',
      better: 'higher',
      goal: 1,
    },
    {
      name: 'sync-ticks-bytes',
      title: '20,000 records, one a tick, bytes written to all sockets',
      of: 'bytes',
      unit: 'bytes',
      better: 'lower',
      goal: 0.7,
    },
  ]),
];
