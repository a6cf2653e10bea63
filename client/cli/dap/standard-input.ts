/** Standard input for messages that somebody waits for: `process.stdin` costs each of them more than its answer does. */

import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable } from 'node:stream';

/** As much as is read at once. */
const BUFFER_BYTES = 64 * 1024;

/** @returns the only reader of standard input from now on, for whoever takes its bytes by `data` */
export function standardInput(): Readable {
  // A channel of Node's own that lies there is read already.
  if (process.connected) return process.stdin;
  try {
    return pipedInput();
  } catch {
    return process.stdin;
  }
}

/** @throws when it is neither a pipe nor a socket: a file or a terminal */
function pipedInput(): Socket {
  const onread: OnReadOpts = {
    // One for all, where a stream takes a new one each time: fresh memory costs more than what is done with it.
    buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES),
    callback: (length, bytes) => {
      socket.emit('data', Buffer.from(bytes.subarray(0, length)));
      return true;
    },
  };
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd: 0, writable: false, onread };
  const socket = new Socket(options);
  return socket;
}
