import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { problemSchema } from '#protocol/api/problem.ts';
import { HERE, withApi } from './rig.ts';

const api = (use: Parameters<typeof withApi>[0]) => () => withApi(use);

test(
  'a method that a path does not take is told from a path that is not there',
  api(async ({ ask, requests }) => {
    for (const [method, path, allow] of [
      ['PUT', '/api/v1/sandboxes', 'GET, HEAD, OPTIONS, POST'],
      ['PATCH', `/api/v1/sandboxes/${HERE}?mode=archive`, 'DELETE, GET, HEAD, OPTIONS, PUT'],
      ['GET', '/api/v1/commands/chat.send', 'OPTIONS, POST'],
      ['HEAD', '/api/v1/auth/token', 'OPTIONS, POST'],
      ['DELETE', '/metrics', 'GET, HEAD, OPTIONS'],
      ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
      ['POST', '/api/v1/ws', 'GET, HEAD, OPTIONS'],
      ['PUT', '/api/v1/documents/a/b/1/c', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const { status, headers, text } = await ask(method, path);
      assert.equal([status, headers.get('allow')], [405, allow], `${method} ${path}`);
      if (method === 'HEAD') continue;
      const problem = problemSchema.parse(JSON.parse(text));
      assert.equal([problem.status, problem.hint], [405, `It takes ${allow}.`]);
    }
    for (const path of ['/api/v1/nothing', '/api/v1/commands/no.such', '/api/v1/sandboxes/x/y/z', '/healthz/']) {
      const { status, headers } = await ask('POST', path);
      assert.equal([status, headers.get('allow')], [404, null], path);
    }
    assert.is(requests.length, 0);
  }),
);

test(
  'who asks for a WebSocket as for a page is told that it is one, and how it is opened',
  api(async ({ ask }) => {
    for (const [path, way] of [
      ['/api/v1/ws', /sandmesh\.v1 and bearer\./],
      ['/api/v1/documents/a/b/1/c', /document\.open/],
    ] as const) {
      const { status, headers, body } = await ask('GET', path, { headers: { authorization: '' } });
      assert.equal([status, headers.get('upgrade')], [426, 'websocket'], path);
      assert.match(problemSchema.parse(body).hint ?? '', way);
    }
  }),
);

test(
  'HEAD is GET without a body',
  api(async ({ ask, requests }) => {
    const got = await ask('GET', '/api/v1/node');
    const head = await ask('HEAD', '/api/v1/node');
    assert.equal([head.status, head.text], [200, '']);
    for (const name of ['etag', 'content-type', 'content-length']) {
      assert.is(head.headers.get(name), got.headers.get(name), name);
    }
    assert.equal(requests[1]?.command, 'daemon.status');
    const tag = got.headers.get('etag') ?? '';
    assert.is((await ask('HEAD', '/api/v1/node', { headers: { 'if-none-match': tag } })).status, 304);
    assert.is((await ask('HEAD', '/api/v1/node', { headers: { authorization: '' } })).status, 401);
    assert.is((await ask('HEAD', '/healthz', { headers: { authorization: '' } })).status, 200);
  }),
);

test(
  'OPTIONS names the methods and lets no other origin in',
  api(async ({ ask, requests }) => {
    const { status, headers, text } = await ask('OPTIONS', '/api/v1/tokens', { headers: { authorization: '' } });
    assert.equal([status, text, headers.get('allow')], [204, '', 'GET, HEAD, OPTIONS, POST']);
    assert.not([...headers.keys()].some((name) => name.startsWith('access-control')));
    assert.is((await ask('OPTIONS', '/api/v1/nothing')).status, 404);
    assert.is(requests.length, 0);
  }),
);

test(
  'what is no request at all is answered by a problem document, too',
  api(async ({ raw, port }) => {
    const long = `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`;
    for (const [bytes, status] of [
      ['GARBAGE\r\n\r\n', 400],
      [long, 431],
    ] as const) {
      const [head = '', body = ''] = (await raw(bytes)).split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `));
      assert.is(problemSchema.parse(JSON.parse(body)).status, status);
    }
  }),
);

test.run();
