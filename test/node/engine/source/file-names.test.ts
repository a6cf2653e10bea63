import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('file names');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a file of the project is named from the root, with the hash of its bytes', () =>
  withFolder((root) => {
    writeFiles(root, { 'src/app.ts': 'é' });
    const names = createFileNames(root);
    assert.equal(names.toSourceFile(join(root, 'src/app.ts')), { path: 'src/app.ts', sha256: sha256('é') });
    assert.equal(names.nameOf(join(root, 'not/there.ts')), { path: 'not/there.ts' });
    assert.is(names.toPath({ path: 'src/app.ts' }), join(root, 'src/app.ts'));
    assert.is(names.toPath({ path: 'src/other.ts' }), undefined);
  }));

test('files outside and the root itself have no name', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'app/a.js': '', 'app-2/b.js': '' });
    const names = createFileNames(join(folder, 'app'));
    assert.is(names.nameOf(join(folder, 'app-2/b.js')), undefined);
    assert.is(names.nameOf(join(folder, 'app')), undefined);
    assert.is(names.nameOf('/etc/passwd'), undefined);
    assert.is(names.toPath({ path: '../app-2/b.js' }), undefined);
  }));

test('a folder whose name begins with two dots is inside', () =>
  withFolder((root) => {
    writeFiles(root, { '..odd/a.js': '' });
    assert.equal(createFileNames(root).nameOf(join(root, '..odd/a.js')), { path: '..odd/a.js' });
  }));

test('files in node_modules belong to the innermost package, scoped and aliased ones included', () =>
  withFolder((root) => {
    writeFiles(root, {
      'node_modules/express/package.json': { name: 'express', version: '4.19.2' },
      'node_modules/express/lib/router.js': '1',
      'node_modules/express/node_modules/debug/package.json': { name: 'debug', version: '2.6.9' },
      'node_modules/express/node_modules/debug/src/node.js': '2',
      'node_modules/@acme/kit/package.json': { name: '@acme/kit', version: '1.0.0-rc.1' },
      'node_modules/@acme/kit/dist/esm/package.json': { type: 'module' },
      'node_modules/@acme/kit/dist/esm/i.js': '3',
      'node_modules/alias/package.json': { name: 'real', version: '3.0.0' },
      'node_modules/alias/i.js': '4',
      'node_modules/.vite/deps/chunk.js': '5',
    });
    const names = createFileNames(root);
    const named = (path: string): object | undefined => names.nameOf(join(root, 'node_modules', path));
    assert.equal(named('express/lib/router.js'), { package: 'express@4.19.2', path: 'lib/router.js' });
    assert.equal(named('express/node_modules/debug/src/node.js'), { package: 'debug@2.6.9', path: 'src/node.js' });
    assert.equal(named('@acme/kit/dist/esm/i.js'), { package: '@acme/kit@1.0.0-rc.1', path: 'dist/esm/i.js' });
    assert.equal(named('alias/i.js'), { package: 'real@3.0.0', path: 'i.js' });
    assert.equal(named('.vite/deps/chunk.js'), { path: 'node_modules/.vite/deps/chunk.js' });
  }));

test("pnpm's store and workspace links are seen through by real path", () =>
  withFolder((root) => {
    writeFiles(root, {
      'pnpm-workspace.yaml': 'packages: ["packages/*"]',
      'node_modules/.pnpm/is-odd@3.0.1/node_modules/is-odd/package.json': { name: 'is-odd', version: '3.0.1' },
      'node_modules/.pnpm/is-odd@3.0.1/node_modules/is-odd/index.js': '',
      'packages/lib/package.json': { name: '@shop/lib', version: '0.0.0' },
      'packages/lib/src/cart.ts': '',
      'packages/app/package.json': { name: '@shop/app', version: '0.0.0' },
    });
    mkdirSync(join(root, 'packages/app/node_modules/@shop'), { recursive: true });
    symlinkSync(
      '../../../node_modules/.pnpm/is-odd@3.0.1/node_modules/is-odd',
      join(root, 'packages/app/node_modules/is-odd'),
    );
    symlinkSync('../../../lib', join(root, 'packages/app/node_modules/@shop/lib'));
    const names = createFileNames(root);
    const installed = realpathSync(join(root, 'packages/app/node_modules/is-odd/index.js'));
    assert.equal(names.nameOf(installed), { package: 'is-odd@3.0.1', path: 'index.js' });
    assert.is(names.toPath({ package: 'is-odd@3.0.1', path: 'index.js' }), installed);
    const linked = realpathSync(join(root, 'packages/app/node_modules/@shop/lib/src/cart.ts'));
    assert.equal(names.nameOf(linked), { path: 'packages/lib/src/cart.ts' });
  }));

test('toPath() finds a package not seen before, in the right version only', () =>
  withFolder((root) => {
    writeFiles(root, {
      'node_modules/a/package.json': { name: 'a', version: '1.0.0' },
      'node_modules/a/i.js': '',
      'node_modules/.pnpm/@s+b@2.0.0/node_modules/@s/b/package.json': { name: '@s/b', version: '2.0.0' },
      'node_modules/.pnpm/@s+b@2.0.0/node_modules/@s/b/i.js': '',
    });
    const find = (label: string, path = 'i.js'): string | undefined =>
      createFileNames(root).toPath({ package: label, path });
    assert.is(find('a@1.0.0'), join(root, 'node_modules/a/i.js'));
    assert.is(find('a@2.0.0'), undefined);
    assert.is(find('@s/b@2.0.0'), join(root, 'node_modules/.pnpm/@s+b@2.0.0/node_modules/@s/b/i.js'));
    assert.is(find('a@1.0.0', '../../x'), undefined);
    assert.is(find('../../../etc@1.0.0', 'passwd'), undefined);
    assert.is(find('node', 'fs'), undefined);
  }));

test('the hash follows the file and is not read again while it is unchanged', () =>
  withFolder((root) => {
    const file = join(root, 'a.js');
    writeFileSync(file, 'one');
    const names = createFileNames(root);
    assert.is(names.hashOf(file), sha256('one'));
    writeFileSync(file, 'three');
    assert.is(names.hashOf(file), sha256('three'));
    const before = new Date(1_700_000_000_000);
    utimesSync(file, before, before);
    names.hashOf(file);
    writeFileSync(file, 'THREE');
    utimesSync(file, before, before);
    assert.is(names.hashOf(file), sha256('three'), 'same time and size: from the cache');
    assert.is(names.hashOf(join(root, 'gone.js')), undefined);
  }));

test('a huge file is named without a hash', () =>
  withFolder((root) => {
    const file = join(root, 'huge.js');
    writeFileSync(file, '');
    truncateSync(file, 100 * 1024 * 1024);
    assert.equal(createFileNames(root).toSourceFile(file), { path: 'huge.js' });
  }));

test.run();
