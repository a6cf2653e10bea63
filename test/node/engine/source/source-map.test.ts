import { once } from 'node:events';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { originalPositionFor } from '@jridgewell/trace-mapping';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LoadedMap, SourceMaps } from '#node/engine/source/source-map.ts';
import { withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('source maps');

const MAP = { version: 3, sources: ['a.ts'], sourcesContent: ['let a;'], mappings: 'AAAA' };

const inline = (map: unknown): string =>
  `data:application/json;base64,${Buffer.from(typeof map === 'string' ? map : JSON.stringify(map)).toString('base64')}`;

function load(
  mapUrl: string,
  scriptPath: string | undefined = '/app/dist/a.js',
  bases = ['/app'],
): LoadedMap | undefined {
  return new SourceMaps().load({ mapUrl, scriptPath, bases });
}

const pathsOf = (map: object): (string | undefined)[] => load(inline(map))?.sources.map((source) => source.path) ?? [];

test('inline maps are read in base64 and percent encoding', () => {
  const encoded = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(MAP))}`;
  for (const url of [inline(MAP), encoded]) {
    const source = load(url)?.sources[0];
    assert.is(source?.content, 'let a;');
    assert.is(source?.path, '/app/dist/a.ts');
  }
});

test('a map file is found beside the script, under an escaped name, and absolute', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'dist/a b.js.map': MAP, 'maps/a.map': `)]}'\n${JSON.stringify(MAP)}`, 'src/a.ts': '' });
    const script = join(folder, 'dist/a b.js');
    assert.is(load('a%20b.js.map', script)?.sources[0]?.path, join(folder, 'dist/a.ts'));
    assert.is(load('../maps/a.map', script)?.sources[0]?.path, join(folder, 'maps/a.ts'));
    assert.is(load(`file://${folder}/maps/a.map`, undefined)?.sources[0]?.path, join(folder, 'maps/a.ts'));
    assert.is(load('none.map', script), undefined);
  }));

test('sources are resolved by sourceRoot, relative to the map, and as absolute paths', () => {
  assert.equal(pathsOf({ ...MAP, sources: ['../src/a.ts'] }), ['/app/src/a.ts']);
  assert.equal(pathsOf({ ...MAP, sourceRoot: '../lib/', sources: ['a.ts'] }), ['/app/lib/a.ts']);
  assert.equal(pathsOf({ ...MAP, sourceRoot: '/elsewhere', sources: ['a.ts'] }), ['/elsewhere/a.ts']);
  assert.equal(pathsOf({ ...MAP, sources: ['/x/a.ts', 'file:///y/a.ts'] }), ['/x/a.ts', '/y/a.ts']);
});

test('a source with what URLs escape in its name is found, whether its compiler escaped it or not', () =>
  withFolder((folder) => {
    const names = ['my cart #1.ts', '100% sure.ts', 'a?b.ts', '50%25.ts'];
    for (const name of names) {
      writeFiles(folder, { [`c# app/src/${name}`]: '' });
      const script = join(folder, 'c# app/dist/a.js');
      const path = join(folder, 'c# app/src', name);
      const written = [
        { sources: [`../src/${name}`] },
        { sources: [`../src/${encodeURIComponent(name)}`] },
        { sources: [path] },
        { sources: [pathToFileURL(path).href] },
        { sources: [name], sourceRoot: '../src' },
      ];
      for (const named of written) {
        assert.is(load(inline({ ...MAP, ...named }), script)?.sources[0]?.path, path, JSON.stringify(named));
      }
    }
    writeFiles(folder, { 'dist/my cart #1.js.map': MAP });
    for (const url of ['my%20cart%20#1.js.map', 'my%20cart%20%231.js.map', 'my%20cart%20%231.js.map?v=2']) {
      assert.is(load(url, join(folder, 'dist/my cart #1.js'))?.sources[0]?.path, join(folder, 'dist/a.ts'), url);
    }
  }));

test('sources of another machine are found by the longest end of their path that is in the checkout', () =>
  withFolder((folder) => {
    const content = 'export const a = 1;';
    writeFiles(folder, {
      'packages/shop/src/cart.ts': '',
      'packages/shop/src/index.ts': '',
      'packages/shop/src/lib/money.ts': '',
      'packages/bank/src/index.ts': '',
      'packages/bank/src/till.ts': content,
      'node_modules/dep/src/cart.ts': '',
      'node_modules/dep/index.ts': '',
    });
    const shop = join(folder, 'packages/shop');
    const find = (...sources: string[]): string[] => {
      const map = inline({ ...MAP, sources, sourcesContent: [] });
      const found = load(map, join(shop, 'dist/a.js'), [shop, folder])?.sources ?? [];
      return found.map(({ path }) => (path?.startsWith(folder) === true ? path.slice(folder.length + 1) : 'elsewhere'));
    };
    assert.equal(find('/home/ci/build/src/cart.ts'), ['packages/shop/src/cart.ts']);
    assert.equal(find('file:///builds/x/packages/shop/src/cart.ts'), ['packages/shop/src/cart.ts']);
    assert.equal(find('C:\\agent\\1\\src\\lib\\money.ts'), ['packages/shop/src/lib/money.ts']);
    assert.equal(find('/ci/packages/bank/src/index.ts'), ['packages/bank/src/index.ts'], 'the longest end');
    assert.equal(find('/ci/src/index.ts'), ['packages/shop/src/index.ts'], 'next to the script first');
    assert.equal(find('/ci/node_modules/dep/index.ts'), ['node_modules/dep/index.ts']);
    assert.equal(find('/ci/node_modules/other/src/cart.ts', '/ci/lib/index.ts'), ['elsewhere', 'elsewhere']);
    assert.equal(find('/ci/x/../src/cart.ts', '/ci/../../src/../../cart.ts'), [
      'packages/shop/src/cart.ts',
      'elsewhere',
    ]);
    const rooted = { ...MAP, sourceRoot: '/source/', sources: ['cart.ts', 'lib/money.ts', 'none.ts'] };
    const paths = load(inline({ ...rooted, sourcesContent: [] }), join(shop, 'dist/a.js'), [shop, folder])?.sources;
    assert.equal(
      paths?.map(({ path }) => path),
      [join(shop, 'src/cart.ts'), join(shop, 'src/lib/money.ts'), '/source/none.ts'],
    );
    const bank = join(folder, 'packages/bank');
    const till = (text: string): string | undefined =>
      load(inline({ ...MAP, sources: ['/ci/till.ts'], sourcesContent: [text] }), join(bank, 'a.js'), [bank, folder])
        ?.sources[0]?.path;
    assert.is(till(content), join(bank, 'src/till.ts'), 'a name alone, of a file with the same text');
    assert.is(till('other'), join('/ci/till.ts'));
  }));

