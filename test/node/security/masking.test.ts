import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MASK, maskText, maskValue } from '#node/security/masking.ts';
import { isSecretName } from '#node/security/secret-names.ts';

const test = suite('masking');

/** Built from pieces, so that no scanner takes this file for a leak. */
const fake = (prefix: string, length: number, alphabet = 'aB3dE6gH9'): string =>
  prefix + alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length);

const JWT = `${fake('eyJ', 20)}.${fake('eyJ', 40)}.${fake('', 43)}`;

test('maskText() hides tokens whose shape tells, wherever they stand', () => {
  const tokens = [
    fake('AKIA', 16, 'ABCDEF234567'),
    fake('ghp_', 36),
    fake('github_pat_', 60),
    fake('glpat-', 20),
    fake('xoxb-', 30, '123-abc'),
    fake('sk_live_', 24),
    fake('sk-proj-', 48),
    fake('AIza', 35),
    fake('npm_', 36),
    `SG.${fake('', 22)}.${fake('', 43)}`,
    fake('hf_', 34),
    fake('dop_v1_', 64, '0123456789abcdef'),
    fake('xapp-1-', 30, 'A12'),
    fake('rk_test_', 24),
    fake('whsec_', 32),
    fake('ya29.', 60),
    fake('GOCSPX-', 28),
    fake('pypi-', 60),
    fake('SK', 32, '0123456789abcdef'),
    fake('key-', 32, '0123456789abcdef'),
    fake('shpat_', 32, '0123456789abcdef'),
    fake('sq0atp-', 22),
    fake('EAAA', 60),
    fake('123456789:AA', 33),
    `${fake('M', 23)}.${fake('', 6)}.${fake('', 27)}`,
    fake('hvs.', 24),
    fake('lin_api_', 40),
    fake('ntn_', 46),
    fake('sbp_', 40, '0123456789abcdef'),
    fake('dapi', 32, '0123456789abcdef'),
    fake('dp.pt.', 40),
    fake('AGE-SECRET-KEY-1', 58, 'QPZRY9X8'),
    JWT,
  ];
  for (const token of tokens) {
    assert.is(maskText(`using ${token} now`), `using ${MASK} now`, token);
    assert.is(maskText(`["${token}"]`), `["${MASK}"]`, token);
    assert.is(maskText(`\u001b[32m${token}\u001b[39m`), `\u001b[32m${MASK}\u001b[39m`, token);
  }
});

test('maskText() hides a private key to its end, and to the end of the text when it was cut off', () => {
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${fake('MII', 200)}\n-----END RSA PRIVATE KEY-----`;
  assert.is(maskText(`a ${key} b ${key} c`), `a ${MASK} b ${MASK} c`);
  assert.is(maskText(`a ${key.slice(0, 100)}`), `a ${MASK}`);
  assert.is(maskText('-----BEGIN CERTIFICATE-----\nMIIabc'), '-----BEGIN CERTIFICATE-----\nMIIabc');
});

test('maskText() hides the password of an address and leaves the rest readable', () => {
  assert.is(maskText('postgres://shop:hunter2@db:5432/shop'), `postgres://shop:${MASK}@db:5432/shop`);
  assert.is(maskText('redis://:p@ss@cache/0'), `redis://:${MASK}@cache/0`);
  assert.is(maskText('http://localhost:3000/a@b'), 'http://localhost:3000/a@b');
});

test('maskText() hides values under telling names, in every notation', () => {
  const cases: [string, string][] = [
    ['password=hunter2', `password=${MASK}`],
    ['DB_PASSWORD=letmein next', `DB_PASSWORD=${MASK} next`],
    ["{ apiKey: 'abc def' }", `{ apiKey: '${MASK}' }`],
    ['{"client_secret":"x1","a":1}', `{"client_secret":"${MASK}","a":1}`],
    ['GET /cb?access_token=abc123&x=1', `GET /cb?access_token=${MASK}&x=1`],
    ['Authorization: Bearer abcdef123456', `Authorization: Bearer ${MASK}`],
    ['authorization: Basic dXNlcjpwYXNz', `authorization: Basic ${MASK}`],
    ["password: \u001b[32m'hunter2'\u001b[39m", `password: \u001b[32m'${MASK}'\u001b[39m`],
    ['password: hunter2', `password: ${MASK}`],
    ["Map(1) { 'token' => 'abc' }", `Map(1) { 'token' => '${MASK}' }`],
    ['config: password=hunter2', `config: password=${MASK}`],
    [`secret="say \\"x\\" y" z`, `secret="${MASK}" z`],
  ];
  for (const [text, masked] of cases) assert.is(maskText(text), masked, text);
});

