/** One record at a time, closed loop: how long until the other side's observer sees it. */

import { figures } from '../sync/figures.ts';
import { propagate } from '../sync/workloads.ts';

export const benchCases = figures(
  {
    contenders: ['sandmesh', 'y-websocket', 'y-websocket-tuned', 'hocuspocus', 'signed-tcp', 'yjs-tcp'],
    rounds: 5,
    prepare: (context) => ({ run: (world) => propagate(context, world) }),
  },
  [
    {
      name: 'sync-propagation',
      title: 'a 200-byte record from one process’s edit to another’s observer, median',
      of: 'p50',
      unit: 'ms',
      better: 'lower',
      goal: 1,
    },
    {
      name: 'sync-propagation-p99',
      title: 'a 200-byte record from one process’s edit to another’s observer, 99th percentile',
      of: 'p99',
      unit: 'ms',
      better: 'lower',
      goal: 1,
    },
  ],
);
