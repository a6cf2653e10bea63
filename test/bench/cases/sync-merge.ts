/** Two peers that wrote 5,000 records each on their own meet again. */

import { figures } from '../sync/figures.ts';
import { mergeOffline } from '../sync/workloads.ts';

export const benchCases = figures(
  {
    // Hocuspocus takes its clients' backlog update by update: 14 to 26 s, which is another kind of answer
    contenders: ['sandmesh', 'y-websocket', 'y-websocket-deflate', 'yjs-tcp'],
    rounds: 5,
    prepare: () => ({ run: mergeOffline }),
  },
  [
    {
      name: 'sync-merge',
      title: 'two peers with 5,000 offline records each, from connecting until both have all',
      of: 'ms',
      unit: 'ms',
      better: 'lower',
      goal: 0.8,
    },
    {
      name: 'sync-merge-bytes',
      title: 'two peers with 5,000 offline records each, bytes on all sockets until both have all',
      of: 'bytes',
      unit: 'bytes',
      better: 'lower',
      goal: 0.15,
    },
  ],
);
