/** A fresh peer reads a paper that was typed key by key, from a checkpoint. */

import { figures } from '../sync/figures.ts';
import { joinTrace, traceFile } from '../sync/workloads.ts';

export const benchCases = figures(
  {
    contenders: ['sandmesh', 'y-websocket', 'hocuspocus', 'yjs-tcp'],
    rounds: 3,
    prepare: (context) => {
      const trace = traceFile(context);
      return { run: (world) => joinTrace(world, trace), note: `the trace is ${trace.origin}` };
    },
  },
  [
    {
      name: 'sync-trace',
      title: 'connecting a fresh peer until it has a text of 260,000 keystrokes, from a checkpoint',
      of: 'ms',
      unit: 'ms',
      better: 'lower',
      goal: 1,
    },
    {
      name: 'sync-trace-bytes',
      title: 'bytes on all sockets while a fresh peer reads a text of 260,000 keystrokes from a checkpoint',
      of: 'bytes',
      unit: 'bytes',
      better: 'lower',
      goal: 0.5,
    },
  ],
);
