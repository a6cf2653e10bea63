/** What the daemon keeps in memory with one running target. */

import { setTimeout as delay } from 'node:timers/promises';
import type { BenchCase } from '../bench-case.ts';
import { hostProgram } from '../pair.ts';
import { rssMb } from '../process-usage.ts';
import { median } from '../statistics.ts';

export const benchCase: BenchCase = {
  name: 'idle-daemon-memory',
  title: 'resident memory of an idle daemon with one target',
  unit: 'MB',
  better: 'lower',
  goal: 130,
  goalOf: 'ours',
  async run(context) {
    const { client } = await hostProgram(context);
    const { pid } = await client.call('daemon.status', {});
    const samples: number[] = [];
    for (let n = 0; n < context.rounds(10); n++) {
      await delay(500);
      samples.push(await rssMb(pid));
    }
    return { ours: median(samples), peers: {} };
  },
};
