/** Both ends of the api cases: a bare WebSocket echo or fastify route, and whoever asks them or the local API. */

import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { WebSocket, WebSocketServer } from 'ws';
import { serveAgent } from '../programs.ts';
import { median } from '../statistics.ts';

/** @returns the port */
async function serve(kind: string, answer: string): Promise<number> {
  if (kind === 'ws') {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    // The bytes of our answer for the bytes of our question.
    server.on('connection', (socket) => socket.on('message', () => socket.send(answer)));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const app = Fastify();
  app.get('*', async (_request, reply) => reply.type('application/json').send(answer));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

interface Asking {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly message: string;
  readonly authorization: string;
  readonly calls: number;
}

async function overWebSocket({ url, protocols, message, calls }: Asking): Promise<number> {
  const socket = new WebSocket(url, [...protocols]);
  await once(socket, 'open');
  const median = await medianOf(calls, async () => {
    const answered = once(socket, 'message');
    socket.send(message);
    await answered;
  });
  socket.terminate();
  return median;
}

async function overHttp({ url, authorization, calls }: Asking): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = httpRequest(url, { agent, headers: { authorization } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        response.resume().once('end', resolve);
      });
      sent.once('error', reject).end();
    });
  const median = await medianOf(calls, ask);
  agent.destroy();
  return median;
}

async function medianOf(calls: number, ask: () => Promise<void>): Promise<number> {
  const samples: number[] = [];
  for (let n = 0; n < calls; n++) {
    const started = performance.now();
    await ask();
    samples.push((performance.now() - started) * 1000);
  }
  return median(samples);
}

serveAgent(async (request) => {
  if (request['serve'] !== undefined) return serve(String(request['serve']), String(request['answer']));
  const asking = request as unknown as Asking;
  return asking.url.startsWith('ws') ? overWebSocket(asking) : overHttp(asking);
});
