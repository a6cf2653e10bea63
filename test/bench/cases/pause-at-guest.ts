/** How far behind the program a guest is: from the statement before the breakpoint to all of it readable there. */

import type { BenchCase } from '../bench-case.ts';
import { armBreakpoint, createPair, PauseStream } from '../pair.ts';
import { hit } from '../project.ts';
import { median, percentile, sharedClockMs } from '../statistics.ts';

export const benchCase: BenchCase = {
  name: 'pause-at-guest',
  title: 'a pause in the target until the guest’s client has frames, scope names and the source text, median',
  unit: 'ms',
  better: 'lower',
  goal: 10,
  goalOf: 'ours',
  async run(context) {
    const { guest, project, target, address } = await createPair(context);
    await armBreakpoint(guest, project.hitLine, project.folder);
    const pauses = new PauseStream(guest);
    const samples: number[] = [];
    for (let n = 0; n < context.rounds(60) + 5; n++) {
      const answer = hit(address);
      const pause = await pauses.next();
      const top = pause.frames[0];
      if (top?.source === undefined || top.scopes.length === 0) throw new Error('The pause lacks scopes or source');
      await guest.call('source.get', { target, source: top.source });
      const readableAt = sharedClockMs();
      await guest.call('execution.resume', { target });
      // the first ones load code and fill caches
      if (n >= 5) samples.push(readableAt - (await answer).hitAt);
    }
    const notes = [`90th percentile ${percentile(samples, 0.9).toPrecision(4)} ms of ${samples.length}`];
    return { ours: median(samples), peers: {}, notes };
  },
};
