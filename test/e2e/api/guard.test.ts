// test: full
// test: limit 180 s
/** What a web page, a name that resolves here, or a stranger's program can send to the port, as raw bytes. */

import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually } from '../mesh/members.ts';
import { head, openIdle, sendRaw } from './raw.ts';
import { type ApiScene, withApiScene } from './scene.ts';

const NODE = '/api/v1/node';

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** What was sent, and the only status that answers it. */
type Case = readonly [title: string, bytes: string, status: number];

function cases({ port }: ApiScene, access: string): Case[] {
  const host = `Host: 127.0.0.1:${port}`;
  const token = `Authorization: Bearer ${access}`;
  const body = (type: string, text = '{}') =>
    head(
      'POST /api/v1/commands/daemon.status',
      host,
      token,
      `Content-Type: ${type}`,
      `Content-Length: ${text.length}`,
    ) + text;
  const upgrade = (...lines: string[]) =>
    head(
      'GET /api/v1/ws',
      host,
      ...lines,
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ).replace('Connection: close', 'Connection: Upgrade');
  const protocols = `Sec-WebSocket-Protocol: sandmesh.v1, bearer.${access}`;
  return [
    ['as it should be', head(`GET ${NODE}`, host, token), 200],
    ['a foreign Host', head(`GET ${NODE}`, 'Host: evil.example', token), 421],
    ['a foreign Host with our port', head(`GET ${NODE}`, `Host: evil.example:${port}`, token), 421],
    ['no Host', head(`GET ${NODE}`, token), 400],
    ['two Hosts', head(`GET ${NODE}`, host, host, token), 400],
    ['two Hosts, one foreign', head(`GET ${NODE}`, host, 'Host: evil.example', token), 400],
    ['a trailing dot', head(`GET ${NODE}`, `Host: localhost.:${port}`, token), 421],
    ['the address of everywhere', head(`GET ${NODE}`, `Host: 0.0.0.0:${port}`, token), 421],
    ['another port', head(`GET ${NODE}`, 'Host: 127.0.0.1:1', token), 421],
    ['an absolute-form URI', head(`GET http://127.0.0.1:${port}${NODE}`, host, token), 400],
    ['an absolute-form URI of another', head(`GET http://evil.example${NODE}`, host, token), 400],
    ['a URI that names a host', head(`GET //evil.example${NODE}`, host, token), 400],
    ['Origin null', head(`GET ${NODE}`, host, token, 'Origin: null'), 403],
    ['a foreign Origin', head(`GET ${NODE}`, host, token, 'Origin: http://evil.example'), 403],
    ['our Origin with another scheme', head(`GET ${NODE}`, host, token, `Origin: https://127.0.0.1:${port}`), 403],
    ['our Origin twice', head(`GET ${NODE}`, host, token, ...Array(2).fill(`Origin: http://127.0.0.1:${port}`)), 403],
    ['another site', head(`GET ${NODE}`, host, token, 'Sec-Fetch-Site: cross-site'), 403],
    ['a page of the same site', head(`GET ${NODE}`, host, token, 'Sec-Fetch-Site: same-site'), 403],
    ['a form', body('application/x-www-form-urlencoded', 'a=b'), 415],
    ['a form with a file', body('multipart/form-data; boundary=x'), 415],
    ['plain text', body('text/plain'), 415],
    ['JSON in another charset', body('application/json; charset=utf-7'), 415],
    ['no type', `${head('POST /api/v1/commands/daemon.status', host, token, 'Content-Length: 2')}{}`, 415],
    ['a token in the query', head(`GET ${NODE}?token=${access}`, host), 400],
    ['an access token in the query', head(`GET ${NODE}?access_token=${access}`, host), 400],
    ['a token in a cookie', head(`GET ${NODE}`, host, `Cookie: token=${access}`), 401],
    ['no token', head(`GET ${NODE}`, host), 401],
    ['a path that climbs', head('GET /api/v1/../../etc/passwd', host, token), 400],
    ['a path that climbs in disguise', head('GET /api/v1/%2e%2e/%2e%2e/etc/passwd', host, token), 400],
    ['a slash in disguise', head('GET /api/v1/config/..%2f..%2fetc', host, token), 400],
    [
      'a preflight',
      head(`OPTIONS ${NODE}`, host, 'Origin: http://evil.example', 'Access-Control-Request-Method: GET'),
      403,
    ],
    ['a flood of headers', head(`GET ${NODE}`, host, token, ...Array(3_000).fill('X: 12345')), 431],
    ['more headers than are read', head(`GET ${NODE}`, host, token, ...Array(150).fill('X: 1')), 431],
    [
      'a Host hidden behind them',
      head(`GET ${NODE}`, host, token, ...Array(98).fill('X: 1'), 'Host: evil.example'),
      431,
    ],
    ['a header too long', head(`GET ${NODE}`, host, token, `X: ${'x'.repeat(100_000)}`), 431],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['an upgrade of another page', upgrade(protocols, 'Origin: http://evil.example'), 403],
    ['an upgrade of nowhere', upgrade(protocols, 'Origin: null'), 403],
    ['an upgrade without a token', upgrade('Sec-WebSocket-Protocol: sandmesh.v1'), 401],
    [
      'an upgrade with a token in the query',
      upgrade(protocols).replace('/api/v1/ws', `/api/v1/ws?token=${access}`),
      400,
    ],
    ['an upgrade for a foreign Host', upgrade(protocols).replace(host, 'Host: evil.example'), 421],
  ];
}

