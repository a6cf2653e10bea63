/** A call over our framing and a Unix socket, between two processes, against the same bytes as bare JSON lines. */

import path from 'node:path';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';

const CALLS = 2_000;

export const benchCase: BenchCase = {
  name: 'channel-call',
  title: 'a call and its reply of 200 bytes between two processes over a Unix socket, median',
  unit: 'µs',
  better: 'lower',
  goal: 250,
  goalOf: 'ours',
  async run(context) {
    const start = async (protocol: 'channel' | 'json-lines'): Promise<() => Promise<number>> => {
      const socket = path.join(context.folder, `${protocol}.sock`);
      const server = context.agent('agents/echo.ts');
      const client = context.agent('agents/echo.ts');
      await server.ask({ serve: socket, protocol });
      return async () => Number(await client.ask({ call: socket, protocol, calls: CALLS }));
    };
    const [ours, lines] = [await start('channel'), await start('json-lines')];
    const { medians, notes } = await interleave({ ours, 'json-lines': lines }, { rounds: context.rounds(9) });
    return { ours: medians.ours, peers: { 'json-lines': medians['json-lines'] }, notes };
  },
};
