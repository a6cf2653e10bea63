/** The fuzzer by command. A finding prints the command that shows it again. */

import { commandLine } from '../command-line.ts';
import { describe, Fuzzer, fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const USAGE = `Usage: npm run fuzz -- [options]
  --seconds N    shared by the targets (default 60)
  --target NAME  one alone: ${TARGETS.map(({ name }) => name).join('; ')}
  --seed S       (default: any)
  --from I       number of the first input (default 0)
  --inputs N     so many of each target, in place of --seconds`;

const { values } = commandLine(USAGE, {
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    inputs: { type: 'string' },
  },
});

const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  throw new RangeError(`There is no target "${values.target}": ${TARGETS.map(({ name }) => name).join('; ')}`);
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
const from = Number(values.from);
process.stdout.write(`seed ${seed}\n`);
let failed = 0;
if (values.inputs === undefined) {
  const { findings, tallies } = await fuzz(chosen, { seed, from, milliseconds: Number(values.seconds) * 1000 });
  for (const finding of findings) process.stdout.write(`${describe(finding)}\n`);
  for (const [name, { accepted, refused }] of tallies) {
    process.stdout.write(`${name}: ${accepted} accepted, ${refused} refused\n`);
  }
  failed = findings.length;
} else {
  for (const target of chosen) {
    const fuzzer = await Fuzzer.prepare(target, seed);
    for (let index = from; index < from + Number(values.inputs); index++) {
      const finding = await fuzzer.feed(index);
      if (finding === undefined) continue;
      failed++;
      process.stdout.write(`${describe(finding)}\n`);
    }
  }
}
process.exitCode = failed === 0 ? 0 : 1;
