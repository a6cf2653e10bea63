import { createHmac } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT, UnsecuredJWT } from 'jose';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCESS_SECONDS, AccessTokens } from '#node/security/access-tokens.ts';
import { ownTokenFile } from '#node/security/kept-tokens.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const START = 1_800_000_000_000;

interface Rig {
  readonly folder: string;
  readonly tokens: AccessTokens;
  readonly own: string;
  readonly key: Uint8Array;
  advance(ms: number): void;
  reopen(): Promise<AccessTokens>;
}

function withTokens(use: (rig: Rig) => Promise<void>): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      let now = START;
      const open = () => AccessTokens.open(folder, () => now);
      const advance = (ms: number): void => {
        now += ms;
      };
      const tokens = await open();
      const own = readFileSync(ownTokenFile(folder), 'utf8').trim();
      const key = Buffer.from(readFileSync(join(folder, 'api-jwt.key'), 'utf8').trim(), 'base64url');
      await use({ folder, tokens, own, key, advance, reopen: open });
    });
}

const refused = (work: Promise<unknown>) => failure(() => work).then((error) => error.code);

test(
  "the user's own token gives access for a quarter of an hour, also after a restart",
  withTokens(async ({ tokens, own, advance, reopen }) => {
    const { accessToken, expiresInSeconds, scopes } = await tokens.exchange(own);
    assert.is(expiresInSeconds, ACCESS_SECONDS);
    assert.equal(scopes, ['read', 'debug', 'evaluate', 'admin']);
    assert.is((await tokens.verify(accessToken)).tokenId, 'own');
    assert.is((await (await reopen()).verify(accessToken)).tokenId, 'own');
    advance(ACCESS_SECONDS * 1000);
    assert.is(await refused(tokens.verify(accessToken)), 'UNAUTHENTICATED');
  }),
);

test(
  'a token has the scopes it was made with, and fewer if asked',
  withTokens(async ({ tokens }) => {
    const { token } = tokens.create({ label: 'ci', scopes: ['debug', 'read'] });
    assert.equal((await tokens.exchange(token)).scopes, ['read', 'debug']);
    assert.equal((await tokens.exchange(token, ['read', 'admin'])).scopes, ['read']);
    assert.is(await refused(tokens.exchange(token, ['admin'])), 'FORBIDDEN');
  }),
);

test(
  'revoking or expiry ends a token and what was made from it, for good',
  withTokens(async ({ tokens, advance, reopen }) => {
    const { token, info } = tokens.create({ label: 'gone', scopes: ['read'] });
    const short = tokens.create({ label: 'short', scopes: ['read'], expiresAt: START + 60_000 });
    const access = await tokens.exchange(token);
    const brief = await tokens.exchange(short.token);
    await tokens.verify(access.accessToken);
    tokens.revoke(info.id);
    assert.is(await refused(tokens.verify(access.accessToken)), 'UNAUTHENTICATED');
    assert.is(await refused(tokens.exchange(token)), 'UNAUTHENTICATED');
    assert.is(await refused((await reopen()).exchange(token)), 'UNAUTHENTICATED');
    await tokens.verify(brief.accessToken);
    advance(60_000);
    assert.is(await refused(tokens.verify(brief.accessToken)), 'UNAUTHENTICATED');
    assert.equal(tokens.list(), []);
    assert.throws(() => tokens.revoke('own'), /there is none/);
  }),
);

test(
  'a code works once, within a minute',
  withTokens(async ({ tokens, advance }) => {
    const { code } = tokens.createCode(['read']);
    assert.equal((await tokens.exchange(code)).scopes, ['read']);
    assert.is(await refused(tokens.exchange(code)), 'UNAUTHENTICATED');
    const late = tokens.createCode(['read']);
    advance(60_000);
    assert.is(await refused(tokens.exchange(late.code)), 'UNAUTHENTICATED');
  }),
);

