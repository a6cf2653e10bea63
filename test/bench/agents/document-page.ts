/** One page: a stock y-websocket client that writes records and says when it has seen what it waits for. */

import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { serveAgent } from '../programs.ts';
import { median } from '../statistics.ts';

const VALUE = 'x'.repeat(200);
let map: Y.Map<unknown>;

interface Opening {
  readonly url: string;
  readonly room: string;
  readonly clientId?: number;
  readonly protocols?: string[];
}

async function open({ url, room, clientId, protocols = [] }: Opening): Promise<void> {
  const doc = new Y.Doc();
  if (clientId !== undefined) doc.clientID = clientId;
  const provider = new WebsocketProvider(url, room, doc, {
    disableBc: true,
    protocols,
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
  });
  map = doc.getMap('records');
  await new Promise<void>((resolve) => provider.once('sync', () => resolve()));
}

/** Answers each record of the other page with one of its own. */
function echo(): void {
  map.observe((event) => {
    if (event.transaction.local) return;
    const asked = map.get('ask');
    queueMicrotask(() => map.set('answer', asked));
  });
}

/** @returns of half a round trip, in ms */
async function ask(rounds: number): Promise<{ readonly median: number; readonly mean: number }> {
  const samples: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const id = `${n} ${VALUE}`;
    const started = performance.now();
    await new Promise<void>((resolve) => {
      const observer = (): void => {
        if (map.get('answer') !== id) return;
        map.unobserve(observer);
        resolve();
      };
      map.observe(observer);
      map.set('ask', id);
    });
    samples.push((performance.now() - started) / 2);
  }
  return { median: median(samples), mean: samples.reduce((sum, each) => sum + each, 0) / rounds };
}

serveAgent(async (request) => {
  switch (request['do']) {
    case 'open':
      await open(request['place'] as Opening);
      return true;
    case 'echo':
      echo();
      return true;
    default:
      return ask(Number(request['rounds']));
  }
});
