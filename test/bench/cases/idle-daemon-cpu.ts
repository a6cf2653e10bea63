/** What the daemon takes while nothing happens with one running target. */

import type { BenchCase } from '../bench-case.ts';
import { hostProgram } from '../pair.ts';
import { cpuPercent } from '../process-usage.ts';

export const benchCase: BenchCase = {
  name: 'idle-daemon-cpu',
  title: 'processor time of an idle daemon with one target, over 10 s',
  unit: '% of a core',
  better: 'lower',
  goal: 1,
  goalOf: 'ours',
  async run(context) {
    const { client } = await hostProgram(context);
    const { pid } = await client.call('daemon.status', {});
    // what starting left to do is no idling: some 15 s after it V8 tidies its heap, once, for 0.15 s
    await cpuPercent(pid, context.quick ? 500 : 20_000);
    return { ours: await cpuPercent(pid, context.quick ? 1_000 : 10_000), peers: {} };
  },
};
