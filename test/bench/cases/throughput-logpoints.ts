/** The same with 100 logpoints on lines that never run. */

import type { BenchCase } from '../bench-case.ts';
import { waitFor } from '../pair.ts';
import { COLD_FUNCTIONS } from '../project.ts';
import { measureThroughput } from './throughput.ts';

export const benchCase: BenchCase = {
  name: 'throughput-logpoints',
  title: `HTTP requests per second under sandmesh run with ${COLD_FUNCTIONS} cold logpoints, against the bare program`,
  unit: 'requests/s',
  better: 'higher',
  goal: 0.95,
  goalOf: 'ratio',
  run: (context) =>
    measureThroughput(context, 0, async ({ client, project }) => {
      for (const location of project.coldLines) {
        await client.call('breakpoint.add', { location, folder: project.folder, log: 'ran {typeof this}' });
      }
      await waitFor('every logpoint to be armed', async () => {
        const { breakpoints } = await client.call('breakpoint.list', {});
        const armed = breakpoints.filter(({ statuses }) => statuses.some(({ state }) => state === 'armed'));
        return armed.length === project.coldLines.length;
      });
    }),
};
