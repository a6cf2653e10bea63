import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isWrapper } from '#node/targets/harness/wrappers.ts';
import { splitNodeArguments } from '#node/targets/node-arguments.ts';

const wrappers = [
  'node /usr/lib/node_modules/npm/bin/npm-cli.js start',
  'node /usr/lib/node_modules/npm/bin/npx-cli.js tsx x.ts',
  'node /home/a/.nvm/versions/node/v20.1.0/lib/node_modules/corepack/dist/pnpm.js start',
  'node /home/a/.cache/node/corepack/v1/pnpm/9.0.0/bin/pnpm.cjs start',
  'node /home/a/.cache/node/corepack/v1/yarn/1.22.22/bin/yarn.js start',
  'node /home/a/app/.yarn/releases/yarn-4.1.0.cjs start',
  'node /opt/yarn-v1.22.22/bin/yarn.js start',
  'node /a/node_modules/nodemon/bin/nodemon.js app.js',
  'node /a/node_modules/tsx/dist/cli.mjs watch app.ts',
  'node C:\\a\\node_modules\\tsx\\dist\\cli.mjs app.ts',
  'node /a/node_modules/esbuild/bin/esbuild --service=0.28.2 --ping',
  'node --watch app.js',
  'node --watch-path=src app.js',
  'node --test',
  'node inspect app.js',
  'node --check app.js',
];
const programs = [
  'node app.js',
  'node /a/src/npm/index.js',
  'node /a/bin/yarn.js',
  'node --require /a/node_modules/tsx/dist/preflight.cjs --import file:///a/node_modules/tsx/dist/loader.mjs app.ts',
  'node /a/node_modules/json-server/lib/bin.js db.json',
  'node /a/node_modules/ts-node/dist/bin.js app.ts',
  'node app.js --watch',
  'node --enable-source-maps app.js --test',
  'node -e 1',
];

for (const line of wrappers) {
  test(`a wrapper: ${line}`, () => assert.ok(isWrapper({ entry: undefined, ...splitNodeArguments(line.split(' ')) })));
}
for (const line of programs) {
  test(`a program: ${line}`, () =>
    assert.not.ok(isWrapper({ entry: undefined, ...splitNodeArguments(line.split(' ')) })));
}

test('the real path decides where a link leads to a wrapper', () => {
  const argv = ['node', '/a/node_modules/.bin/nodemon'];
  assert.ok(isWrapper({ entry: '/a/node_modules/nodemon/bin/nodemon.js', argv, execArgv: [] }));
  assert.not.ok(isWrapper({ entry: undefined, argv, execArgv: [] }));
});

test.run();
