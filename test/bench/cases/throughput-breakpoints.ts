/** The same with 100 breakpoints on lines that never run. */

import type { BenchCase } from '../bench-case.ts';
import { COLD_FUNCTIONS } from '../project.ts';
import { measureThroughput } from './throughput.ts';

export const benchCase: BenchCase = {
  name: 'throughput-breakpoints',
  title: `HTTP requests per second under sandmesh run with ${COLD_FUNCTIONS} cold breakpoints, against the bare program`,
  unit: 'requests/s',
  better: 'higher',
  goal: 0.95,
  goalOf: 'ratio',
  run: (context) => measureThroughput(context, COLD_FUNCTIONS),
};
