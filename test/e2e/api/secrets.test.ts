// test: limit 180 s
/** What lies on disk and what is told: certificates, modes of key files, metrics, and a log without secrets. */

import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:https';
import { homedir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { homePaths } from '#protocol/home-paths.ts';
import { commandMissing, unless } from '#test/skip.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { withApiScene } from './scene.ts';

function pathsOf({ home }: Member) {
  return homePaths({ env: { SANDMESH_HOME: home }, platform: process.platform, homedir: homedir() });
}

/** Address of the local API; what the log says of it when it does not run. */
async function apiOf(member: Member): Promise<{ readonly api?: string; readonly trouble?: string }> {
  const client = await member.client();
  return eventually('the local API, or why there is none', async () => {
    const { api } = await client.call('daemon.status', {});
    if (api !== undefined) return { api };
    const lines = readFileSync(pathsOf(member).logFile, 'utf8').trim().split('\n');
    const trouble = lines.findLast((line) => /Cannot (use the key file|serve the local API)/.test(line));
    return trouble === undefined ? undefined : { trouble };
  });
}

test('metrics are for who has a token, and tell nothing of what is debugged', () =>
  withApiScene(async (scene) => {
    const scrape = (authorization?: string) =>
      fetch(`${scene.origin}/metrics`, authorization === undefined ? {} : { headers: { authorization } });
    assert.is((await scrape()).status, 401);
    assert.is((await scrape('Bearer nonsense')).status, 401);
    const answer = await scrape(`Bearer ${await scene.access('read')}`);
    assert.is(answer.status, 200);
    const text = await answer.text();
    for (const name of [
      'sandmesh_targets 1',
      'nodejs_eventloop_lag',
      'sandmesh_peers',
      'sandmesh_envelopes',
      'sandmesh_fsync_seconds',
      'sandmesh_dropped_events',
    ]) {
      assert.ok(text.includes(name), name);
    }
    for (const secret of [scene.sandbox, scene.target, scene.base]) assert.not.ok(text.includes(secret));
    assert.is((await fetch(`${scene.origin}/healthz`)).status, 200, 'that it lives may be known');
  }));

test('a token file that others may read, or that is a link, is refused, and the CLI goes on and says so', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'here');
    await host.ask('sandbox.open', 'open');
    assert.type((await apiOf(host)).api, 'string');
    const { keysDir } = pathsOf(host);
    const file = path.join(keysDir, 'api.token');
    for (const [spoil, mend, why] of [
      [() => chmodSync(file, 0o640), () => chmodSync(file, 0o600), /other users may read it \(mode 640\)/],
      [() => chmodSync(file, 0o604), () => chmodSync(file, 0o600), /other users may read it \(mode 604\)/],
      [
        () => {
          renameSync(file, `${file}.real`);
          symlinkSync(`${file}.real`, file);
        },
        () => renameSync(`${file}.real`, file),
        /symbolic link/,
      ],
    ] as const) {
      await host.cli('stop');
      rmSync(pathsOf(host).logFile, { force: true });
      spoil();
      await host.cli('status');
      const opened = await host.cli('open', '--json');
      if (opened.code === 0) {
        const { api, trouble } = await apiOf(host);
        assert.is(api, undefined);
        assert.match(trouble ?? '', why);
      } else assert.match(opened.stdout + opened.stderr, why);
      await host.cli('stop');
      mend();
    }
    rmSync(pathsOf(host).logFile, { force: true });
    await host.ask('sandbox.open', 'open');
    assert.type((await apiOf(host)).api, 'string', 'mended, it serves again');
  }));

unless(
  test,
  commandMissing('openssl'),
  'beyond loopback it serves only when told so twice, under the user’s certificate and name',
  () =>
    withMembers(async ({ base, member }) => {
      const host = member('h', 'here');
      const [cert, key] = [path.join(base, 'cert.pem'), path.join(base, 'key.pem')];
      const subject = ['-subj', '/CN=box.example', '-addext', 'subjectAltName=DNS:box.example'];
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-days',
          '1',
          '-keyout',
          key,
          '-out',
          cert,
          ...subject,
        ],
        { stdio: 'ignore' },
      );
      const start = async (...settings: string[]) => {
        await host.cli('stop');
        rmSync(pathsOf(host).logFile, { force: true });
        await host.ask('sandbox.open', ...settings.flatMap((setting) => ['--set', setting]), 'open');
        return apiOf(host);
      };
      assert.type((await start()).api, 'string');
      const settings = ['api.host=0.0.0.0', `api.tlsCert=${cert}`, `api.tlsKey=${key}`, 'api.names=box.example'];
      assert.match((await start(...settings)).trouble ?? '', /0\.0\.0\.0.*beyond this machine/);
      const { api = '' } = await start(...settings, 'api.exposed=true');
      assert.match(api, /^https:/);
      const port = Number(new URL(api).port);
      const { accessToken } = await (await host.client()).call('token.access', {});
      const ask = (name: string) =>
        new Promise<number>((resolve, reject) => {
          const headers = { host: `${name}:${port}`, authorization: `Bearer ${accessToken}` };
          request(
            {
              host: '127.0.0.1',
              port,
              path: '/api/v1/node',
              servername: 'box.example',
              ca: readFileSync(cert),
              headers,
            },
            (response) => {
              response.resume().once('end', () => resolve(response.statusCode ?? 0));
            },
          )
            .once('error', reject)
            .end();
        });
      assert.is(await ask('box.example'), 200, 'the certificate is the user’s, and verifies');
      assert.is(await ask('evil.example'), 421);
      await fetch(`http://127.0.0.1:${port}/healthz`).then(
        () => assert.unreachable('plain HTTP was answered'),
        () => undefined,
      );
    }),
);

test('no secret of a session is in the log: links, tokens, codes, access tokens, keys', () =>
  withApiScene(async (scene) => {
    const { client, member } = scene;
    const secrets = new Map<string, string>();
    const { token } = await client.call('token.create', { label: 'ci', scopes: ['read'] });
    const { code } = await client.call('token.code', { scopes: ['read'] });
    const { link = '' } = await client.call('sandbox.share', { reach: 'loopback' });
    secrets
      .set('token', token)
      .set('code', code)
      .set('link', link.split('#')[1] ?? '')
      .set('access', await scene.access());
    const exchange = (headers: object, body: object) =>
      fetch(`${scene.origin}/api/v1/auth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    assert.is((await exchange({ authorization: `Bearer ${token}` }, {})).status, 200);
    assert.is((await exchange({}, { code })).status, 200);
    assert.is((await exchange({}, { code })).status, 401, 'a code counts once');
    // Where people put what does not belong there.
    for (const wrong of [
      `/api/v1/node?token=${token}`,
      `/api/v1/${token}`,
      `/api/v1/node/../${token}`,
      `/api/v1/tokens/${code}`,
    ]) {
      await fetch(scene.origin + wrong, { headers: { authorization: `Bearer ${token}`, 'x-code': code } });
    }
    await client.call('sandbox.join', { link: `${link}x` }).catch(() => undefined);
    for (const name of ['api.token', 'api-jwt.key', 'device.key']) {
      secrets.set(name, readFileSync(path.join(pathsOf(member).keysDir, name), 'utf8').trim());
    }
    const log = readFileSync(pathsOf(member).logFile, 'utf8');
    assert.ok(log.includes('ready'), 'the log is there');
    for (const [what, secret] of secrets) {
      assert.ok(secret.length > 20, what);
      assert.not.ok(log.includes(secret), `the log holds the ${what}`);
    }
  }, 'log.level=trace'));

test.run();
