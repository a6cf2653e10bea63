/** Events of a topic to a hundred WebSockets of the local API against a bare ws server that sends the same bytes to all. */

import { WebSocket } from 'ws';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { type LocalApiAccess, openLocalApi } from '../local-api.ts';

const SUBSCRIBERS = 100;
const ROUNDS = 200;

export const benchCase: BenchCase = {
  name: 'api-fanout',
  title:
    'a command until its event is with the last of 100 subscribers, median, against a bare ws broadcast of the same bytes',
  unit: 'µs',
  better: 'lower',
  goal: 1.5,
  goalOf: 'ratio',
  async run(context) {
    const access = await openLocalApi(context);
    const url = `${access.origin.replace('http', 'ws')}/api/v1/ws`;
    const about = { sandbox: access.sandbox };
    const subscribe = messageOf({ action: 'subscribe', topics: ['presence'], ...about });
    const message = messageOf({
      action: 'call',
      command: 'presence.set',
      args: { file: { path: 'cart.ts' }, line: 7 },
      ...about,
    });
    const event = await eventOf(url, access, subscribe, message);
    const port = Number(await context.agent('agents/api-fanout.ts').ask({ serve: event }));
    const [ours, bare] = [context.agent('agents/api-fanout.ts'), context.agent('agents/api-fanout.ts')];
    await ours.ask({ url, protocols: access.protocols, subscribers: SUBSCRIBERS, subscribe, message });
    await bare.ask({ url: `ws://127.0.0.1:${port}`, protocols: [], subscribers: SUBSCRIBERS, message });
    const { medians, notes } = await interleave(
      {
        ours: async () => Number(await ours.ask({ rounds: ROUNDS })),
        ws: async () => Number(await bare.ask({ rounds: ROUNDS })),
      },
      { rounds: context.rounds(9) },
    );
    return { ours: medians.ours, peers: { ws: medians.ws }, notes };
  },
};

function messageOf(payload: object): string {
  return JSON.stringify({ type: 'command', id: 'c1', timestamp: 1, payload });
}

/** What a subscriber gets for the message. */
function eventOf(url: string, { protocols }: LocalApiAccess, subscribe: string, message: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols]);
    socket.once('error', reject).once('open', () => socket.send(subscribe));
    let asked = false;
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data)) as { type: string };
      if (type === 'event') {
        socket.terminate();
        resolve(String(data));
      } else if (!asked) {
        asked = true;
        socket.send(message);
      }
    });
  });
}
