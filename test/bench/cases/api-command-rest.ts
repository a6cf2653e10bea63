/** A resource of the local API over REST against a bare fastify route that answers with the same bytes. */

import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { openLocalApi } from '../local-api.ts';

const CALLS = 1_000;

export const benchCase: BenchCase = {
  name: 'api-command-rest',
  title:
    'GET of a sandbox over the local API, one kept connection, median, against a bare fastify route with that body',
  unit: 'µs',
  better: 'lower',
  goal: 1.3,
  goalOf: 'ratio',
  async run(context) {
    const { origin, resource, authorization } = await openLocalApi(context);
    const url = origin + resource;
    const answer = await (await fetch(url, { headers: { authorization } })).text();
    const server = context.agent('agents/api-peer.ts');
    const port = Number(await server.ask({ serve: 'fastify', answer }));
    const [ours, bare] = [context.agent('agents/api-peer.ts'), context.agent('agents/api-peer.ts')];
    const asked = { authorization, calls: CALLS };
    const { medians, notes } = await interleave(
      {
        ours: async () => Number(await ours.ask({ ...asked, url })),
        fastify: async () => Number(await bare.ask({ ...asked, url: `http://127.0.0.1:${port}${resource}` })),
      },
      { rounds: context.rounds(9) },
    );
    return { ours: medians.ours, peers: { fastify: medians.fastify }, notes };
  },
};
