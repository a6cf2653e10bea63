/** A command over the local API's WebSocket against a bare ws server that gives back the same bytes. */

import { WebSocket } from 'ws';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { type LocalApiAccess, openLocalApi } from '../local-api.ts';

const CALLS = 2_000;

export const benchCase: BenchCase = {
  name: 'api-command-ws',
  title:
    'a command and its answer over the WebSocket of the local API, median, against a bare ws echo of the same bytes',
  unit: 'µs',
  better: 'lower',
  goal: 1.5,
  goalOf: 'ratio',
  async run(context) {
    const access = await openLocalApi(context);
    const payload = { action: 'call', command: 'pause.list', args: {}, sandbox: access.sandbox };
    const message = JSON.stringify({ type: 'command', id: 'c1', timestamp: 1, payload });
    const url = `${access.origin.replace('http', 'ws')}/api/v1/ws`;
    const answer = await answerTo(url, access, message);
    const server = context.agent('agents/api-peer.ts');
    const port = Number(await server.ask({ serve: 'ws', answer }));
    const [ours, bare] = [context.agent('agents/api-peer.ts'), context.agent('agents/api-peer.ts')];
    const asked = { protocols: access.protocols, message, calls: CALLS };
    const { medians, notes } = await interleave(
      {
        ours: async () => Number(await ours.ask({ ...asked, url })),
        ws: async () => Number(await bare.ask({ ...asked, protocols: [], url: `ws://127.0.0.1:${port}` })),
      },
      { rounds: context.rounds(9) },
    );
    return { ours: medians.ours, peers: { ws: medians.ws }, notes };
  },
};

function answerTo(url: string, { protocols }: LocalApiAccess, message: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols]);
    socket.once('error', reject).once('open', () => socket.send(message));
    socket.once('message', (data) => {
      socket.terminate();
      resolve(String(data));
    });
  });
}
