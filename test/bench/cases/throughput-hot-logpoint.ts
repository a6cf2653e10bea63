/** The same with a logpoint, after it has become code in the script. */

import type { BenchCase } from '../bench-case.ts';
import { probesCase } from './throughput-tracepoints.ts';

export const benchCase: BenchCase = {
  name: 'throughput-hot-logpoint',
  title: 'HTTP requests per second with 100 hits of a logpoint in each, against the bare program',
  unit: 'requests/s',
  better: 'higher',
  goal: 0.9,
  goalOf: 'ratio',
  run: probesCase('log'),
};
