/** Two stock y-websocket clients on one daemon, against the same two on the stock server. */

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import type { Agent } from '../programs.ts';
import { median } from '../statistics.ts';

const ROUNDS = 9;
const RECORDS = 400;
const WARM_UP = 200;

/** Of half a round trip, in ms. */
interface Times {
  readonly median: number;
  readonly mean: number;
}

/** @returns what asks for records, each answered by the other page */
async function twoPages(context: BenchContext, place: () => Promise<unknown>): Promise<Agent> {
  const [asking, answering] = [context.agent('agents/document-page.ts'), context.agent('agents/document-page.ts')];
  for (const agent of [asking, answering]) await agent.ask({ do: 'open', place: await place() });
  await answering.ask({ do: 'echo' });
  await asking.ask({ do: 'ask', rounds: WARM_UP });
  return asking;
}

export const benchCase: BenchCase = {
  name: 'ydoc-page-to-page',
  title: 'a 200-byte record from one page to another through the daemon, signed and stored, median',
  unit: 'ms',
  better: 'lower',
  goal: 1.3,
  goalOf: 'ratio',
  async run(context) {
    const home = context.home();
    const folder = path.join(context.folder, 'project');
    mkdirSync(folder);
    home.ask(['open'], { cwd: folder });
    const client = await home.client({ folder });
    const ours = await twoPages(context, () => client.call('document.open', { document: 'draft/a.js' }));
    const url = await context.agent('agents/document-server.ts').ask({});
    const stock = await twoPages(context, async () => ({ url, room: 'a.js' }));
    const means: Record<string, number[]> = { ours: [], 'y-websocket': [] };
    const round = (name: string, agent: Agent) => async (): Promise<number> => {
      const times = (await agent.ask({ do: 'ask', rounds: context.quick ? 50 : RECORDS })) as Times;
      means[name]?.push(times.mean);
      return times.median;
    };
    const contenders = { ours: round('ours', ours), 'y-websocket': round('y-websocket', stock) };
    const { medians, notes } = await interleave(contenders, { rounds: context.rounds(ROUNDS) });
    // The daemon signs what it has shown already, of some milliseconds at a time: the mean has that in it.
    const meanNotes = Object.entries(means).map(([name, all]) => `${name}: mean ${median(all).toPrecision(4)}`);
    return { ours: medians.ours, peers: { 'y-websocket': medians['y-websocket'] }, notes: [...notes, ...meanNotes] };
  },
};
