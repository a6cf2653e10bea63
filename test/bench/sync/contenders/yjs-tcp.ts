/**
 * Bare Yjs over one TCP socket, length-prefixed, sync steps as y-protocols has them: the least that could work. It
 * checks, signs, encrypts and stores nothing.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import * as Y from 'yjs';
import type { Contender, Host, SyncPeer } from '../contender.ts';
import { newDoc, singleDocPeer } from './single-doc.ts';

const STATE_VECTOR = 0;
const UPDATE = 1;

export function yjsTcp(): Contender {
  return {
    openFirst: async () => openFirst(),
    openNext: async ({ ticket }) => openNext(Number(ticket['port'])),
  };
}

async function openFirst(): Promise<SyncPeer & Host> {
  const doc = newDoc();
  const sockets = broadcastTo(doc);
  const server = createServer((socket) => attach(socket, doc, sockets));
  await listen(server, 0);
  const { port } = server.address() as { port: number };
  const peer = singleDocPeer(doc, {
    connect: () => (server.listening ? Promise.resolve() : listen(server, port)),
    disconnect: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  });
  return { ...peer, admit: async () => ({ port }) };
}

function openNext(port: number): SyncPeer {
  const doc = newDoc();
  const sockets = broadcastTo(doc);
  return singleDocPeer(doc, {
    async connect() {
      for (;;) {
        const socket = connect(port, '127.0.0.1');
        const connected = await new Promise<boolean>((resolve) => {
          socket.once('connect', () => resolve(true));
          socket.once('error', () => resolve(false));
        });
        if (connected) return attach(socket, doc, sockets);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async disconnect() {
      for (const socket of sockets) socket.destroy();
    },
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

function broadcastTo(doc: Y.Doc): Set<Socket> {
  const sockets = new Set<Socket>();
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    for (const socket of sockets) if (socket !== origin) send(socket, UPDATE, update);
  });
  return sockets;
}

function attach(socket: Socket, doc: Y.Doc, sockets: Set<Socket>): void {
  socket.setNoDelay(true);
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => socket.destroy());
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 5) {
      const length = pending.readUInt32BE(0);
      if (pending.length < 5 + length) return;
      const body = pending.subarray(5, 5 + length);
      if (pending[4] === STATE_VECTOR) send(socket, UPDATE, Y.encodeStateAsUpdate(doc, body));
      else Y.applyUpdate(doc, body, socket);
      pending = pending.subarray(5 + length);
    }
  });
  send(socket, STATE_VECTOR, Y.encodeStateVector(doc));
}

function send(socket: Socket, type: number, body: Uint8Array): void {
  const frame = Buffer.allocUnsafe(5 + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame[4] = type;
  frame.set(body, 5);
  socket.write(frame);
}