test(
  'what a token asks for is of that token: no wider, no longer, and gone with it',
  withTokens(async ({ tokens, advance }) => {
    const { token, info } = tokens.create({ label: 'x', scopes: ['read', 'admin'] });
    const asking = await tokens.verify((await tokens.exchange(token)).accessToken);
    const granted = await tokens.grantFor(asking, ['read', 'evaluate']);
    assert.equal(granted.scopes, ['read']);
    assert.is(await refused(tokens.grantFor(asking, ['evaluate'])), 'FORBIDDEN');
    assert.throws(() => tokens.createCode(['evaluate'], asking));
    const [used, kept] = [tokens.createCode(['read', 'debug'], asking), tokens.createCode(['read'], asking)];
    const byCode = await tokens.exchange(used.code);
    assert.equal(byCode.scopes, ['read']);
    advance(1000);
    assert.is((await tokens.verify(byCode.accessToken)).authenticatedAt, asking.authenticatedAt);
    tokens.revoke(info.id);
    for (const { accessToken } of [granted, byCode]) {
      assert.is(await refused(tokens.verify(accessToken)), 'UNAUTHENTICATED');
    }
    assert.is(await refused(tokens.exchange(kept.code)), 'UNAUTHENTICATED');
  }),
);

test(
  'access can be renewed while it lasts, for twelve hours',
  withTokens(async ({ tokens, own, advance }) => {
    let { accessToken } = await tokens.exchange(own, ['read']);
    for (let minutes = 0; minutes < 12 * 60 - 10; minutes += 10) {
      advance(600_000);
      const next = await tokens.exchange(accessToken);
      assert.equal(next.scopes, ['read']);
      accessToken = next.accessToken;
    }
    assert.is((await tokens.exchange(accessToken)).expiresInSeconds, 600);
    advance(600_000);
    assert.is(await refused(tokens.exchange(accessToken)), 'UNAUTHENTICATED');
  }),
);

