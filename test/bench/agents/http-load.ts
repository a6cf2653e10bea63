/** The process behind http-load.ts. It reads just enough HTTP (content-length or chunked) to know where a reply ends. */

import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveAgent } from '../programs.ts';

/** Bytes of the first whole reply in `text` (latin1: one character is one byte); undefined: more is to come. */
function replyLength(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = text.slice(0, end).toLowerCase();
  if (!head.startsWith('http/1.1 200')) throw new Error(`Not a good reply: "${head.slice(0, 60)}"`);
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const total = end + 4 + Number(length);
    return text.length >= total ? total : undefined;
  }
  const last = text.indexOf('\r\n0\r\n\r\n', end);
  return last === -1 ? undefined : last + 7;
}

async function load(url: URL, connections: number, durationMs: number): Promise<number> {
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`;
  let done = 0;
  let failure: Error | undefined;
  const open = (): Socket => {
    let buffered = '';
    const socket = connect(Number(url.port), url.hostname, () => socket.write(request));
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('data', (chunk: string) => {
      buffered += chunk;
      try {
        for (let length = replyLength(buffered); length !== undefined; length = replyLength(buffered)) {
          buffered = buffered.slice(length);
          done += 1;
          socket.write(request);
        }
      } catch (error) {
        failure = error as Error;
        socket.destroy();
      }
    });
    return socket;
  };
  const sockets = Array.from({ length: connections }, open);
  // the connections are up and the first replies are through before the clock starts
  await delay(100);
  const [before, started] = [done, performance.now()];
  await delay(durationMs);
  const rate = ((done - before) / (performance.now() - started)) * 1000;
  for (const socket of sockets) socket.destroy();
  if (failure !== undefined) throw failure;
  return rate;
}

serveAgent((request) =>
  load(new URL(String(request['url'])), Number(request['connections']), Number(request['durationMs'])),
);
