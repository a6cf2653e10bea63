/** Payload bytes this process wrote to TCP sockets; Unix sockets of the bench itself are left out. */

import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const live = new Set<Socket>();
let closed = 0;

function track(message: unknown): void {
  const { socket } = message as { socket: Socket };
  live.add(socket);
  socket.once('close', () => {
    live.delete(socket);
    if (isTcp(socket)) closed += socket.bytesWritten;
  });
}

/** A Unix socket has no port; a TCP socket has lost its own once it is closed. */
const tcp = new WeakSet<Socket>();
function isTcp(socket: Socket): boolean {
  if (socket.remotePort !== undefined || socket.localPort !== undefined) tcp.add(socket);
  return tcp.has(socket);
}

/** Starts counting; call it before any socket is made. */
export function countTcpBytes(): void {
  subscribe('net.client.socket', track);
  subscribe('net.server.socket', track);
}

/** Written so far, to open and closed sockets. */
export function tcpBytesWritten(): number {
  let sum = closed;
  for (const socket of live) if (isTcp(socket)) sum += socket.bytesWritten;
  return sum;
}
