/** Whether reading scopes that reach a megabyte stays inside the budget that a snapshot breakpoint has for reading. */

import { HIT_LIMITS } from '#node/engine/snapshots/capture.ts';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { armedBreakpoint, hostProgram } from '../pair.ts';
import { hit } from '../project.ts';

/** A daemon takes ten at once, and four a second: two a round. */
const ROUND_MS = 600;

export const benchCase: BenchCase = {
  name: 'snapshot-large-scope',
  title: 'by how much longer a snapshot blocks where the scopes reach 1 MB than where they reach little, medians',
  unit: 'ms',
  better: 'lower',
  goal: HIT_LIMITS.ms,
  goalOf: 'ours',
  async run(context) {
    const { client, project, address } = await hostProgram(context);
    const { folder, hitLine, largeLine } = project;
    for (const location of [hitLine, largeLine]) await armedBreakpoint(client, { location, folder, kind: 'snapshot' });
    const blocked = (path: string) => async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS / 2));
      return (await hit(address, path)).blockedMs;
    };
    const contenders = { large: blocked('/hit-large'), small: blocked('/hit') };
    const { medians, notes } = await interleave(contenders, { rounds: context.rounds(30), warmup: 2 });
    const { snapshots } = await client.call('snapshot.list', {});
    const cut = snapshots.filter(({ top, values }) => top?.functionName === 'hitLarge' && values === 'part');
    if (cut.length === 0) throw new Error('No snapshot says that it holds only a part of the large scopes');
    return { ours: medians.large - medians.small, peers: {}, notes };
  },
};
