import type { Socket } from 'node:net';

/**
 * Call it before writing: what is written in one turn of the loop then leaves in one system call. Each call by itself
 * wakes the reader, who takes the processor from the writer before the second half of what it wants is on its way.
 */
export function gatherWrites(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  process.nextTick(() => socket.uncork());
}
