/**
 * Yamux answers every frame of data with a window update: for each keystroke a packet back, its encryption, and a
 * wake-up at the other side. A stream of ours tells its window only once a good part of it is used.
 */

import type { Stream } from '@libp2p/interface';

/** A quarter of the smallest window: the sender never comes near its end. */
const UPDATE_BYTES = 64 * 1024;

/** What a Yamux stream has beyond the interface. */
interface WindowedStream extends Stream {
  sendWindowUpdate(): void;
}

/** Call it before anything is received. Streams of other muxers are left as they are. */
export function updateWindowRarely(stream: Stream): void {
  if (!isWindowed(stream)) return;
  const send = stream.sendWindowUpdate.bind(stream);
  let received = 0;
  stream.addEventListener('message', ({ data }) => {
    received += data.byteLength;
  });
  stream.sendWindowUpdate = () => {
    if (received < UPDATE_BYTES) return;
    received = 0;
    send();
  };
}

function isWindowed(stream: Stream): stream is WindowedStream {
  return typeof (stream as Partial<WindowedStream>).sendWindowUpdate === 'function';
}
