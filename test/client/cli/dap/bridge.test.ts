/** The bridge over real sockets: an editor at one end, a daemon of this test's at the other. */

import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { carry } from '#client/cli/dap/bridge.ts';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import { until } from '#test/until.ts';

interface Message {
  readonly seq: number;
  readonly request_seq?: number;
  readonly command?: string;
  readonly event?: string;
  readonly body?: { readonly output?: string; readonly frames?: number };
}

interface Scene {
  readonly editor: Socket;
  readonly daemon: Socket;
  readonly atEditor: Message[];
  readonly atDaemon: Message[];
}

/** @returns both ends of a connection */
async function pair(server: Server, file: string): Promise<[Socket, Socket]> {
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = connect(file);
  return [socket, await accepted];
}

function messages(socket: Socket): Message[] {
  const decoder = new DapDecoder();
  const found: Message[] = [];
  socket.on('data', (chunk) => found.push(...(decoder.push(chunk) as Message[])));
  return found;
}

async function withBridge(body: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sm-'));
  const file = path.join(folder, 's');
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  const [editor, editorEnd] = await pair(server, file);
  const [daemonEnd, daemon] = await pair(server, file);
  const sockets = [editor, editorEnd, daemonEnd, daemon];
  for (const socket of sockets) socket.on('error', () => undefined);
  daemonEnd.once('close', () => editorEnd.destroySoon());
  try {
    carry(editorEnd, editorEnd, daemonEnd);
    await body({ editor, daemon, atEditor: messages(editor), atDaemon: messages(daemon) });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    rmSync(folder, { recursive: true });
  }
}

const asks = (seq: number): Uint8Array =>
  encodeDapMessage({ seq, type: 'request', command: 'scopes', arguments: { frameId: 1 } });

const tells = (frames: number): Uint8Array =>
  encodeDapMessage({
    seq: 1,
    type: 'event',
    event: 'sandmesh.known',
    body: { command: 'scopes', arguments: { frameId: 1 }, body: { frames } },
  });

const FORGET = encodeDapMessage({ seq: 1, type: 'event', event: 'sandmesh.forget' });
const mark = (n: number): Uint8Array =>
  encodeDapMessage({ seq: 1, type: 'event', event: 'output', body: { frames: n } });

test('a request is not answered by what the daemon had taken back before it came', () =>
  withBridge(async ({ editor, daemon, atEditor, atDaemon }) => {
    for (let n = 1; n <= 20; n += 1) {
      daemon.write(tells(n));
      daemon.write(mark(n));
      await until(() => atEditor.some(({ event, body }) => event === 'output' && body?.frames === n), 'the mark');
      editor.write(asks(n * 2));
      await until(() => atEditor.some(({ request_seq }) => request_seq === n * 2), 'the answer');
      // Both are there when the bridge looks next, the request first.
      editor.write(asks(n * 2 + 1));
      daemon.write(FORGET);
      await until(() => atDaemon.some(({ seq }) => seq === n * 2 + 1), 'the daemon to be asked');
      assert.not.ok(atEditor.some(({ request_seq }) => request_seq === n * 2 + 1));
    }
  }));

test('however both streams are cut, every request is answered once and under its number', () =>
  withBridge(async ({ editor, daemon, atEditor, atDaemon }) => {
    const random = randomFrom(seedOf('however both streams are cut'));
    const pieces = (stream: Buffer): Buffer[] => {
      const cut: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = 1 + Math.floor(random() * 30);
        cut.push(stream.subarray(at, at + size));
        at += size;
      }
      return cut;
    };
    const told = pieces(Buffer.concat([tells(7), mark(0)]));
    for (const piece of told) daemon.write(piece);
    await until(() => atEditor.length === 1, 'the mark');
    const other = (seq: number): Uint8Array => encodeDapMessage({ seq, type: 'request', command: 'source' });
    const wanted = Array.from({ length: 200 }, (_, n) => (n % 3 === 0 ? other(n) : asks(n)));
    for (const piece of pieces(Buffer.concat(wanted))) {
      editor.write(piece);
      if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => atEditor.length === 1 + 133 && atDaemon.length === 67, 'all of them');
    assert.equal(
      atEditor.slice(1).map(({ request_seq }) => request_seq),
      Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 3 !== 0),
    );
    assert.equal(
      atEditor.map(({ seq }) => seq),
      atEditor.map((_, n) => n + 1),
    );
    assert.ok(atEditor.slice(1).every(({ body }) => body?.frames === 7));
  }));

test('an editor that breaks the protocol is told so and cut off; what it said before that is passed on', () =>
  withBridge(async ({ editor, daemon, atEditor, atDaemon }) => {
    let isGone = 0;
    editor.once('close', () => isGone++);
    daemon.once('close', () => isGone++);
    daemon.once('end', () => daemon.end());
    editor.write(asks(1));
    await until(() => atDaemon.length === 1, 'its request');
    editor.write('POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}');
    await until(() => isGone === 2, 'both ends');
    assert.match(atEditor[0]?.body?.output ?? '', /not a header of the Debug Adapter Protocol/);
  }));

test('what is said before the end arrives, and the end after it', () =>
  withBridge(async ({ editor, daemon, atDaemon }) => {
    let hasEnded = false;
    daemon.once('end', () => {
      hasEnded = true;
    });
    // As much as is read at once: then the end is read in the same turn.
    const padded = (length: number): Uint8Array =>
      encodeDapMessage({ seq: 2, type: 'request', command: 'source', arguments: { text: 'x'.repeat(length) } });
    const rest = 65_536 - asks(1).length;
    const fitting = padded(rest - (padded(60_000).length - 60_000));
    assert.is(fitting.length, rest);
    editor.end(Buffer.concat([asks(1), fitting]));
    await until(() => hasEnded, 'the end');
    assert.is(atDaemon.length, 2);
  }));

test('the daemon is read no faster than the editor reads, and nothing is lost', () =>
  withBridge(async ({ editor, daemon, atEditor }) => {
    editor.pause();
    const big = 'x'.repeat(100_000);
    const line = (n: number): Uint8Array =>
      encodeDapMessage({ seq: n, type: 'event', event: 'output', body: { output: `${n} ${big}` } });
    let sent = 0;
    while (daemon.writableLength < 4_000_000) daemon.write(line(++sent));
    // Whatever the buffers of the system take, the rest waits here: turn after turn.
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(daemon.writableLength > 1_000_000, `${daemon.writableLength}`);
    editor.resume();
    await until(() => atEditor.length === sent, 'every line');
  }));

test.run();
