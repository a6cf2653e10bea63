import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { type LocationContext, parseLocation, resolveLocation } from '#node/engine/source/location.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('locations');

function refused(action: () => unknown, message: string | RegExp): SandboxError {
  try {
    action();
  } catch (error) {
    assert.instance(error, SandboxError);
    assert.is((error as SandboxError).code, 'BAD_ARGUMENT');
    assert.match((error as Error).message, message);
    assert.ok((error as SandboxError).hint);
    return error as SandboxError;
  }
  throw new Error('was accepted');
}

const FILES = {
  'src/app.ts': '',
  'src/lib/cart.ts': '',
  'node_modules/express/package.json': { name: 'express', version: '4.0.0' },
  'node_modules/express/lib/router.js': '',
  'node_modules/@acme/kit/package.json': { name: '@acme/kit', version: '1.0.0' },
  'node_modules/@acme/kit/i.js': '',
};

function contextOf(root: string, folder = root, loaded: readonly SourceFile[] = []): LocationContext {
  return { folder, project: { id: 'p', name: 'shop', root }, names: createFileNames(root), loaded };
}

test('parseLocation() takes the numbers off the end', () => {
  const cases: [string, string, number, number | undefined][] = [
    ['src/app.ts:10', 'src/app.ts', 10, undefined],
    ['src/app.ts:10:5', 'src/app.ts', 10, 5],
    ['C:\\x\\y.ts:3', 'C:\\x\\y.ts', 3, undefined],
    ['C:\\x\\y.ts:3:7', 'C:\\x\\y.ts', 3, 7],
    ['./a.js:1', './a.js', 1, undefined],
    ['file:///x/a.ts:4:2', 'file:///x/a.ts', 4, 2],
    ['node:fs:12', 'node:fs', 12, undefined],
    ['  "with space.ts:2"  ', 'with space.ts', 2, undefined],
    ['odd:7name.ts:2', 'odd:7name.ts', 2, undefined],
  ];
  for (const [text, path, line, column] of cases) assert.equal(parseLocation(text), { path, line, column }, text);
});

test('parseLocation() says what is missing', () => {
  for (const [text, why] of [
    ['src/app.ts', 'no line number'],
    ['src/app.ts:', 'no line number'],
    ['src/app.ts:x', 'no line number'],
    ['C:\\x\\y.ts', 'no line number'],
    ['', 'no line number'],
    [':10', 'names no file'],
    ['a.ts:0', 'count from 1'],
    ['a.ts:1:0', 'count from 1'],
    ['a.ts:-1', 'no line number'],
    ['a.ts:99999999', 'is beyond'],
  ] as const) {
    refused(() => parseLocation(text), why);
  }
});

test('a path is found from the folder, from the root, absolute, as URL and through a symlink', () =>
  withFolder((folder) => {
    const root = join(folder, 'shop');
    writeFiles(root, FILES);
    symlinkSync(root, join(folder, 'link'));
    const at = (text: string, where = root): unknown => {
      const { file, line, column, found } = resolveLocation(text, contextOf(root, where));
      assert.is(found, 'disk', text);
      assert.match(file.sha256 ?? '', /^[0-9a-f]{64}$/);
      return [file.path, line, column];
    };
    assert.equal(at('src/app.ts:10'), ['src/app.ts', 10, undefined]);
    assert.equal(at('./app.ts:10:5', join(root, 'src')), ['src/app.ts', 10, 5]);
    assert.equal(at('../app.ts:1', join(root, 'src/lib')), ['src/app.ts', 1, undefined]);
    assert.equal(at('src/lib/cart.ts:1', join(root, 'src/lib')), ['src/lib/cart.ts', 1, undefined]);
    assert.equal(at(`${join(root, 'src/app.ts')}:3`), ['src/app.ts', 3, undefined]);
    assert.equal(at(`${join(folder, 'link/src/app.ts')}:3`, folder), ['src/app.ts', 3, undefined]);
    assert.equal(at(`${pathToFileURL(join(root, 'src/app.ts')).href}:3:1`), ['src/app.ts', 3, 1]);
  }));

test('files of packages are found by every way of writing them', () =>
  withFolder((root) => {
    writeFiles(root, FILES);
    const at = (text: string): unknown => {
      const { package: label, path } = resolveLocation(text, contextOf(root, join(root, 'src'))).file;
      return `${label} ${path}`;
    };
    assert.is(at('node_modules/express/lib/router.js:12'), 'express@4.0.0 lib/router.js');
    assert.is(at('express/lib/router.js:12'), 'express@4.0.0 lib/router.js');
    assert.is(at('@acme/kit/i.js:1:2'), '@acme/kit@1.0.0 i.js');
    assert.is(at('express@4.0.0/lib/router.js:12'), 'express@4.0.0 lib/router.js');
    assert.is(at('@acme/kit@1.0.0/i.js:12'), '@acme/kit@1.0.0 i.js');
    assert.is(at('node:internal/modules/cjs/loader:12'), 'node internal/modules/cjs/loader');
  }));

