/** From `sandmesh join` in a new home, approved at once, until the guest's daemon knows the host's target. */

import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { approveAll, freshLink, hostProgram, waitFor } from '../pair.ts';

export const benchCase: BenchCase = {
  name: 'join-to-targets',
  title: 'sandmesh join in a cold home, approved at once, until the guest sees the host’s target',
  unit: 'ms',
  better: 'lower',
  goal: 1_500,
  goalOf: 'ours',
  async run(context) {
    const host = await hostProgram(context);
    approveAll(host.client);
    const join = async (): Promise<number> => {
      const guest = context.home();
      const link = await freshLink(host.client);
      const started = performance.now();
      const joining = guest.start(['join', link], { cwd: context.folder });
      if ((await joining.exited()) !== 0) throw new Error(`join failed:\n${joining.output}`);
      const client = await guest.client();
      await waitFor('the host’s target', async () => (await client.call('target.list', {})).targets.length > 0);
      const took = performance.now() - started;
      client.close();
      guest.stopDaemon();
      return took;
    };
    const { medians, notes } = await interleave({ ours: join }, { rounds: context.rounds(7) });
    return { ours: medians.ours, peers: {}, notes };
  },
};
