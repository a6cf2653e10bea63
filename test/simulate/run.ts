/** The simulator by command. A failing run says what broke, is made smaller, and prints the command that repeats it. */

import os from 'node:os';
import { commandLine } from '../command-line.ts';
import { DEFECTS } from './defects.ts';
import { runParts, splitRuns } from './jobs.ts';
import { loadSimulation } from './load.ts';
import { STEP_KINDS } from './plan.ts';
import { shrink } from './shrink.ts';
import type { Outcome } from './simulation.ts';

const USAGE = `Usage: npm run simulate -- [options]
  --runs N        how many; run i uses seed S + i, many take a process per processor (default 1)
  --seed S        of the first run (default: any)
  --jobs N        processes
  --only 1,2,3    of the seed's steps these alone
  --favour KIND   more steps of one kind: ${STEP_KINDS.join(', ')}
  --defect NAME   with a defect planted: ${DEFECTS.map(({ name }) => name).join(', ')}
  --trace         tell every event
  --no-shrink     leave a failing run as it is
  --keep-going    go on after one`;

const { values } = commandLine(USAGE, {
  options: {
    runs: { type: 'string', default: '1' },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    only: { type: 'string' },
    favour: { type: 'string' },
    trace: { type: 'boolean', default: false },
    defect: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

/** Fewer are not worth a process of their own, which begins with bundling the code. */
const RUNS_PER_JOB = 20;

const runs = Number(values.runs);
const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
const only = values.only === undefined ? undefined : new Set(values.only.split(',').map(Number));
const defect = DEFECTS.find(({ name }) => name === values.defect);
if (values.defect !== undefined && defect === undefined) {
  throw new RangeError(`There is no defect "${values.defect}": ${DEFECTS.map(({ name }) => name).join(', ')}`);
}
const favour = STEP_KINDS.find((kind) => kind === values.favour) ?? defect?.favour;
if (values.favour !== undefined && favour !== values.favour) {
  throw new RangeError(`There is no kind of step "${values.favour}": ${STEP_KINDS.join(', ')}`);
}
const jobs = Number(values.jobs ?? Math.min(os.availableParallelism(), Math.ceil(runs / RUNS_PER_JOB)));
if (jobs > 1) {
  const flags = (['trace', 'no-shrink', 'keep-going'] as const)
    .filter((name) => values[name])
    .map((name) => `--${name}`);
  const given = (['only', 'favour', 'defect'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}`, values[name]],
  );
  const started = performance.now();
  const held = await runParts(splitRuns(first, runs, jobs), [...flags, ...given]);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `${runs} runs from seed ${first} in ${jobs} processes, ${seconds} s: ${held ? 'all hold' : 'some failed'}\n`,
  );
  process.exit(held ? 0 : 1);
}
const { simulate } = await loadSimulation(defect?.patches);

function command(seed: number, steps: readonly number[], whole: boolean): string {
  const parts = ['npm run simulate --', `--seed ${seed}`];
  if (!whole) parts.push(`--only ${steps.length === 0 ? 'none' : steps.join()}`);
  if (favour !== undefined) parts.push(`--favour ${favour}`);
  if (defect !== undefined) parts.push(`--defect ${defect.name}`);
  return [...parts, '--trace'].join(' ');
}

async function report(outcome: Outcome): Promise<void> {
  const { seed, problem, steps } = outcome;
  process.stdout.write(
    `seed ${seed} breaks "${problem?.invariant}" at ${problem?.atMs.toFixed(0)} ms: ${problem?.what}\n`,
  );
  process.stdout.write(`  again:   ${command(seed, steps, only === undefined)}\n`);
  if (values['no-shrink'] || values.trace) return;
  const small = await shrink(outcome, (kept) => simulate({ seed, favour, only: kept }));
  process.stdout.write(`  smaller: ${command(seed, small.steps, false)}\n`);
  process.stdout.write(`           ${small.problem?.what}\n`);
}

const started = performance.now();
let failed = 0;
let events = 0;
let simulatedMs = 0;
let envelopes = 0;
const print = values.trace ? (line: string): void => void process.stdout.write(`${line}\n`) : undefined;
for (let i = 0; i < runs; i++) {
  const outcome = await simulate({ seed: (first + i) >>> 0, favour, only, print });
  events += outcome.events;
  simulatedMs += outcome.simulatedMs;
  envelopes += outcome.envelopes;
  if (outcome.problem !== undefined) {
    failed++;
    await report(outcome);
    if (failed >= 10 && !values['keep-going']) break;
  } else if (runs === 1) {
    process.stdout.write(`seed ${outcome.seed} holds: trace ${outcome.traceHash}\n`);
  }
}
const seconds = (performance.now() - started) / 1000;
process.stdout.write(
  `${runs} runs from seed ${first}: ${failed} failed; ${events} events, ${envelopes} envelopes, ` +
    `${Math.round(simulatedMs / 60_000)} simulated minutes in ${seconds.toFixed(1)} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