test('a map may begin with a byte order mark', () =>
  withFolder((folder) => {
    writeFiles(folder, { 'a.js.map': `\uFEFF${JSON.stringify(MAP)}` });
    assert.is(load('a.js.map', join(folder, 'a.js'))?.sources[0]?.content, 'let a;');
    assert.is(load(inline(`\uFEFF${JSON.stringify(MAP)}`))?.sources[0]?.content, 'let a;');
  }));

test("bundlers' invented names are looked for in the package, then in the project", () =>
  withFolder((folder) => {
    writeFiles(folder, { 'web/src/cart.ts': '', 'src/root.ts': '' });
    const find = (source: string): string | undefined =>
      load(inline({ ...MAP, sources: [source] }), join(folder, 'web/dist/a.js'), [join(folder, 'web'), folder])
        ?.sources[0]?.path;
    assert.is(find('webpack://shop/./src/cart.ts'), join(folder, 'web/src/cart.ts'));
    assert.is(find('webpack:///./src/cart.ts?1a2b'), join(folder, 'web/src/cart.ts'));
    assert.is(find('webpack:///src/root.ts'), join(folder, 'src/root.ts'));
    assert.is(find('webpack-internal:///(rsc)/./src/cart.ts'), join(folder, 'web/src/cart.ts'));
    assert.is(find('turbopack:///[project]/src/root.ts'), join(folder, 'src/root.ts'));
    assert.is(find('webpack://shop/webpack/bootstrap'), undefined);
    assert.is(find('webpack://shop/external "fs"'), undefined);
    assert.is(find('webpack://shop/./src/not-shipped.ts'), join(folder, 'web/src/not-shipped.ts'));
    assert.is(find('https://example.org/a.ts'), undefined);
    assert.is(find('file://other-host/a.ts'), undefined);
  }));

test('maps in sections are flattened', () => {
  const map = load(inline({ version: 3, sections: [{ offset: { line: 2, column: 0 }, map: MAP }] }));
  const trace = map?.trace();
  assert.ok(trace);
  assert.is(originalPositionFor(trace, { line: 3, column: 0 }).line, 1);
});

test('what is broken, strange or huge is no map, and nothing throws', () =>
  withFolder((folder) => {
    const broken = [
      '',
      'data:',
      'data:application/json;base64',
      'data:application/json;base64,!!!!',
      'data:application/json,%',
      inline('not json'),
      inline('null'),
      inline('[]'),
      inline({}),
      inline({ version: 3, sources: 5, mappings: 'AAAA' }),
      inline({ version: 3, sources: ['a'], mappings: 5 }),
      inline({ version: 3, sections: [{}] }),
      '/dev/zero',
      '/',
      folder,
      'http://[bad',
      'a\0b',
    ];
    for (const url of broken) assert.is(load(url), undefined, url.slice(0, 60));
    const huge = join(folder, 'huge.map');
    writeFileSync(huge, '');
    truncateSync(huge, 200 * 1024 * 1024);
    assert.is(load(huge), undefined);
    mkdirSync(join(folder, 'dir.map'));
    assert.is(load(join(folder, 'dir.map')), undefined);
  }));

test('broken mappings leave the sources and no positions', () => {
  const map = load(inline({ ...MAP, mappings: 'AAAA;zzzzzzzzzzzzzzzzzzzzzz!\u0000' }));
  assert.is(map?.sources.length, 1);
  map?.trace();
  const odd = load(inline({ version: 3, sources: [null, 'a.ts'], sourcesContent: [null], mappings: 'AAAA,CCAA' }));
  assert.equal(
    odd?.sources.map((source) => source.path),
    [undefined, '/app/dist/a.ts'],
  );
});

test('nothing is ever fetched', async () => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end(JSON.stringify(MAP));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    assert.is(load(`http://127.0.0.1:${port}/a.map`), undefined);
    assert.is(requests, 0);
  } finally {
    server.close();
    await once(server, 'close');
  }
});

test('a map loaded again is not parsed again', () => {
  const maps = new SourceMaps();
  const request = { mapUrl: inline(MAP), scriptPath: '/app/dist/a.js', bases: [] };
  assert.is(maps.load(request)?.trace(), maps.load(request)?.trace());
  assert.is.not(maps.load(request)?.trace(), maps.load({ ...request, scriptPath: '/app/other/a.js' })?.trace());
});

test.run();
