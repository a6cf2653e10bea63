/** What a figure is: a named case that measures ours and its peers in one call, and the line it is reported as. */

import type { BenchContext } from './context.ts';

export interface Measurement {
  /** In the case's unit. */
  readonly ours: number;
  /** Contender → its figure, in the same unit; may be empty when there is nothing to compare with. */
  readonly peers: Readonly<Record<string, number>>;
  /** What else is worth knowing: shown to people, left out of the JSON line. */
  readonly notes?: readonly string[];
}

export interface BenchCase {
  /** Kebab-case, unique; `npm run bench -- <name>`. */
  readonly name: string;
  /** One line: what is measured, from when to when. */
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  /** The limit for `ours`, or for the ratio to the best peer; in the direction of `better`. */
  readonly goal: number;
  readonly goalOf: 'ours' | 'ratio';
  run(context: BenchContext): Promise<Measurement>;
}

/** The stable shape of `--json`: one such line per case. */
export interface BenchLine {
  readonly case: string;
  readonly unit: string;
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  /** ours / best peer; null without peers */
  readonly ratio: number | null;
  /** For example "ours <= 1500" or "ratio >= 0.95". */
  readonly goal: string;
  readonly holds: boolean;
}

/** Four significant digits: more is noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

export function toLine(benchCase: BenchCase, measured: Measurement): BenchLine {
  const { better, goal, goalOf } = benchCase;
  const figures = Object.values(measured.peers);
  const best = better === 'lower' ? Math.min(...figures) : Math.max(...figures);
  const ratio = figures.length === 0 ? null : measured.ours / best;
  const judged = goalOf === 'ours' ? measured.ours : ratio;
  if (judged === null) throw new RangeError(`The case "${benchCase.name}" has a goal for its ratio but no peer`);
  return {
    case: benchCase.name,
    unit: benchCase.unit,
    ours: rounded(measured.ours),
    peers: Object.fromEntries(Object.entries(measured.peers).map(([name, value]) => [name, rounded(value)])),
    ratio: ratio === null ? null : rounded(ratio),
    goal: `${goalOf} ${better === 'lower' ? '<=' : '>='} ${goal}`,
    holds: better === 'lower' ? judged <= goal : judged >= goal,
  };
}
