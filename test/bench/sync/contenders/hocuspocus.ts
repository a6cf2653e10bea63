/** Hocuspocus: its server without extensions, its provider, nothing persisted. */

import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Server } from '@hocuspocus/server';
import { WebSocket } from 'ws';
import type { Contender, Ticket } from '../contender.ts';
import { DOC_NAME, newDoc, singleDocPeer } from './single-doc.ts';

export function hocuspocus(): Contender {
  return {
    async serve() {
      const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, stopOnSignals: false });
      await server.listen();
      return { url: `ws://127.0.0.1:${server.address.port}` };
    },
    openFirst: async ({ hub }) => open(hub),
    openNext: async ({ hub }) => open(hub),
  };
}

function open(hub: Ticket): ReturnType<typeof singleDocPeer> {
  const doc = newDoc();
  let socket: HocuspocusProviderWebsocket | undefined;
  let provider: HocuspocusProvider | undefined;
  return singleDocPeer(doc, {
    connect: () =>
      new Promise<void>((resolve) => {
        if (socket !== undefined && provider !== undefined) {
          const synced = (): void => {
            provider?.off('synced', synced);
            resolve();
          };
          provider.on('synced', synced);
          void socket.connect();
          return;
        }
        socket = new HocuspocusProviderWebsocket({ url: String(hub['url']), WebSocketPolyfill: WebSocket });
        provider = new HocuspocusProvider({
          websocketProvider: socket,
          name: DOC_NAME,
          document: doc,
          onSynced: () => resolve(),
        });
        provider.attach();
      }),
    disconnect: async () => {
      const closed = new Promise<void>((resolve) => {
        const onClose = (): void => {
          provider?.off('close', onClose);
          resolve();
        };
        provider?.on('close', onClose);
      });
      socket?.disconnect();
      await closed;
    },
  });
}
