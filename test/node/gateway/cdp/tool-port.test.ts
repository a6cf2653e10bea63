import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { ToolPort, type ToolPortOptions } from '#node/gateway/cdp/tool-port.ts';
import { until, within } from '../../../until.ts';

interface Seen {
  readonly clients: number;
  readonly ended: number;
  readonly closed: number;
}

async function withPort(
  use: (port: ToolPort, seen: Seen) => Promise<void>,
  more: Partial<ToolPortOptions> = {},
): Promise<void> {
  const seen = { clients: 0, ended: 0, closed: 0 };
  const port = await ToolPort.open({
    title: 'shop (pid 7)',
    url: 'file:///app.js',
    onClient: async (socket) => {
      seen.clients += 1;
      socket.on('message', (data) => socket.send(`heard ${String(data).length}`));
      return async () => {
        seen.ended += 1;
      };
    },
    onClose: () => {
      seen.closed += 1;
    },
    onError: (error) => {
      throw error;
    },
    ...more,
  });
  try {
    await use(port, seen);
  } finally {
    await port.close();
  }
  assert.is(seen.closed, 1);
}

function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function opened(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  await within(once(socket, 'open'), 'the socket to open');
  return socket;
}

/** @returns the status with which the upgrade is refused */
function refusal(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers });
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('open', () => reject(new Error('it opened')));
    socket.on('error', () => undefined);
  });
}

test('the lists say where the socket is, with and without a path', () =>
  withPort(async (port) => {
    for (const path of ['/json', '/json/', '/json/list']) {
      const [entry] = JSON.parse((await get(port.port, path)).body);
      assert.is(entry.webSocketDebuggerUrl, port.webSocketDebuggerUrl);
      assert.is(entry.title, 'shop (pid 7)');
    }
    assert.is(JSON.parse((await get(port.port, '/json/version')).body)['Protocol-Version'], '1.1');
    assert.is((await get(port.port, '/')).status, 404);
  }));

test('a page, another name for this machine and a guessed path get nothing', () =>
  withPort(async (port, seen) => {
    assert.is((await get(port.port, '/json', { host: `evil.test:${port.port}` })).status, 421);
    assert.is((await get(port.port, '/json', { host: '127.0.0.1' })).status, 421);
    assert.is((await get(port.port, '/json', { origin: 'http://evil.test' })).status, 403);
    assert.is((await get(port.port, '/json', { 'sec-fetch-site': 'cross-site' })).status, 403);
    const url = port.webSocketDebuggerUrl;
    assert.is(await refusal(url, { origin: 'http://127.0.0.1' }), 403);
    assert.is(await refusal(url, { host: `evil.test:${port.port}` }), 421);
    assert.is(await refusal(`ws://127.0.0.1:${port.port}/x`), 404);
    assert.is(seen.clients, 0);
    const devtools = await opened(url, { origin: 'devtools://devtools' });
    devtools.close();
  }));

test('it has one client, and closes when that has left', () =>
  withPort(async (port, seen) => {
    const { webSocketDebuggerUrl } = port;
    const socket = await opened(webSocketDebuggerUrl);
    assert.is(await refusal(webSocketDebuggerUrl), 409);
    socket.terminate();
    await until(() => seen.closed === 1, 'the port to close');
    assert.equal(seen, { clients: 1, ended: 1, closed: 1 });
    assert.is(port.port, 0);
  }));

test('nobody comes: it closes', () =>
  withPort(
    async (_port, seen) => {
      const alive = setInterval(() => undefined, 1000);
      await until(() => seen.closed === 1, 'the port to close');
      clearInterval(alive);
    },
    { waitMs: 20 },
  ));

test('a message of 100 MB is refused by its head, garbage closes its sender, and nothing else suffers', () =>
  withPort(async (port, seen) => {
    const before = process.memoryUsage().rss;
    const socket = await opened(port.webSocketDebuggerUrl);
    socket.on('error', () => undefined);
    socket.send('x'.repeat(100));
    assert.is(String((await once(socket, 'message'))[0]), 'heard 100');
    socket.send(Buffer.alloc(100 * 1024 * 1024, 'x'), { binary: false });
    const [code] = await within(once(socket, 'close'), 'the socket to close');
    assert.ok(code === 1009 || code === 1006, `${code}`);
    await until(() => seen.closed === 1, 'the port to close');
    assert.ok(process.memoryUsage().rss - before < 250 * 1024 * 1024, 'not taken into memory by us as well');
  }));

test('half a head, and frames that are none, hold nothing up', () =>
  withPort(async (port, seen) => {
    const half = connect(port.port, '127.0.0.1');
    half.on('error', () => undefined);
    half.write('GET /json HTTP/1.1\r\nHost: 127.0');
    assert.is((await get(port.port, '/json')).status, 200);
    const socket = await opened(port.webSocketDebuggerUrl);
    socket.on('error', () => undefined);
    const raw = (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 1, 2, 3]));
    await within(once(socket, 'close'), 'the socket to close');
    await until(() => seen.closed === 1, 'the port to close');
    half.destroy();
  }));

test('a session that cannot be opened closes the socket with the reason', () =>
  withPort(
    async (port) => {
      const socket = new WebSocket(port.webSocketDebuggerUrl);
      const [code, reason] = await within(once(socket, 'close'), 'the socket to close');
      assert.is(code, 1011);
      assert.match(String(reason), 'no such target');
    },
    {
      onClient: async () => {
        throw new Error('no such target');
      },
    },
  ));

test.run();
