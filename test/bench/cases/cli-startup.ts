/** What every use of the CLI pays: from the command to the end of `sandmesh --version`. */

import { spawnSync } from 'node:child_process';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';

function timed(args: readonly string[]): () => Promise<number> {
  return async () => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`"node ${args.join(' ')}" exited with ${status}: ${stderr}`);
    return performance.now() - started;
  };
}

export const benchCase: BenchCase = {
  name: 'cli-startup',
  title: 'sandmesh --version from start to exit, against a bare node that prints its own',
  unit: 'ms',
  better: 'lower',
  goal: 200,
  goalOf: 'ours',
  async run(context) {
    const { medians, notes } = await interleave(
      { ours: timed([context.cli, '--version']), node: timed(['-e', 'console.log(process.version)']) },
      { rounds: context.rounds(15) },
    );
    return { ours: medians.ours, peers: { node: medians.node }, notes };
  },
};
