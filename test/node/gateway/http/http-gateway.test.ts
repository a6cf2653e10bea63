import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandRequest, Origin } from '#node/pipeline/request.ts';
import { problemSchema } from '#protocol/api/problem.ts';
import { until } from '#test/until.ts';
import { HERE, withApi } from './rig.ts';

const api = (use: Parameters<typeof withApi>[0]) => () => withApi(use);

test(
  'a request reaches the pipeline with its arguments, scopes and sandbox',
  api(async ({ ask, requests }) => {
    const { status, body } = await ask('POST', `/api/v1/sandboxes/${HERE}/breakpoints`, {
      body: { location: 'a.ts:3' },
    });
    assert.is(status, 201);
    assert.is(body.asked, 'breakpoint.add');
    const [request] = requests;
    assert.equal(request?.args, { location: 'a.ts:3' });
    assert.is(request?.sandbox, HERE);
    const { access, ...origin } = (request as CommandRequest).origin as Extract<Origin, { kind: 'local' }>;
    assert.equal(origin, { kind: 'local', scopes: new Set(['read', 'debug', 'evaluate', 'admin']) });
    assert.is(access?.tokenId, 'own');
    await ask('DELETE', `/api/v1/sandboxes/${HERE}/breakpoints/2.abcd`);
    assert.equal(requests[1]?.args, { breakpoint: '2.abcd' });
    await ask('GET', `/api/v1/sandboxes/${HERE}/targets/1.0123abcd/scopes?frame=2`);
    assert.equal(requests[2]?.args, { target: '1.0123abcd', frame: 2 });
    await ask('POST', '/api/v1/commands/chat.send', { body: { args: { text: 'hi' }, sandbox: HERE, timeoutMs: 5 } });
    assert.equal([requests[3]?.command, requests[3]?.timeoutMs], ['chat.send', 5]);
  }),
);

