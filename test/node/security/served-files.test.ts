import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createServedFiles, type ServedFiles } from '#node/security/served-files.ts';
import { SandboxError } from '#shared/errors.ts';
import { withFolder, writeFiles } from '../engine/source/temporary-folder.ts';

const test = suite('served files');

function refusal(served: ServedFiles, path: string): string {
  try {
    served.check(path);
  } catch (error) {
    assert.instance(error, SandboxError);
    assert.is((error as SandboxError).code, 'PATH_FORBIDDEN');
    return (error as Error).message;
  }
  return 'served';
}

test('files of the project are served, others are not', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'app/src/a.ts': '', 'secret/b.ts': '' });
    const root = join(folder, 'app');
    const served = createServedFiles(root);
    assert.is(served.check(join(root, 'src/a.ts')), join(root, 'src/a.ts'));
    assert.is(served.check(join(root, 'src/not-here.ts')), join(root, 'src/not-here.ts'));
    assert.match(refusal(served, join(folder, 'secret/b.ts')), 'outside the project');
    assert.match(refusal(served, join(root, '../secret/b.ts')), 'outside the project');
    assert.match(refusal(served, '/etc/passwd'), 'Cannot serve "passwd"');
    assert.match(refusal(served, root), 'outside the project');
  }));

test('environment files, keys and credentials are refused wherever they lie, in any case', () =>
  withFolder((root) => {
    const served = createServedFiles(root);
    const refused = [
      '.env',
      '.env.local',
      '.ENV.Production',
      '.env.example',
      'config/prod.env',
      '.envrc',
      'tls/server.pem',
      'tls/server.KEY',
      'id_rsa',
      'deploy/id_ed25519.pub',
      'store.p12',
      '.npmrc',
      'packages/a/.npmrc',
      '.netrc',
      '_netrc',
      '.git-credentials',
      'credentials',
      'credentials.json',
      'secrets.yaml',
      'service-account-prod.json',
      'infra/terraform.tfstate',
      'infra/prod.tfvars',
      '.git/config',
      'sub/.git/HEAD',
      '.ssh/config',
      '.aws/config',
      'home/.docker/config.json',
    ];
    for (const path of refused) assert.match(refusal(served, join(root, path)), 'never served', path);
  }));

test('source code that is merely about keys and secrets is served', () =>
  withFolder((root) => {
    const served = createServedFiles(root);
    for (const path of [
      'src/env.ts',
      'src/credentials.ts',
      'src/secrets/index.js',
      'src/key.js',
      'src/keys/monkey.ts',
      'src/environment.ts',
      'pemmican.ts',
      '.next/server/app.js',
      '.svelte-kit/output/index.js',
    ]) {
      assert.is(refusal(served, join(root, path)), 'served', path);
    }
  }));

test('a symlink neither leads out nor hides what it points at', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'app/.env': 'A=1', 'app/ok.ts': '', 'other/x.ts': '', 'app/dir/y.ts': '' });
    const root = join(folder, 'app');
    symlinkSync('.env', join(root, 'settings.ts'));
    symlinkSync('../other/x.ts', join(root, 'out.ts'));
    symlinkSync('../other', join(root, 'outside'));
    symlinkSync('ok.ts', join(root, 'server.pem'));
    symlinkSync('dir', join(root, 'linked'));
    symlinkSync('loop', join(root, 'loop'));
    const served = createServedFiles(root);
    assert.match(refusal(served, join(root, 'settings.ts')), 'environment files');
    assert.match(refusal(served, join(root, 'out.ts')), 'outside the project');
    assert.match(refusal(served, join(root, 'outside/x.ts')), 'outside the project');
    assert.match(refusal(served, join(root, 'outside/not-there.ts')), 'outside the project');
    assert.match(refusal(served, join(root, 'server.pem')), 'key files');
    assert.match(refusal(served, join(root, 'loop')), 'real path is unknown');
    assert.is(served.check(join(root, 'linked/y.ts')), join(root, 'dir/y.ts'));
    writeFileSync(join(root, '.sandmeshignore'), 'dir/\n');
    assert.match(refusal(served, join(root, 'linked/y.ts')), '.sandmeshignore lists it');
    writeFileSync(join(root, '.sandmeshignore'), 'linked\n');
    assert.match(refusal(served, join(root, 'linked/y.ts')), '.sandmeshignore lists it');
  }));