test('nothing that a page can send reaches a command, and every refusal is closed at once', () =>
  withApiScene(async (scene) => {
    const access = await scene.access();
    for (const [title, bytes, status] of cases(scene, access)) {
      const reply = await sendRaw(scene.port, bytes);
      assert.is(reply.status, status, `${title}: ${reply.text.slice(0, 300)}`);
      assert.not.match(reply.text, /access-control-allow/i, title);
      assert.not.match(reply.text, /set-cookie/i, title);
      assert.not.ok(reply.text.includes(access), `${title} tells the token`);
    }
    const logged = scene.log(0).join('\n');
    assert.not.ok(logged.includes(access), 'the log holds no token');
  }));

test('a page that goes on trying fills no log: a few lines, then a count, and none is lost when the daemon stops', () =>
  withApiScene(async (scene) => {
    const tries = 150;
    const foreign = head(`GET ${NODE}`, 'Host: evil.example');
    for (let n = 0; n < tries; n++) assert.is((await sendRaw(scene.port, foreign)).status, 421);
    const refused = () =>
      scene.log(40).map((line) => JSON.parse(line) as { status?: number; counts?: { 421?: number } });
    assert.is.not(refused().length, 0);
    await scene.member.cli('stop');
    const [lines, counted] = await eventually('every try in the log', () => {
      const own = refused().filter(({ status }) => status === 421).length;
      const sums = refused().flatMap(({ counts }) => counts?.[421] ?? []);
      return own + sums.reduce((sum, count) => sum + count, 0) === tries ? [own, sums.length] : undefined;
    });
    // A minute may end on the way.
    assert.ok(lines <= 20 * (counted + 1), `${lines} lines and ${counted} counts for ${tries} refusals`);
  }));

test('only our own access tokens count: key, algorithm, type, audience, time, and that nobody revoked them', () =>
  withApiScene(async (scene) => {
    const { client, port } = scene;
    const access = await scene.access();
    const [header = '', payload = '', signature = ''] = access.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const known = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, string>;
    const ask = async (token: string): Promise<number> =>
      (await sendRaw(port, head(`GET ${NODE}`, `Host: 127.0.0.1:${port}`, `Authorization: Bearer ${token}`))).status;
    assert.is(await ask(access), 200);
    const stranger = (over: object, head: object) =>
      new SignJWT({ ...claims, ...over })
        .setProtectedHeader({ ...known, alg: 'HS256', ...head })
        .sign(Buffer.alloc(32, 7));
    const unsigned = (alg: string) => `${base64url({ ...known, alg })}.${payload}.`;
    const hmacOf = (text: string) => createHmac('sha256', '').update(text).digest('base64url');
    for (const [title, token] of [
      ['none', unsigned('none')],
      ['None', unsigned('None')],
      ['none, signature kept', `${base64url({ ...known, alg: 'none' })}.${payload}.${signature}`],
      ['an empty key', `${header}.${payload}.${hmacOf(`${header}.${payload}`)}`],
      ['another key', await stranger({}, {})],
      ['another type', `${base64url({ ...known, typ: 'JWT' })}.${payload}.${signature}`],
      ['another audience', `${header}.${base64url({ ...claims, aud: 'evil' })}.${signature}`],
      ['longer life', `${header}.${base64url({ ...claims, exp: 4_000_000_000 })}.${signature}`],
      ['more scopes', `${header}.${base64url({ ...claims, scope: 'admin' })}.${signature}`],
    ] as const) {
      assert.is(await ask(token), 401, title);
    }
    const { token, info } = await client.call('token.create', { label: 'short', scopes: ['read'] });
    const exchanged = await fetch(`${scene.origin}/api/v1/auth/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    const { access_token: made } = (await exchanged.json()) as { access_token: string };
    assert.is(await ask(made), 200);
    assert.is(
      (await client.call('token.list', {})).tokens.some(({ id }) => id === info.id),
      true,
    );
    await client.call('token.revoke', { id: info.id });
    assert.is(await ask(made), 401, 'revoked');
    for (const secret of [token, made, access]) {
      assert.not.ok(scene.log(0).join('\n').includes(secret), 'no secret in the log');
    }
  }));

test('who drips a head is cut off, and nobody else notices', () =>
  withApiScene(async (scene) => {
    const host = `Host: 127.0.0.1:${scene.port}`;
    const slow = await Promise.all(
      Array.from({ length: 50 }, () => openIdle(scene.port, `GET ${NODE} HTTP/1.1\r\n${host}\r\nX-A: `)),
    );
    const ended = slow.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
    for (const socket of slow) socket.on('error', () => undefined).resume();
    const drip = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write('a');
    }, 500);
    const access = await scene.access();
    const asked = head(`GET ${NODE}`, host, `Authorization: Bearer ${access}`);
    assert.is((await sendRaw(scene.port, asked)).status, 200);
    let open = slow.length;
    for (const end of ended) void end.then(() => open--);
    await eventually('the slow ones to be cut off', () => (open === 0 ? true : undefined), 40_000);
    clearInterval(drip);
    assert.is((await sendRaw(scene.port, asked)).status, 200);
  }));

test.run();
