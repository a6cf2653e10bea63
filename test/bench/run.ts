/**
 * The bench: every figure of this project is a case in cases/, measured against its peers in the same call. A file
 * there exports `benchCase`, or `benchCases` where several figures come from the same runs.
 */

import { readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { commandLine } from '../command-line.ts';
import { type BenchCase, type BenchLine, toLine } from './bench-case.ts';
import { BenchContext } from './context.ts';

const USAGE = `Usage: npm run bench [-- [options] [case...]]
Without a case all run. Exits with 1 when a goal does not hold. Figures go to standard output, all else to standard error.
  --list             name the cases
  --json             one object a line
  --quick            fewer rounds, for a look
  --cpu-prof folder  write profiles of the agents there`;

async function loadCases(): Promise<BenchCase[]> {
  const folder = path.join(import.meta.dirname, 'cases');
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules: { benchCase?: BenchCase; benchCases?: BenchCase[] }[] = await Promise.all(
    files.map((name) => import(path.join(folder, name))),
  );
  const cases = modules.flatMap(({ benchCase, benchCases = [] }) => benchCase ?? benchCases);
  return cases.sort((a, b) => a.name.localeCompare(b.name));
}

function machine(): string {
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown'}, ${memory} GiB, ${os.type()} ${os.release()}, Node ${process.versions.node}`;
}

function show(benchCase: BenchCase, line: BenchLine, notes: readonly string[]): void {
  const peers = Object.entries(line.peers).map(([name, value]) => `${name} ${value}`);
  const against = peers.length === 0 ? '' : `  against ${peers.join(', ')}  (ratio ${line.ratio})`;
  process.stdout.write(
    `${line.holds ? 'holds' : 'FAILS'}  ${line.case}: ${line.ours} ${line.unit}${against}  [${line.goal}]\n`,
  );
  process.stdout.write(`       ${benchCase.title}\n`);
  for (const note of notes) process.stdout.write(`       ${note}\n`);
}

/** One after the other: two cases at once would measure each other. */
async function runCase(
  benchCase: BenchCase,
  options: { json: boolean; quick: boolean; 'cpu-prof'?: string | undefined },
): Promise<boolean> {
  const context = new BenchContext({ quick: options.quick, profiles: options['cpu-prof'] });
  const interrupt = (): void => {
    void context.dispose().then(() => process.exit(130));
  };
  process.once('SIGINT', interrupt);
  try {
    const measured = await benchCase.run(context);
    const line = toLine(benchCase, measured);
    if (options.json) process.stdout.write(`${JSON.stringify(line)}\n`);
    else show(benchCase, line, measured.notes ?? []);
    return line.holds;
  } finally {
    process.off('SIGINT', interrupt);
    await context.dispose();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = commandLine(USAGE, {
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
    },
  });
  const cases = await loadCases();
  const unknown = positionals.find((name) => !cases.some((benchCase) => benchCase.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`Cannot run the bench: there is no case "${unknown}". --list names them all.\n`);
    return 2;
  }
  if (values.list) {
    const width = Math.max(...cases.map(({ name }) => name.length));
    for (const { name, title, unit } of cases) process.stdout.write(`${name.padEnd(width)}  ${title} (${unit})\n`);
    return 0;
  }
  process.stderr.write(`machine: ${machine()}\n`);
  let held = true;
  for (const benchCase of cases) {
    if (positionals.length > 0 && !positionals.includes(benchCase.name)) continue;
    held = (await runCase(benchCase, values)) && held;
  }
  return held ? 0 : 1;
}

process.exitCode = await main();