test(
  'nothing is told without a valid access token',
  api(async ({ ask, token, requests }) => {
    for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${token}`, `Basic ${token}`]) {
      const { status, body, headers } = await ask('GET', '/api/v1/node', { headers: { authorization } });
      assert.is(status, 401, authorization);
      assert.is(body.code, 'UNAUTHENTICATED');
      assert.match(headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.is(requests.length, 0);
  }),
);

test(
  'a token is exchanged for access, with Authorization or by a code in the body, and nowhere else',
  api(async ({ api: { tokens }, ask, token }) => {
    const exchanged = await ask('POST', '/api/v1/auth/token', {
      headers: { authorization: `Bearer ${token}` },
      body: { scopes: ['read'] },
    });
    assert.is(exchanged.status, 200);
    assert.is(exchanged.body.expires_in, 900);
    assert.is(exchanged.body.scope, 'read');
    const authorization = `Bearer ${exchanged.body.access_token}`;
    assert.is((await ask('GET', '/api/v1/node', { headers: { authorization } })).status, 200);
    const { code } = tokens.createCode(['read']);
    const none = { authorization: '' };
    assert.is((await ask('POST', '/api/v1/auth/token', { headers: none, body: { code } })).status, 200);
    assert.is((await ask('POST', '/api/v1/auth/token', { headers: none, body: { code } })).status, 401);
    assert.is((await ask('POST', '/api/v1/auth/token', { headers: none, body: { token } })).status, 400);
  }),
);

test(
  'a valid access token is exchanged for another of at most its scopes',
  api(async ({ access, ask }) => {
    const exchange = (secret: string, scopes?: string[]) =>
      ask('POST', '/api/v1/auth/token', { headers: { authorization: `Bearer ${secret}` }, body: { scopes } });
    const renewed = await exchange(await access(['read', 'debug']));
    assert.equal([renewed.status, renewed.body.scope], [200, 'read debug']);
    const fewer = await exchange(String(renewed.body.access_token), ['read', 'admin']);
    assert.equal([fewer.status, fewer.body.scope], [200, 'read']);
    const none = await exchange(String(renewed.body.access_token), ['admin']);
    assert.is(none.status, 403);
    assert.match(String(none.body.detail), /with the scope admin: this token has read, debug/);
  }),
);

test(
  'who guesses tokens is slowed down',
  api(async ({ ask }) => {
    const statuses = await Promise.all(
      Array.from({ length: 60 }, () =>
        ask('POST', '/api/v1/auth/token', { headers: { authorization: 'Bearer smt_own_x' } }),
      ),
    );
    const counts = statuses.map(({ status }) => status);
    assert.ok(counts.includes(401));
    assert.ok(counts.includes(429), 'a limit was reached');
  }),
);

test(
  'errors are problem documents with stable codes, faults of ours tell nothing',
  api(async ({ ask, errors }) => {
    const failed = await ask('POST', '/api/v1/commands/daemon.status', { body: { args: { name: 'fail' } } });
    assert.is(failed.status, 409);
    assert.match(failed.headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.equal(failed.body, {
      type: 'urn:sandmesh:error:NOT_PAUSED',
      title: 'not paused',
      status: 409,
      detail: 'it runs',
      code: 'NOT_PAUSED',
      hint: 'pause it',
      retry: true,
    });
    const fault = await ask('POST', '/api/v1/commands/daemon.status', { body: { args: { name: 'fault' } } });
    assert.is(fault.status, 500);
    assert.is(errors.length, 1);
    assert.is((await ask('GET', '/api/v1/nothing')).status, 404);
    assert.is((await ask('POST', '/api/v1/commands/no.such', { body: {} })).status, 404);
    assert.is((await ask('POST', '/api/v1/sandboxes', { body: '{"a": ' })).body.code, 'BAD_JSON');
    assert.is((await ask('POST', '/api/v1/sandboxes', { body: '{"__proto__": {"x": 1}}' })).status, 400);
    assert.is((await ask('POST', '/api/v1/sandboxes', { body: '[]' })).status, 400);
    assert.is((await ask('GET', '/api/v1/sandboxes/xyz/targets')).body.code, 'BAD_ARGUMENT');
    for (const path of [`/api/v1/tokens/${'x'.repeat(400)}`, '/api/v1/tokens/%zz']) {
      const { status, headers } = await ask('DELETE', path);
      assert.ok(status >= 400 && status < 500);
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/, 'the router refuses alike');
    }
    assert.is((await ask('POST', '/api/v1/sandboxes', { body: `"${'x'.repeat(5_000_000)}"` })).status, 413);
  }),
);

test(
  'what a DELETE has in its body is refused instead of left out',
  api(async ({ ask, requests }) => {
    const path = `/api/v1/sandboxes/${HERE}`;
    const { status, body } = await ask('DELETE', path, { body: { mode: 'archive' } });
    assert.equal([status, body.code, body.hint], [400, 'BAD_ARGUMENT', 'Send it in the query: ?mode=…']);
    assert.is(requests.length, 0);
    await ask('DELETE', `${path}?mode=archive`, { body: {} });
    assert.equal(requests[0]?.args, { mode: 'archive' });
  }),
);

test(
  'what the query of a write holds is refused instead of left out',
  api(async ({ ask, requests }) => {
    for (const path of [`/api/v1/sandboxes/${HERE}/invites?role=viewer`, '/api/v1/commands/chat.send?sandbox=x']) {
      const { status, body } = await ask('POST', path, { body: {} });
      assert.equal([status, body.code, body.hint], [400, 'BAD_ARGUMENT', 'Send it in the body, as JSON or CBOR.']);
    }
    assert.is(requests.length, 0);
  }),
);

test(
  'lists come in pages, and an unchanged answer is not sent again',
  api(async ({ ask }) => {
    const first = await ask('GET', '/api/v1/sandboxes?limit=2');
    assert.equal(first.body.sandboxes, [{ id: 'a' }, { id: 'b' }]);
    const second = await ask('GET', `/api/v1/sandboxes?limit=2&cursor=${first.body.next}`);
    assert.equal(second.body.sandboxes, [{ id: 'c' }]);
    assert.is(second.body.next, undefined);
    assert.is((await ask('GET', '/api/v1/sandboxes?cursor=nonsense')).status, 400);
    assert.is((await ask('GET', '/api/v1/sandboxes?limit=0')).status, 400);
    const tag = first.headers.get('etag') as string;
    for (const known of [tag, `W/${tag}`, `"other" , W/${tag}`, '*']) {
      const { status } = await ask('GET', '/api/v1/sandboxes?limit=2', { headers: { 'if-none-match': known } });
      assert.is(status, 304, known);
    }
    assert.is((await ask('GET', '/api/v1/sandboxes?limit=1', { headers: { 'if-none-match': tag } })).status, 200);
  }),
);

test(
  'a write under an Idempotency-Key is done once',
  api(async ({ ask, requests }) => {
    const send = (text: string, key: string) =>
      ask('POST', `/api/v1/sandboxes/${HERE}/chat`, { body: { text }, headers: { 'idempotency-key': key } });
    const [one, two] = await Promise.all([send('hi', 'k1'), send('hi', 'k1')]);
    assert.equal(one.body, two.body);
    assert.is(requests.length, 1);
    assert.is((await send('other', 'k1')).status, 400);
    await send('hi', 'k2');
    assert.is(requests.length, 2);
    const failing = { body: { args: { name: 'fail', key: 'a', value: 'b' } }, headers: { 'idempotency-key': 'k3' } };
    await ask('POST', '/api/v1/commands/config.set', failing);
    await ask('POST', '/api/v1/commands/config.set', failing);
    assert.is(requests.length, 4, 'a failure is not kept');
  }),
);

test('a write under a key goes on without its client, who is answered when it asks again; any other ends with it', async () => {
  const ended: unknown[] = [];
  let finish = (): void => undefined;
  const run = (request: CommandRequest): Promise<unknown> =>
    new Promise((resolve, reject) => {
      finish = () => resolve({ line: 'once' });
      request.signal.addEventListener('abort', () => {
        ended.push(request.args['text']);
        reject(request.signal.reason);
      });
    });
  await withApi(async ({ access, ask, api: { origin }, requests }) => {
    const path = `/api/v1/sandboxes/${HERE}/chat`;
    const sendAndLeave = async (text: string, headers: Record<string, string>): Promise<void> => {
      const client = new AbortController();
      const authorization = `Bearer ${await access()}`;
      const typed = { authorization, 'content-type': 'application/json', ...headers };
      const body = JSON.stringify({ text });
      const gone = fetch(origin + path, { method: 'POST', headers: typed, body, signal: client.signal });
      const before = requests.length;
      await until(() => requests.length > before, 'it has begun');
      client.abort();
      await gone.catch(() => undefined);
    };
    const keyed = { 'idempotency-key': 'k' };
    await sendAndLeave('kept', keyed);
    const again = ask('POST', path, { body: { text: 'kept' }, headers: keyed });
    const answerKept = finish;
    await sendAndLeave('unkeyed', {});
    await until(() => ended.length > 0, 'the one without a key is cut off');
    answerKept();
    assert.equal([(await again).status, (await again).body], [201, { line: 'once' }]);
    assert.is(requests.length, 2);
    assert.equal(ended, ['unkeyed']);
  }, run);
});

test(
  'what no page may do is refused before routing, in every form it can be written',
  api(async ({ raw, port, requests }) => {
    const head = (line: string, ...headers: string[]) =>
      `${[line, ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`;
    const host = `Host: 127.0.0.1:${port}`;
    const cases: [string, string][] = [
      [head('GET /healthz HTTP/1.1', host), '200'],
      [head('GET /healthz HTTP/1.1', 'Host: evil.example'), '421'],
      [head('GET /healthz HTTP/1.1', `Host: localhost.:${port}`), '421'],
      [head('GET /healthz HTTP/1.1', `Host: 0.0.0.0:${port}`), '421'],
      [head('GET /healthz HTTP/1.1', host, host), '400'],
      [head('GET /healthz HTTP/1.1'), '400'],
      [head('GET /healthz HTTP/1.0'), '400'],
      [head(`GET http://127.0.0.1:${port}/healthz HTTP/1.1`, host), '400'],
      [head('GET http://evil.example/healthz HTTP/1.1', host), '400'],
      [head('GET /healthz HTTP/1.1', host, 'Origin: null'), '403'],
      [head('GET /healthz HTTP/1.1', host, 'Origin: http://evil.example'), '403'],
      [head('GET /healthz HTTP/1.1', host, 'Sec-Fetch-Site: cross-site'), '403'],
      [head('POST /api/v1/auth/token HTTP/1.1', host, 'Content-Type: text/plain', 'Content-Length: 0'), '415'],
      [head('GET /api/v1/node?token=x HTTP/1.1', host), '400'],
      [head('GET /api/v1/%2e%2e/healthz HTTP/1.1', host), '400'],
      [head('OPTIONS /api/v1/node HTTP/1.1', host, 'Access-Control-Request-Method: GET'), '204'],
      [head('TRACE /healthz HTTP/1.1', host), '405'],
      [head('GET /healthz HTTP/1.1', host, `X-Long: ${'x'.repeat(20_000)}`), '431'],
      [head('GET /healthz HTTP/1.1', host, ...Array(120).fill('X: 1')), '431'],
      ['GARBAGE\r\n\r\n', '400'],
      [head('GET /api/v1/ws HTTP/1.1', 'Host: evil.example', 'Upgrade: websocket', 'Connection: Upgrade'), '421'],
      [
        head(
          'GET /api/v1/ws HTTP/1.1',
          host,
          'Origin: http://evil.example',
          'Upgrade: websocket',
          'Connection: Upgrade',
        ),
        '403',
      ],
      [head('GET /elsewhere HTTP/1.1', host, 'Upgrade: websocket', 'Connection: Upgrade'), '404'],
    ];
    for (const [bytes, status] of cases) {
      const answer = await raw(bytes);
      assert.is(answer.split(' ')[1], status, bytes);
      assert.not.match(answer, /access-control-allow/i);
      assert.not.match(answer, /set-cookie/i);
    }
    assert.is(requests.length, 0);
  }),
);

test(
  'an upgrade that is none is refused by a problem document that says what to do',
  api(async ({ raw, port }) => {
    const upgrade = (path: string, protocol: string) =>
      raw(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    for (const [path, protocol, status, hint] of [
      ['/elsewhere', 'websocket', 404, /^Use \/api\/v1\/ws with/],
      ['/api/v1/node', 'h2c', 404, /without Upgrade/],
      ['/api/v1/ws', 'websocket', 401, /^Offer the subprotocols/],
      ['/api/v1/documents/x', 'websocket', 401, /^Offer the subprotocols/],
    ] as const) {
      const [head = '', body = ''] = (await upgrade(path, protocol)).split('\r\n\r\n');
      const problem = problemSchema.parse(JSON.parse(body));
      assert.match(head, /^content-type: application\/problem\+json/im);
      assert.equal([Number(head.split(' ')[1]), problem.status], [status, status], path);
      assert.match(problem.hint ?? '', hint);
    }
  }),
);

test(
  'the description needs no token and loads nothing from elsewhere',
  api(async ({ ask }) => {
    const { body } = await ask('GET', '/api/v1/openapi.json', { headers: { authorization: '' } });
    assert.is(body['openapi'], '3.1.0');
    assert.is(body['info']?.['version'], '1.2.3');
    const page = await ask('GET', '/api/v1/reference', { headers: { authorization: '' } });
    assert.match(page.text, /inspect\.evaluate/);
    assert.not.match(page.text, /<script|https?:\/\/(?!127)/);
    assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
  }),
);

test(
  'every response keeps pages away, a refusal and one without a body as well',
  api(async ({ ask }) => {
    const { headers } = await ask('GET', '/api/v1/node');
    const unchanged = { 'if-none-match': headers.get('etag') ?? '' };
    for (const [status, path, sent] of [
      [200, '/api/v1/node', {}],
      [304, '/api/v1/node', unchanged],
      [400, '/api/v1/sandboxes/%zz', {}],
      [401, '/api/v1/node', { authorization: '' }],
      [403, '/api/v1/node', { origin: 'https://evil.example' }],
      [404, '/nowhere', {}],
      [200, '/metrics', {}],
    ] as const) {
      const got = await ask('GET', path, { headers: sent });
      assert.is(got.status, status, path);
      assert.is(got.headers.get('x-frame-options'), 'DENY', `${status} ${path}`);
      assert.is(got.headers.get('cross-origin-resource-policy'), 'same-origin', `${status} ${path}`);
      assert.match(got.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
    }
  }),
);

test(
  'metrics are for whoever may read: with an access token, or a token that a scraper holds',
  api(async ({ api: { tokens }, ask, token }) => {
    const { text } = await ask('GET', '/metrics');
    assert.match(text, /^sandmesh_targets 2$/m);
    assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
    const as = (secret: string) => ask('GET', '/metrics', { headers: { authorization: `Bearer ${secret}` } });
    assert.is((await as(token)).status, 200);
    assert.is((await as(tokens.create({ label: 'scraper', scopes: ['read'] }).token)).status, 200);
    const other = await as(tokens.create({ label: 'other', scopes: ['debug'] }).token);
    assert.equal(
      [other.status, other.body.detail],
      [403, 'Cannot read the metrics: this token lacks the scope "read"'],
    );
    assert.is((await as('')).status, 401);
    assert.not.match(text, new RegExp(token));
  }),
);

test.run();