test('a symlinked package of the workspace is a file of the project', () =>
  withFolder((root) => {
    writeFiles(root, { 'packages/lib/package.json': { name: '@shop/lib' }, 'packages/lib/cart.ts': '' });
    mkdirSync(join(root, 'node_modules/@shop'), { recursive: true });
    symlinkSync(realpathSync(join(root, 'packages/lib')), join(root, 'node_modules/@shop/lib'));
    assert.is(resolveLocation('@shop/lib/cart.ts:1', contextOf(root)).file.path, 'packages/lib/cart.ts');
  }));

test('without a checkout the files that targets have loaded decide, by the end of the path', () => {
  const loaded: SourceFile[] = [
    { path: 'src/app.ts' },
    { path: 'src/a/index.ts' },
    { path: 'src/b/index.ts' },
    { package: 'express@4.0.0', path: 'lib/app.ts' },
    { package: '@acme/kit@1.0.0', path: 'i.js' },
  ];
  const context = { folder: '/somewhere', project: undefined, names: undefined, loaded };
  assert.equal(resolveLocation('app.ts:3', context), { file: { path: 'src/app.ts' }, line: 3, found: 'loaded' });
  assert.is(resolveLocation('b/index.ts:3', context).file.path, 'src/b/index.ts');
  assert.is(resolveLocation('express/lib/app.ts:3', context).file.package, 'express@4.0.0');
  assert.is(resolveLocation('node_modules/@acme/kit/i.js:3', context).file.package, '@acme/kit@1.0.0');
  assert.is(resolveLocation('src\\app.ts:3', context).file.path, 'src/app.ts');
  const error = refused(
    () => resolveLocation('index.ts:3', context),
    'fits 2 loaded files: src/a/index.ts, src/b/index.ts',
  );
  assert.is(error.hint, 'Write more of the path.');
});

test('a path that is nowhere is taken as typed, from the folder it was typed in', () =>
  withFolder((root) => {
    writeFiles(root, FILES);
    const at = (text: string, where: string): unknown => {
      const { file, found } = resolveLocation(text, contextOf(root, where));
      return [file.path, found];
    };
    assert.equal(at('src/new.ts:1', root), ['src/new.ts', 'nowhere']);
    assert.equal(at('./new.ts:1', join(root, 'src')), ['src/new.ts', 'nowhere']);
    assert.equal(at('src/new.ts:1', join(root, 'src')), ['src/new.ts', 'nowhere']);
    assert.equal(at(`${join(root, 'src/new.ts')}:1`, root), ['src/new.ts', 'nowhere']);
  }));

test('a path that no file can have is refused', () =>
  withFolder((root) => {
    refused(() => resolveLocation(`${'x'.repeat(5000)}.ts:1`, contextOf(root)), 'no such file');
    refused(() => resolveLocation('a\0b.ts:1', contextOf(root)), 'control characters');
  }));

test('what lies outside the project is refused with a hint', () =>
  withFolder((folder) => {
    const root = join(folder, 'shop');
    writeFiles(folder, { 'shop/a.ts': '', 'other/b.ts': '' });
    const error = refused(() => resolveLocation('../other/b.ts:1', contextOf(root)), 'outside the project "shop"');
    assert.match(error.hint ?? '', root);
    refused(() => resolveLocation('../other/none.ts:1', contextOf(root)), 'no such file');
    refused(() => resolveLocation('/etc/none.ts:1', contextOf(root)), 'no such file');
    refused(() => resolveLocation('file://host/x.ts:1', contextOf(root)), 'no local file');
  }));

test('without a bound project a file that happens to lie here decides nothing', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'src/app.ts': '' });
    const loaded = [{ path: 'web/src/app.ts' }];
    const context = { folder, project: undefined, names: undefined, loaded };
    assert.is(resolveLocation('src/app.ts:1', context).file.path, 'web/src/app.ts');
    assert.is(resolveLocation('src/app.ts:1', { ...context, loaded: [] }).found, 'nowhere');
    refused(() => resolveLocation(`${folder}/src/app.ts:1`, { ...context, loaded: [] }), 'no such file');
  }));

test.run();