test('maskText() leaves ordinary output alone', () => {
  const lines = [
    'Server listening on http://localhost:3000',
    'password: must contain at least 8 characters',
    'Invalid token: unexpected end of input',
    'tokens=120 max_tokens: 4096 tokenCount=7',
    'token: null, secret: undefined, hasPassword: true',
    'commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
    'id 550e8400-e29b-41d4-a716-446655440000',
    'sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'class="sk-folding-cube sk-folding-cube-animation"',
    'Basic understanding of Token semantics',
    'import { tokenizer } from "./tokenizer.ts";',
    "TypeError: Cannot read properties of undefined (reading 'password')",
    'at Object.<anonymous> (/app/src/secret-santa.ts:10:5)',
    'PWD=/home/ada/shop',
    'keyboard: qwerty, monkey=7, turkey: baked',
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA',
  ];
  for (const line of lines) assert.is(maskText(line), line);
});

test('maskText() is done when it is done twice', () => {
  for (const text of [
    'password=hunter2 x',
    `token: "${JWT}"`,
    'postgres://a:b@c/d',
    'Authorization: Bearer abc123def456',
  ]) {
    assert.is(maskText(maskText(text)), maskText(text));
  }
});

test('maskValue() hides primitives under telling names', () => {
  assert.is(maskValue('password', "'hunter2'"), MASK);
  assert.is(maskValue('DATABASE_PASSWORD', 'hunter2'), MASK);
  assert.is(maskValue('pin', '1234'), MASK);
  assert.is(maskValue('stripeSecretKey', '"abc"'), MASK);
  assert.is(maskValue('privateKey', 'Uint8Array(32) [1, 2]'), MASK);
  assert.is(maskValue('x-api-key', 'abc'), MASK);
  assert.is(maskValue('password', '{abc'), MASK);
  assert.is(maskValue('password', 'functional'), MASK);
  assert.is(maskValue('credentials', '{"private_key":"abc"}'), `{"private_key":"${MASK}"}`);
  assert.is(maskValue('DATABASE_URL', 'postgres://a:b@c/d'), `postgres://a:${MASK}@c/d`);
});

test('maskValue() leaves what is no secret under a telling name', () => {
  for (const [name, value] of [
    ['token', 'undefined'],
    ['password', "''"],
    ['token', '42'],
    ['token', "Token {kind: 'ident', start: 3}"],
    ['getToken', 'ƒ getToken()'],
    ['secret', 'true'],
    ['tokens', 'Array(3)'],
    ['PWD', '/home/ada'],
    ['pwd', '/home/ada'],
    ['cart', 'Cart {items: Array(2)}'],
  ] as const) {
    assert.is(maskValue(name, value), value, `${name} ${value}`);
  }
});

test('isSecretName() looks at the end of a name', () => {
  for (const name of [
    'password',
    'userPassword2',
    'PGPASSWORD',
    'api_key',
    'API-KEY',
    'passwordHash',
    'sessionId',
    'auth',
  ]) {
    assert.ok(isSecretName(name), name);
  }
  for (const name of [
    'passwordLength',
    'tokenCount',
    'key',
    'author',
    'PWD',
    'tokenizer',
    'secretary',
    'monkey',
    'compass',
  ]) {
    assert.not(isSecretName(name), name);
  }
});

test('maskText() takes linear time on text made to slow it down', () => {
  const hostile: Record<string, string> = {
    plain: 'a',
    dashes: '-eyJ',
    segments: 'eyJaaaaaaaa.',
    names: 'token=',
    nested: 'token=process.',
    quotes: 'token:"\\"',
    openQuotes: 'secret: \'"',
    urls: '://a:',
    pem: '-----BEGIN RSA PRIVATE KEY',
    begins: '-----BEGIN PRIVATE KEY-----',
    schemes: 'Bearer  ',
    dots: 'a.b-c$',
    colours: '\u001b[0m',
    hooks: 'whsec_+',
    prose: 'password: abcdefghijkl',
  };
  const timeFor = (text: string): number => {
    const start = performance.now();
    maskText(text);
    return performance.now() - start;
  };
  const fastest = (text: string): number => Math.min(...[1, 2, 3, 4, 5, 6, 7].map(() => timeFor(text)));
  for (const [name, piece] of Object.entries(hostile)) {
    const small = fastest(piece.repeat(20_000 / piece.length));
    const large = fastest(piece.repeat(320_000 / piece.length));
    // Sixteen times the text: quadratic would be 256 times the time. The floor keeps clock noise out.
    assert.ok(large < 128 * Math.max(small, 0.5), `${name}: ${small.toFixed(2)} ms, then ${large.toFixed(2)} ms`);
  }
});

test.run();
