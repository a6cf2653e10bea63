/** The same with 20 DevTools clients connected, each with scripts and console told to it. */

import { WebSocket } from 'ws';
import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import type { HostedProgram } from '../pair.ts';
import { measureThroughput } from './throughput.ts';

const CLIENTS = 20;

async function connectClients(context: BenchContext, { client, target }: HostedProgram): Promise<void> {
  for (let i = 0; i < CLIENTS; i++) {
    const { webSocketDebuggerUrl } = await client.call('cdp.listen', { target });
    const socket = new WebSocket(webSocketDebuggerUrl);
    context.onEnd(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    for (const [id, method] of ['Runtime.enable', 'Debugger.enable'].entries()) {
      const answered = new Promise<void>((resolve) => {
        socket.on('message', (data) => {
          if (JSON.parse(String(data)).id === id) resolve();
        });
      });
      socket.send(JSON.stringify({ id, method }));
      await answered;
    }
  }
}

export const benchCase: BenchCase = {
  name: 'throughput-clients',
  title: `HTTP requests per second under sandmesh run with ${CLIENTS} DevTools clients connected, against the bare program`,
  unit: 'requests/s',
  better: 'higher',
  goal: 0.95,
  goalOf: 'ratio',
  run: (context) => measureThroughput(context, 0, (hosted) => connectClients(context, hosted)),
};
