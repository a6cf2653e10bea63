/** Both ends of the channel-call case: serves an echo on a socket, or calls one and returns the median in µs. */

import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Channel } from '#protocol/channel.ts';
import { serveAgent } from '../programs.ts';
import { median } from '../statistics.ts';

const TEXT = 'x'.repeat(200);

function serve(socket: Socket, protocol: string): void {
  if (protocol === 'json-lines') {
    createInterface({ input: socket }).on('line', (line) => socket.write(`${line}\n`));
    return;
  }
  const channel = new Channel({ send: (bytes) => socket.write(bytes), onCall: async (call) => call.args });
  socket.on('data', (chunk) => channel.receive(chunk));
}

function caller(socket: Socket, protocol: string): () => Promise<unknown> {
  if (protocol === 'json-lines') {
    const waiting: ((value: unknown) => void)[] = [];
    createInterface({ input: socket }).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
    return () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        socket.write(`${JSON.stringify({ id: 1, args: { text: TEXT } })}\n`);
      });
  }
  const channel = new Channel({ send: (bytes) => socket.write(bytes) });
  socket.on('data', (chunk) => channel.receive(chunk));
  return () => channel.call('echo', { text: TEXT });
}

async function measure(path: string, protocol: string, calls: number): Promise<number> {
  const socket = connect(path);
  const call = caller(socket, protocol);
  const samples: number[] = [];
  for (let n = 0; n < calls; n++) {
    const started = performance.now();
    await call();
    samples.push((performance.now() - started) * 1000);
  }
  socket.destroy();
  return median(samples);
}

serveAgent(async (request) => {
  const protocol = String(request['protocol']);
  if (request['call'] !== undefined) return measure(String(request['call']), protocol, Number(request['calls']));
  const server = createServer((socket) => serve(socket, protocol));
  await new Promise<void>((resolve) => server.listen(String(request['serve']), resolve));
  return true;
});
