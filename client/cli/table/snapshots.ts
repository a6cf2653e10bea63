/** Commands about snapshots. */

import type { CommandSpec } from '../command-spec.ts';

const TARGET = {
  flags: '-t, --target <target>',
  summary: 'id, name or pid; default: the only one, or the one that paused last',
  values: 'targets',
} as const;

export const snapshotCommands: readonly CommandSpec[] = [
  {
    name: 'snapshot take',
    group: 'Debug',
    summary: 'Freeze where a program stands and what its variables hold',
    details:
      'A running program is stopped for milliseconds. What may be a secret is masked: a snapshot is for everybody.',
    args: [{ syntax: '[label...]', summary: 'what it is for' }],
    options: [TARGET],
    examples: [['sandmesh snapshot take before the discount', 'of the only program']],
    json: 'snapshot.take',
    load: async () => (await import('../commands/snapshot.ts')).take,
  },
  {
    name: 'snapshot list',
    group: 'Debug',
    summary: 'List snapshots, the latest first; every pause leaves one',
    options: [{ ...TARGET, summary: 'of this program only' }],
    examples: [['sandmesh snapshot list', 'those of every host']],
    json: 'snapshot.list',
    isDefault: true,
    load: async () => (await import('../commands/snapshot.ts')).list,
  },
  {
    name: 'snapshot show',
    group: 'Debug',
    summary: 'Show a snapshot: its frames, the source around, and the variables of a frame',
    args: [{ syntax: '[snapshot]', summary: 'id or the start of one; the latest unless given' }],
    options: [
      { flags: '--frame <index>', summary: 'frame to look into, 0 innermost', integer: { min: 0, max: 10_000 } },
    ],
    examples: [['sandmesh snapshot show', 'also when its host is away, once it was fetched']],
    json: 'snapshot.show',
    load: async () => (await import('../commands/snapshot.ts')).show,
  },
  {
    name: 'snapshot rm',
    group: 'Debug',
    summary: 'Remove a snapshot of a program of yours',
    args: [{ syntax: '<snapshot>', summary: 'id or the start of one' }],
    examples: [['sandmesh snapshot rm 1.mwt4zhbz', 'for everybody']],
    json: 'snapshot.remove',
    load: async () => (await import('../commands/snapshot.ts')).remove,
  },
];
