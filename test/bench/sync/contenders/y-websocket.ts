/** y-websocket 3 with its own server's message handling (@y/websocket-server), in memory, as its README sets it up. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setupWSConnection } from '@y/websocket-server/utils';
import { WebSocket, WebSocketServer } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import type { Contender, SyncPeer, Ticket } from '../contender.ts';
import { DOC_NAME, newDoc, singleDocPeer } from './single-doc.ts';

export function yWebsocket(perMessageDeflate: boolean): Contender {
  return {
    serve: () => serve(perMessageDeflate),
    openFirst: async ({ hub }) => open(hub),
    openNext: async ({ hub }): Promise<SyncPeer> => open(hub),
  };
}

async function serve(perMessageDeflate: boolean): Promise<Ticket> {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate });
  sockets.on('connection', setupWSConnection);
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function open(hub: Ticket): ReturnType<typeof singleDocPeer> {
  const doc = newDoc();
  const provider = new WebsocketProvider(String(hub['url']), DOC_NAME, doc, {
    // the browser's interface, which is all that the provider uses
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    connect: false,
    disableBc: true,
  });
  return singleDocPeer(doc, {
    connect: () =>
      new Promise<void>((resolve) => {
        provider.once('sync', () => resolve());
        provider.connect();
      }),
    disconnect: async () => {
      const closed = new Promise((resolve) => provider.once('connection-close', resolve));
      provider.disconnect();
      await closed;
    },
  });
}
