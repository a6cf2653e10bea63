/** A fresh peer reads what 10,000 records are: every envelope of them, or a checkpoint. */

import { figures } from '../sync/figures.ts';
import { joinRecords } from '../sync/workloads.ts';

const contenders = ['sandmesh', 'y-websocket', 'y-websocket-deflate', 'hocuspocus', 'yjs-tcp'] as const;

export const benchCases = [
  ...figures(
    {
      contenders,
      rounds: 3,
      checkpoints: false,
      prepare: () => ({ run: (world) => joinRecords(world, { checkpoint: false }) }),
    },
    [
      {
        name: 'sync-join',
        title: 'connecting a fresh peer until it has 10,000 records, every envelope checked',
        of: 'ms',
        unit: 'ms',
        better: 'lower',
        goal: 1.5,
      },
    ],
  ),
  ...figures({ contenders, rounds: 3, prepare: () => ({ run: (world) => joinRecords(world, { checkpoint: true }) }) }, [
    {
      name: 'sync-join-checkpoint',
      title: 'connecting a fresh peer until it has 10,000 records, from a checkpoint',
      of: 'ms',
      unit: 'ms',
      better: 'lower',
      goal: 0.7,
    },
    {
      name: 'sync-join-checkpoint-bytes',
      title: 'bytes on all sockets while a fresh peer reads 10,000 records from a checkpoint',
      of: 'bytes',
      unit: 'bytes',
      better: 'lower',
      goal: 0.1,
    },
    {
      name: 'sync-join-checkpoint-bytes-deflate',
      title: 'the same against y-websocket with permessage-deflate',
      of: 'bytes',
      against: 'y-websocket-deflate',
      unit: 'bytes',
      better: 'lower',
      goal: 1,
    },
  ]),
];
