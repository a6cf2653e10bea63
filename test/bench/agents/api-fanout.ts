/** Both ends of the fan-out case: a bare WebSocket broadcast, or a hundred subscribers and the one who writes. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { serveAgent } from '../programs.ts';
import { median } from '../statistics.ts';

/** Every message is answered by `event` to all, the writer included. @returns the port */
async function serve(event: string): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket) =>
    socket.on('message', () => {
      for (const client of server.clients) client.send(event);
    }),
  );
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

interface Opening {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly subscribers: number;
  /** Sent by every subscriber, and answered, before the first round; nothing where none is needed. */
  readonly subscribe?: string;
  /** What the writer sends each round. */
  readonly message: string;
}

let subscribers: WebSocket[] = [];
let writer: WebSocket;
let message = '';

async function open(opening: Opening): Promise<void> {
  const connect = async (): Promise<WebSocket> => {
    const socket = new WebSocket(opening.url, [...opening.protocols]);
    await once(socket, 'open');
    return socket;
  };
  subscribers = await Promise.all(Array.from({ length: opening.subscribers }, connect));
  writer = await connect();
  message = opening.message;
  const { subscribe } = opening;
  if (subscribe === undefined) return;
  for (const socket of subscribers) {
    const answered = once(socket, 'message');
    socket.send(subscribe);
    await answered;
  }
}

/** @returns the median time from the writer's message to the last subscriber's event, in µs */
async function run(rounds: number): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const all = Promise.all([...subscribers, writer].map((socket) => once(socket, 'message')));
    writer.send(message);
    await all;
    samples.push((performance.now() - started) * 1000);
  }
  return median(samples);
}

serveAgent(async (request) => {
  if (request['serve'] !== undefined) return serve(String(request['serve']));
  if (request['rounds'] !== undefined) return run(Number(request['rounds']));
  await open(request as unknown as Opening);
  return true;
});