test('.sandmeshignore hides by gitignore rules, follows edits, and a deeper one only adds', () =>
  withFolder((root) => {
    writeFiles(root, {
      '.sandmeshignore': '# private\n/private/\n*.sql\n!seed.sql\n',
      'src/.sandmeshignore': 'hidden.ts\n!/secret.sql\n',
      'private/.sandmeshignore': '!*\n',
    });
    const served = createServedFiles(root);
    assert.is(
      refusal(served, join(root, 'private/deep/a.ts')),
      'Cannot serve "private/deep/a.ts": .sandmeshignore lists it',
    );
    assert.match(refusal(served, join(root, 'db/x.sql')), '.sandmeshignore lists it');
    assert.is(refusal(served, join(root, 'db/seed.sql')), 'served');
    assert.match(refusal(served, join(root, 'src/a/hidden.ts')), 'src/.sandmeshignore lists it');
    assert.match(refusal(served, join(root, 'src/secret.sql')), '.sandmeshignore lists it');
    assert.is(refusal(served, join(root, 'hidden.ts')), 'served');
    assert.is(refusal(served, join(root, 'src/private/a.ts')), 'served');
    writeFileSync(join(root, '.sandmeshignore'), '/src/\n');
    assert.is(refusal(served, join(root, 'private/deep/a.ts')), 'served');
    assert.not(served.allows(join(root, 'src/app.ts')));
  }));

test('an ignore file that cannot be read hides everything below it', () =>
  withFolder((root) => {
    mkdirSync(join(root, 'src/.sandmeshignore'), { recursive: true });
    const served = createServedFiles(root);
    assert.match(refusal(served, join(root, 'src/a.ts')), 'cannot be read');
    assert.is(refusal(served, join(root, 'b.ts')), 'served');
  }));

test('a path that no file can have is refused or unknown, never a crash', () =>
  withFolder((root) => {
    const served = createServedFiles(root);
    for (const path of [`a${'x'.repeat(5000)}.ts`, 'a\0b.ts']) {
      assert.is.not(refusal(served, join(root, path)), '');
    }
  }));

test('a package is served once the target has loaded it, less its keys and what is ignored', () =>
  withFolder((folder) => {
    const root = join(folder, 'app');
    const store = 'app/node_modules/.pnpm/b@1.0.0/node_modules/b';
    writeFiles(folder, {
      'app/.sandmeshignore': 'node_modules/b/private/\n',
      'app/node_modules/a/lib/x.js': '',
      'node_modules/c/x.js': '',
      [`${store}/x.js`]: '',
      [`${store}/private/y.js`]: '',
    });
    symlinkSync('.pnpm/b@1.0.0/node_modules/b', join(root, 'node_modules/b'));
    const served = createServedFiles(root);
    for (const path of ['app/node_modules/a/lib/x.js', 'node_modules/c/x.js', `${store}/x.js`]) {
      assert.match(refusal(served, join(folder, path)), 'has not loaded its package');
      served.noteLoaded(realpathSync(join(folder, path)));
      assert.is(refusal(served, join(folder, path)), 'served');
    }
    assert.is(refusal(served, join(root, 'node_modules/b/x.js')), 'served');
    assert.match(refusal(served, join(folder, store, 'private/y.js')), '.sandmeshignore lists it');
    assert.match(refusal(served, join(root, 'node_modules/a/.npmrc')), 'credentials');
    assert.match(refusal(served, join(root, 'node_modules/a/test/server.key')), 'key files');
  }));

test('outside the project only the name of the file is told', () =>
  withFolder((folder) => {
    mkdirSync(join(folder, 'app'));
    writeFiles(folder, { 'customers/acme/x.ts': '' });
    const text = refusal(createServedFiles(join(folder, 'app')), join(folder, 'customers/acme/x.ts'));
    assert.is(text, 'Cannot serve "x.ts": it lies outside the project');
  }));

test.run();
