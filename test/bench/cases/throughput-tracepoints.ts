/** A tracepoint and a hot logpoint, each hit 100 times per request, results taken by a client. */

import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { type HostedProgram, waitFor } from '../pair.ts';
import { measureThroughput } from './throughput.ts';

async function setProbe({ client, project, address }: HostedProgram, probe: 'log' | 'trace'): Promise<void> {
  const { folder } = project;
  const hits = client.subscribe('hits');
  const first = hits.next();
  const what = probe === 'log' ? { log: '{user.name} {sum}' } : { capture: ['user.name'] };
  const { id } = await client.call('breakpoint.add', { location: project.visitLine, folder, ...what });
  // The first requests make a logpoint hot.
  await waitFor('a hit, and code in the script', async () => {
    for (let i = 0; i < 5; i++) await (await fetch(`${address}/work`)).text();
    const { breakpoints } = await client.call('breakpoint.list', {});
    const status = breakpoints.find((view) => view.id === id)?.statuses[0];
    return status?.state === 'armed' && status.hits > 2_000;
  });
  await first;
  const drain = async (): Promise<void> => {
    for await (const _ of hits);
  };
  // ends when the case closes the client
  drain().catch(() => undefined);
}

export function probesCase(probe: 'log' | 'trace'): (context: BenchContext) => ReturnType<typeof measureThroughput> {
  return (context) => measureThroughput(context, 0, (hosted) => setProbe(hosted, probe), '/work');
}

export const benchCase: BenchCase = {
  name: 'throughput-tracepoints',
  title: 'HTTP requests per second with 100 hits of a tracepoint in each, against the bare program',
  unit: 'requests/s',
  better: 'higher',
  goal: 0.9,
  goalOf: 'ratio',
  run: probesCase('trace'),
};
