import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type GuardPolicy, judgeRequest } from '#node/gateway/http/request-guard.ts';

const POLICY: GuardPolicy = {
  hosts: new Set(['127.0.0.1:4780', 'localhost:4780']),
  origins: new Set(['http://127.0.0.1:4780', 'http://localhost:4780']),
};

interface Case {
  readonly method?: string;
  readonly url?: string;
  readonly raw?: readonly string[];
  readonly upgrade?: boolean;
}

/** Status of the refusal; 0 when it may pass. */
function judge({
  method = 'GET',
  url = '/api/v1/node',
  raw = ['Host', '127.0.0.1:4780'],
  upgrade = false,
}: Case): number {
  const headers: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) headers[(raw[i] as string).toLowerCase()] = raw[i + 1] as string;
  return judgeRequest({ method, url, rawHeaders: [...raw], headers }, POLICY, upgrade)?.status ?? 0;
}

const withHost = (...raw: string[]): Case => ({ raw: ['Host', '127.0.0.1:4780', ...raw] });
const json = (type: string): Case => ({ method: 'POST', ...withHost('Content-Length', '2', 'Content-Type', type) });

test('exactly one Host of the list passes, in any case', () => {
  assert.is(judge({}), 0);
  assert.is(judge({ raw: ['host', 'LOCALHOST:4780'] }), 0);
  assert.is(judge({ raw: [] }), 400);
  assert.is(judge({ raw: ['Host', '127.0.0.1:4780', 'Host', '127.0.0.1:4780'] }), 400);
  for (const host of [
    'evil.example',
    'evil.example:4780',
    '127.0.0.1',
    '127.0.0.1:80',
    'localhost.:4780',
    '0.0.0.0:4780',
    '',
  ]) {
    assert.is(judge({ raw: ['Host', host] }), 421, host);
  }
});

test('who asks for another host is told which one it is, and how to have another', () => {
  const refusal = judgeRequest(
    { method: 'GET', url: '/', rawHeaders: ['Host', 'box:4780'], headers: {} },
    POLICY,
    false,
  );
  assert.match(refusal?.hint ?? '', /^Use 127\.0\.0\.1:4780; .* "api\.names"\.$/);
});

test('a head of so many headers that some may be missing is refused', () => {
  const junk = (count: number): Case => withHost(...Array.from({ length: count }, (_, n) => [`X-${n}`, '']).flat());
  assert.is(judge(junk(98)), 0);
  assert.is(judge(junk(99)), 431);
});

test('only a plain path is a request target', () => {
  for (const url of ['http://127.0.0.1:4780/api/v1/node', '//evil.example/', '*', 'evil.example:443', '']) {
    assert.is(judge({ url }), 400, url);
  }
  for (const url of ['/a/../b', '/a/%2e%2e/b', '/a/..', '/a%2fb', '/a%5Cb', '/a\\b', '/a%00', '/./a']) {
    assert.is(judge({ url }), 400, url);
  }
  assert.is(judge({ url: '/api/v1/..a/b..c' }), 0);
});

test('an Origin is absent or ours', () => {
  assert.is(judge(withHost('Origin', 'http://localhost:4780')), 0);
  for (const origin of ['null', 'https://127.0.0.1:4780', 'http://evil.example', 'http://127.0.0.1:4780/', '']) {
    assert.is(judge(withHost('Origin', origin)), 403, origin);
  }
  assert.is(judge(withHost('Origin', 'http://localhost:4780', 'Origin', 'http://localhost:4780')), 403);
});

test('what another site began is refused, what the user typed may only look', () => {
  assert.is(judge(withHost('Sec-Fetch-Site', 'same-origin')), 0);
  assert.is(judge(withHost('Sec-Fetch-Site', 'none')), 0);
  assert.is(judge({ method: 'POST', ...withHost('Sec-Fetch-Site', 'none') }), 403);
  assert.is(judge({ upgrade: true, ...withHost('Sec-Fetch-Site', 'none') }), 403);
  assert.is(judge(withHost('Sec-Fetch-Site', 'cross-site')), 403);
  assert.is(judge(withHost('Sec-Fetch-Site', 'same-site')), 403);
  assert.is(judge(withHost('Sec-Fetch-Site', 'same-origin', 'Sec-Fetch-Site', 'same-origin')), 403);
});

test('a body is JSON or CBOR: nothing that a form can send', () => {
  for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/cbor'])
    assert.is(judge(json(type)), 0);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-7',
    'text/plain; application/json',
  ]) {
    assert.is(judge(json(type)), 415, type);
  }
  assert.is(judge({ method: 'POST', ...withHost('Content-Length', '2') }), 415);
  assert.is(judge({ method: 'POST', ...withHost('Transfer-Encoding', 'chunked') }), 415);
  assert.is(judge({ method: 'POST', ...withHost('Content-Length', '0') }), 0);
  assert.is(judge({ method: 'GET', ...withHost('Content-Length', '2', 'Content-Type', 'text/plain') }), 415);
});

test('a secret in a query is refused, however it is written', () => {
  for (const query of [
    'token=x',
    'ACCESS_TOKEN=x',
    'a=1&jwt=x',
    '%74oken=x',
    'code=x',
    'authorization=x',
    'a?b=1&token=x',
  ]) {
    assert.is(judge({ url: `/api/v1/node?${query}` }), 400, query);
  }
  assert.is(judge({ url: '/api/v1/node?limit=1' }), 0);
});

test.run();
