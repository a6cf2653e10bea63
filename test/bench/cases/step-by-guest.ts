/** What stepping feels like from far: the guest asks for a step and has the new position. */

import type { BenchCase } from '../bench-case.ts';
import { armBreakpoint, createPair, PauseStream } from '../pair.ts';
import { hit } from '../project.ts';
import { median, percentile } from '../statistics.ts';

export const benchCase: BenchCase = {
  name: 'step-by-guest',
  title: 'a step over by the guest, from the request to the new position in its reply, median',
  unit: 'ms',
  better: 'lower',
  goal: 15,
  goalOf: 'ours',
  async run(context) {
    const { guest, project, target, address } = await createPair(context);
    await armBreakpoint(guest, project.hitLine, project.folder);
    const pauses = new PauseStream(guest);
    const samples: number[] = [];
    for (let n = 0; n < context.rounds(60) + 5; n++) {
      const answer = hit(address);
      const { frames } = await pauses.next();
      const started = performance.now();
      const { pause } = await guest.call('execution.step', { target, kind: 'over' });
      const took = performance.now() - started;
      if (pause?.frames[0]?.line !== (frames[0]?.line ?? 0) + 1)
        throw new Error('The step did not reach the next line');
      if (n >= 5) samples.push(took);
      await pauses.next();
      await guest.call('execution.resume', { target });
      await answer;
    }
    const notes = [`90th percentile ${percentile(samples, 0.9).toPrecision(4)} ms of ${samples.length}`];
    return { ours: median(samples), peers: {}, notes };
  },
};