test(
  'a forged, confused or foreign access token is worth nothing',
  withTokens(async ({ tokens, key, own }) => {
    const good = (await tokens.exchange(own)).accessToken;
    const claims = { scope: 'admin', auth_time: START / 1000 };
    const seconds = START / 1000;
    const ours = { alg: 'HS256', typ: 'sandmesh-access+jwt' };
    const make = (change: (jwt: SignJWT) => SignJWT, secret: Uint8Array = key, protectedHeader = ours) =>
      change(
        new SignJWT(claims)
          .setProtectedHeader(protectedHeader)
          .setIssuer('sandmesh')
          .setAudience('sandmesh-api')
          .setSubject('own')
          .setExpirationTime(seconds + 60),
      ).sign(secret);
    await tokens.verify(await make((jwt) => jwt));
    const [header, payload] = good.split('.') as [string, string, string];
    const forged = [
      new UnsecuredJWT(claims)
        .setIssuer('sandmesh')
        .setAudience('sandmesh-api')
        .setSubject('own')
        .setExpirationTime(seconds + 60)
        .encode(),
      await make((jwt) => jwt, key, { alg: 'HS256', typ: 'JWT' }),
      await make((jwt) => jwt, key, { alg: 'HS512', typ: 'sandmesh-access+jwt' }),
      await make((jwt) => jwt.setAudience('somebody')),
      await make((jwt) => jwt.setIssuer('somebody')),
      await make((jwt) => jwt.setSubject('nobody')),
      await make((jwt) => jwt.setExpirationTime(seconds - 1)),
      await make((jwt) => jwt.setNotBefore(seconds + 30)),
      await make((jwt) => jwt, new Uint8Array(32)),
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${Buffer.from('{}').toString('base64url')}.${createHmac('sha256', key).update('x').digest('base64url')}`,
      own,
      '',
    ];
    for (const token of forged) assert.is(await refused(tokens.verify(token)), 'UNAUTHENTICATED', token);
    for (const secret of ['', 'x', `${own}x`, own.slice(0, -1), `smt_own_${'A'.repeat(43)}`, forged[0] as string]) {
      assert.is(await refused(tokens.exchange(secret)), 'UNAUTHENTICATED', secret);
    }
  }),
);

test(
  'the files hold no secret in clear but the one of this user, and are nobody else’s',
  withTokens(async ({ folder, tokens }) => {
    const { token } = tokens.create({ label: 'x', scopes: ['read'] });
    const secret = token.slice(-43);
    assert.not.ok(readFileSync(join(folder, 'api-tokens.json'), 'utf8').includes(secret));
    for (const file of ['api.token', 'api-tokens.json', 'api-jwt.key']) {
      assert.is(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    }
  }),
);

test(
  'a file that others can read, or that is a link, is refused',
  withTokens(async ({ folder, tokens, reopen }) => {
    tokens.create({ label: 'x', scopes: ['read'] });
    for (const file of ['api.token', 'api-tokens.json', 'api-jwt.key'].map((name) => join(folder, name))) {
      chmodSync(file, 0o640);
      assert.match((await failure(reopen)).message, /other users may read it/);
      chmodSync(file, 0o600);
      renameSync(file, `${file}.real`);
      symlinkSync(`${file}.real`, file);
      assert.match((await failure(reopen)).message, /symbolic link/);
      renameSync(`${file}.real`, file);
    }
    await reopen();
    writeFileSync(join(folder, 'api-tokens.json'), '{"tokens": 1}');
    assert.is((await failure(reopen)).code, 'BAD_KEY');
  }),
);

test(
  'a token that asks for another gives no more than it has, and takes it along when it ends',
  withTokens(async ({ tokens, advance, reopen }) => {
    const asking = async (token: string) => tokens.verify((await tokens.exchange(token)).accessToken);
    const parent = tokens.create({ label: 'people', scopes: ['read', 'admin'], expiresAt: START + 3_600_000 });
    const grant = await asking(parent.token);
    const wider = await failure(async () => tokens.create({ label: 'more', scopes: ['read', 'evaluate'] }, grant));
    assert.is(wider.code, 'FORBIDDEN');
    assert.match(wider.message, 'the scope "evaluate"');
    const child = tokens.create({ label: 'reader', scopes: ['admin'], expiresAt: START + 7_200_000 }, grant);
    assert.is(child.info.expiresAt, START + 3_600_000);
    const grandchild = tokens.create({ label: 'its', scopes: ['admin'] }, await asking(child.token));
    const later = await reopen();
    later.revoke(parent.info.id);
    assert.equal(later.list(), []);
    assert.is(await refused(later.exchange(grandchild.token)), 'UNAUTHENTICATED');
    advance(3_600_000);
    assert.is(await refused(tokens.exchange(grandchild.token)), 'UNAUTHENTICATED');
  }),
);

test(
  'what was verified is known without a promise, until it expires or its token is revoked',
  withTokens(async ({ tokens, own, advance }) => {
    const { token, info } = tokens.create({ label: 'ci', scopes: ['read'] });
    const [mine, theirs] = [await tokens.exchange(own), await tokens.exchange(token)];
    assert.is(tokens.known(theirs.accessToken), undefined, 'never verified here');
    const grants = [await tokens.verify(mine.accessToken), await tokens.verify(theirs.accessToken)];
    assert.equal([tokens.known(mine.accessToken), tokens.known(theirs.accessToken)], grants);
    tokens.revoke(info.id);
    assert.is(tokens.known(theirs.accessToken), undefined);
    assert.is(await refused(tokens.verify(theirs.accessToken)), 'UNAUTHENTICATED');
    advance(ACCESS_SECONDS * 1000);
    assert.is(tokens.known(mine.accessToken), undefined);
    assert.is(await refused(tokens.verify(mine.accessToken)), 'UNAUTHENTICATED');
  }),
);

test.run();
