/** Two stock y-websocket clients on one daemon, against the same two on the stock server. */

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import type { Agent } from '../programs.ts';

const ROUNDS = 9;
const RECORDS = 400;
const WARM_UP = 200;

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
    const round = (agent: Agent) => async (): Promise<number> =>
      Number(await agent.ask({ do: 'ask', rounds: context.quick ? 50 : RECORDS }));
    const contenders = { ours: round(ours), 'y-websocket': round(stock) };
    const { medians, notes } = await interleave(contenders, { rounds: context.rounds(ROUNDS) });
    return { ours: medians.ours, peers: { 'y-websocket': medians['y-websocket'] }, notes };
  },
};
