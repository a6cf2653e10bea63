/** HTTP as bytes, so that nothing tidies up what is sent. */

import { connect, type Socket } from 'node:net';

const LIMIT_MS = 20_000;

export interface RawReply {
  /** 0 when it was closed without one. */
  readonly status: number;
  readonly text: string;
}

/** Sends and reads until the other side closes. @throws when it does not within 20 s */
export function sendRaw(port: number, bytes: string | Buffer, host = '127.0.0.1'): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, host, () => socket.write(bytes));
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${LIMIT_MS} ms: ${Buffer.concat(chunks).toString().slice(0, 200)}`));
    }, LIMIT_MS);
    socket.on('data', (chunk) => chunks.push(chunk));
    // Cut off is an answer too: 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(chunks).toString();
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text });
    });
  });
}

/** A request with these header lines, and no others but Connection. */
export function head(request: string, ...lines: readonly string[]): string {
  return [`${request} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n');
}

/** Opens a connection and says nothing, or only this. */
export function openIdle(port: number, text = ''): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (text !== '') socket.write(text);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
