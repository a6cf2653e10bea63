/** What a person waits for: from the command to the printed link, with nothing running before. */

import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { createProject } from '../project.ts';

/** One `sandmesh run` until its link is on the screen. */
export async function timeRun(context: BenchContext, kind: 'cold' | 'warm'): Promise<number> {
  const project = createProject(context);
  const home = context.home();
  if (kind === 'warm') home.ask(['open'], { cwd: project.folder });
  const started = performance.now();
  const program = home.start(['run', '--', ...project.argv], { cwd: project.folder });
  await program.line(/sandmesh:\S*#/);
  const took = performance.now() - started;
  await program.line(/^ready:/);
  await program.stop();
  home.stopDaemon();
  return took;
}

export const benchCase: BenchCase = {
  name: 'run-to-link',
  title: 'sandmesh run to the printed link, no daemon and no home before',
  unit: 'ms',
  better: 'lower',
  goal: 1_500,
  goalOf: 'ours',
  async run(context) {
    const { medians, notes } = await interleave(
      { ours: () => timeRun(context, 'cold') },
      { rounds: context.rounds(7) },
    );
    return { ours: medians.ours, peers: {}, notes };
  },
};
