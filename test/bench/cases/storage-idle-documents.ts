/** What documents cost that nobody looks at. */

import type { BenchCase } from '../bench-case.ts';
import { median } from '../statistics.ts';

const DOCUMENTS = 1000;

interface Held {
  readonly rss: number;
  readonly heap: number;
}

export const benchCase: BenchCase = {
  name: 'storage-idle-documents',
  title: '1,000 idle drafts of 1.6 kB, each edited 20 times: resident memory above the same process before them',
  unit: 'MB',
  better: 'lower',
  goal: 60,
  goalOf: 'ours',
  async run(context) {
    const above: number[] = [];
    const notes: string[] = [];
    for (let round = 0; round < context.rounds(3); round++) {
      const agent = context.agent('agents/idle-documents.ts', { nodeArgs: ['--expose-gc'] });
      const folder = `${context.folder}/idle-${round}`;
      const request = { folder, documents: context.quick ? DOCUMENTS / 10 : DOCUMENTS };
      const { empty, alive, idle } = (await agent.ask(request, 300_000)) as Record<'empty' | 'alive' | 'idle', Held>;
      await agent.stop();
      above.push(idle.rss - empty.rss);
      const heap = [empty, alive, idle].map((held) => held.heap.toFixed(1));
      notes.push(
        `heap empty ${heap[0]}, all alive ${heap[1]}, idle ${heap[2]} MB; resident +${above.at(-1)?.toFixed(1)} MB`,
      );
    }
    return { ours: median(above), peers: {}, notes };
  },
};
