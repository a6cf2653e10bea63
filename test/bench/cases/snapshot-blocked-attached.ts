/** The same in a program that was attached to by its pid. */

import type { BenchCase } from '../bench-case.ts';
import { measureAttached } from './snapshot-blocked.ts';

export const benchCase: BenchCase = {
  name: 'snapshot-blocked-attached',
  title: 'how long a snapshot breakpoint blocks a program attached to by pid, median, beside a stop that reads nothing',
  unit: 'ms',
  better: 'lower',
  goal: 1.5,
  goalOf: 'ours',
  run: measureAttached,
};
