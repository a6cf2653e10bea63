import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFileNames } from '#node/engine/source/file-names.ts';
import type { BreakpointCandidate, ScriptRegistry } from '#node/engine/source/script-registry-interface.ts';
import type { SandboxError } from '#shared/errors.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { deadRegistry, parsed } from './dead-process.ts';
import { withRegistry } from './registered-process.ts';
import { withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('script registry');

const CART = { path: 'src/cart.ts' };

test('plain scripts: CommonJS, a column, code without a file, Node itself', () =>
  withFolder(async (root) => {
    writeFiles(root, {
      'package.json': { name: 'plain', version: '1.0.0' },
      'app.js': `const dep = require('dep');
setInterval(() => {
  dep(one(), two());

  // nothing
}, 5);
function one() { return 1; } function two() { return 2; }
`,
      'node_modules/dep/package.json': { name: 'dep', version: '2.0.0' },
      'node_modules/dep/lib/i.js': 'module.exports = (a, b) => {\n  eval("debugger; a + b");\n};\n',
      'node_modules/dep/index.js': "\uFEFFmodule.exports = require('./lib/i.js');\n",
    });
    await withRegistry(root, ['app.js'], async (running) => {
      const { registry, cdp } = running;
      await running.run();
      const stop = await running.paused();
      const places = await Promise.all(
        stop.callFrames.map(({ location }) => registry.locate({ columnNumber: 0, ...location })),
      );
      assert.is(places[0]?.file, undefined, 'eval has no file');
      const evaluated = await registry.text({ source: places[0]?.source as never });
      assert.is(evaluated.text, 'debugger; a + b');
      assert.is(`${places[1]?.file?.package}/${places[1]?.file?.path}:${places[1]?.line}`, 'dep@2.0.0/lib/i.js:2');
      assert.is(`${places[2]?.file?.path}:${places[2]?.line}:${places[2]?.column}`, 'app.js:3:3');
      assert.is(places[3]?.file?.package, 'node');
      assert.is(places[3]?.internal, true);
      assert.is(places[3]?.source, (await registry.text({ file: places[3]?.file as SourceFile })).source);
      assert.is(places[2]?.file?.sha256, createFileNames(root).hashOf(join(root, 'app.js')));

      const file = { path: 'app.js' };
      const at = async (line: number, column?: number): Promise<unknown> => {
        const [found] = await registry.candidates(file, line, column);
        return found && [found.lineNumber + 1, found.columnNumber + 1, found.line];
      };
      assert.equal(await at(3), [3, 3, 3]);
      assert.equal(await at(3, 7), [3, 7, 3]);
      assert.equal(await at(3, 12), [3, 14, 3]);
      assert.equal(await at(4), [6, 1, 6]);
      assert.equal(await at(5), [6, 1, 6]);
      assert.equal(await at(7, 36), [7, 47, 7]);
      assert.is(await at(500), undefined);
      const marked = { package: 'dep@2.0.0', path: 'index.js' };
      const onDisk = createFileNames(root).toSourceFile(join(root, 'node_modules/dep/index.js')) as SourceFile;
      assert.is(await registry.contentMatches(onDisk), true, 'a byte order mark is no difference');
      assert.is((await registry.text({ file: marked })).text, "\uFEFFmodule.exports = require('./lib/i.js');\n");
      await cdp.send('Debugger.resume');
    });
  }));

test('the text that runs is given when the file on disk has changed since', () =>
  withFolder(async (root) => {
    writeFiles(root, { 'package.json': {}, 'app.mjs': 'setInterval(() => 1, 5);\n' });
    await withRegistry(root, ['app.mjs'], async ({ registry, run, loaded }) => {
      await run();
      await loaded({ path: 'app.mjs' });
      writeFileSync(join(root, 'app.mjs'), 'something else entirely\n');
      assert.is((await registry.text({ file: { path: 'app.mjs' } })).text, 'setInterval(() => 1, 5);\n');
      const onDisk = createFileNames(root).toSourceFile(join(root, 'app.mjs')) as SourceFile;
      assert.is(await registry.contentMatches(onDisk), false);
    });
  }));

test('a file with a byte order mark, a NUL and what is no UTF-8 is known for the one that runs', () =>
  withFolder(async (root) => {
    for (const [name, start] of Object.entries({ 'odd.cjs': '', 'odd.mjs': 'export ' })) {
      const text = `\uFEFF${start}const odd = 'a\0b \u00fc`;
      writeFiles(root, {
        'package.json': {},
        [`${name}.map`]: { version: 3, sources: ['odd.ts'], sourcesContent: [''], mappings: 'AAAA' },
      });
      const rest = `';\nsetInterval(() => odd, 5);\n//# sourceMappingURL=${name}.map\n`;
      writeFileSync(join(root, name), Buffer.concat([Buffer.from(text), Buffer.from([0xff]), Buffer.from(rest)]));
      await withRegistry(root, [name], async ({ registry, run, loaded }) => {
        await run();
        await loaded({ path: name });
        assert.is(await registry.has({ path: 'odd.ts' }), true, name);
      });
    }
  }));

test("bundlers' eval with invented names is found under the file it names", () =>
  withFolder(async (root) => {
    const map = {
      version: 3,
      sources: ['webpack://shop/./src/cart.ts'],
      mappings: 'AACA',
      sourcesContent: ['\nlet price = 1;'],
    };
    const data = Buffer.from(JSON.stringify(map)).toString('base64');
    const code = `let price = 1; globalThis.p = price;\n//# sourceMappingURL=data:application/json;base64,${data}\n//# sourceURL=webpack-internal:///./src/cart.ts\n`;
    writeFiles(root, {
      'package.json': { name: 'shop' },
      'src/cart.ts': '\nlet price = 1;',
      'dist/main.js': `setInterval(() => eval(${JSON.stringify(code)}), 5);`,
    });
    await withRegistry(root, ['dist/main.js'], async ({ registry, run, loaded }) => {
      await run();
      await loaded(CART);
      const [found] = await registry.candidates(CART, 2);
      assert.is(found?.line, 2);
      const place = await registry.locate(found as BreakpointCandidate);
      assert.is(`${place.file?.path}:${place.line}`, 'src/cart.ts:2');
      assert.is((await registry.text({ file: CART })).text, '\nlet price = 1;');
    });
  }));

test('a line that one of two bundles has dropped is looked for in the other alone', () =>
  withFolder(async (root) => {
    writeFiles(root, {
      'package.json': { name: 'two', type: 'module' },
      'src/lib.ts':
        'export function total(n: number) {\n  return n + 1;\n}\n\nexport function greet() {\n  return 2;\n}\n',
      'src/a.ts': "import { total } from './lib.ts';\nexport const run = () => total(1);\n",
      'src/b.ts': "import { greet } from './lib.ts';\nexport const run = () => greet();\n",
      'main.js':
        "import { run as a } from './dist/a.js';\nimport { run as b } from './dist/b.js';\nsetInterval(() => a() + b(), 5);\n",
    });
    await build({
      absWorkingDir: root,
      entryPoints: ['src/a.ts', 'src/b.ts'],
      outdir: 'dist',
      bundle: true,
      format: 'esm',
      sourcemap: true,
      logLevel: 'silent',
    });
    await withRegistry(root, ['main.js'], async ({ registry, run, loaded }) => {
      await run();
      await Promise.all([loaded({ path: 'src/a.ts' }), loaded({ path: 'src/b.ts' })]);
      const linesOf = async (wanted: number): Promise<number[]> => {
        const found = await registry.candidates({ path: 'src/lib.ts' }, wanted);
        return Promise.all(found.map(async (at) => (await registry.locate(at)).line));
      };
      assert.equal(await linesOf(2), [2]);
      assert.equal(await linesOf(6), [6]);
    });
  }));

test('a script of 100 MB is listed, located and read without harm', () =>
  withFolder(async (root) => {
    writeFiles(root, {
      'package.json': {},
      'big.cjs': `/*${'x'.repeat(100 * 1024 * 1024)}*/\nsetInterval(() => 1, 5);\n`,
    });
    await withRegistry(root, ['big.cjs'], async ({ registry, run, loaded }) => {
      await run();
      await loaded({ path: 'big.cjs' });
      const [found] = await registry.candidates({ path: 'big.cjs' }, 2);
      assert.is(found?.line, 2);
      const place = await registry.locate(found as BreakpointCandidate);
      assert.is(place.line, 2);
      const text = await registry.text({ file: { path: 'big.cjs' } });
      assert.is(text.text.length, 100 * 1024 * 1024 + 30);
      assert.is(text.source, place.source);
    });
  }));

// From here on a session that answers nothing: what needs no process.

async function refusedWith(code: string, action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    assert.is((error as SandboxError).code, code);
    return;
  }
  assert.unreachable(`expected ${code}`);
}

test('locate() answers for unknown scripts, broken maps and a target that is gone', async () => {
  const registry = deadRegistry('/app');
  registry.add(
    parsed(1, 'file:///app/a.js', { sourceMapURL: 'data:application/json,{"sources":["b.ts"],"mappings":"%21"}' }),
  );
  registry.add(parsed(2, ''));
  const at = (scriptId: string): Promise<unknown> => registry.locate({ scriptId, lineNumber: 4, columnNumber: 2 });
  const place = { line: 5, column: 3, source: undefined, internal: false };
  assert.equal(await at('99'), { ...place, file: undefined });
  assert.equal(await at('1'), { ...place, file: { path: 'a.js' } });
  assert.equal(await at('2'), { ...place, file: undefined });
});

test('text() refuses what is never served, loaded or not, and what is unknown', () =>
  withFolder(async (root) => {
    writeFiles(root, {
      'package.json': {},
      '.env': 'A=1',
      '.sandmeshignore': 'private/',
      'private/a.js': '',
      'other.js': '',
      'node_modules/x/package.json': { name: 'x', version: '1.0.0' },
      'node_modules/x/i.js': '',
    });
    const registry = deadRegistry(root);
    registry.add(parsed(1, pathToFileURL(join(root, 'private/a.js')).href));
    await refusedWith('PATH_FORBIDDEN', registry.text({ file: { path: '.env' } }));
    await refusedWith('PATH_FORBIDDEN', registry.text({ file: { path: 'private/a.js' } }));
    await refusedWith('PATH_FORBIDDEN', registry.text({ file: { package: 'x@1.0.0', path: 'i.js' } }));
    await refusedWith('SOURCE_UNKNOWN', registry.text({ file: { path: 'other.js' } }));
    await refusedWith('SOURCE_UNKNOWN', registry.text({ file: { path: 'none.js' } }));
    await refusedWith('SOURCE_UNKNOWN', registry.text({ source: 'f'.repeat(64) as never }));
  }));

test("a map cannot name another program's files, nor keys, into being served", () =>
  withFolder(async (folder) => {
    const root = join(folder, 'app');
    writeFiles(folder, { 'app/a.js': '', 'app/.env': 'A=1', 'outside.ts': 'secret', 'app/package.json': {} });
    const registry = deadRegistry(root);
    const map = { version: 3, sources: ['../outside.ts', '.env'], mappings: 'AAAA,CCAA' };
    const sourceMapURL = `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
    registry.add(parsed(1, pathToFileURL(join(root, 'a.js')).href, { sourceMapURL }));
    assert.equal(await registry.filesOf('1'), [{ path: '.env' }]);
    const place = await registry.locate({ scriptId: '1', lineNumber: 0, columnNumber: 0 });
    assert.equal(place.file, { path: 'a.js' });
    await refusedWith('PATH_FORBIDDEN', registry.text({ file: { path: '.env' } }));
  }));

test("a package's maps are read only when somebody asks about the package", () =>
  withFolder(async (root) => {
    writeFiles(root, {
      'package.json': {},
      'node_modules/x/package.json': { name: 'x', version: '1.0.0' },
      'node_modules/x/dist/i.js': '',
      'node_modules/x/dist/i.js.map': { version: 3, sources: ['../src/i.ts'], sourcesContent: ['1'], mappings: 'AAAA' },
    });
    const url = pathToFileURL(join(root, 'node_modules/x/dist/i.js')).href;
    const original = { package: 'x@1.0.0', path: 'src/i.ts' };
    const running = { package: 'x@1.0.0', path: 'dist/i.js' };
    const announced = (registry: ScriptRegistry, id: number): Promise<readonly SourceFile[]> =>
      new Promise((resolve) => {
        registry.onFiles(resolve);
        registry.add(parsed(id, url, { sourceMapURL: 'i.js.map' }));
      });
    const registry = deadRegistry(root);
    assert.equal(await announced(registry, 1), [running]);
    assert.equal(await registry.list(), [running]);
    assert.is(await registry.has(original), true);
    assert.is(await registry.has(running), true);

    const asked = deadRegistry(root);
    assert.is(await asked.has(original), false);
    assert.equal(await announced(asked, 1), [original, running]);
  }));

test('what a program evaluates and reloads without end is forgotten, oldest first', async () => {
  const registry = deadRegistry('/app');
  for (let id = 1; id <= 6_000; id += 1) registry.add(parsed(id, '', { hash: 'a'.repeat(64) }));
  for (let id = 10_001; id <= 10_100; id += 1) registry.add(parsed(id, `file:///app/hot.js?t=${id}`));
  const sourceOf = async (id: number): Promise<unknown> =>
    (await registry.locate({ scriptId: String(id), lineNumber: 0, columnNumber: 0 })).source;
  assert.is(await sourceOf(1), undefined);
  assert.is(await sourceOf(6_000), 'a'.repeat(64));
  assert.equal(await registry.filesOf('10001'), []);
  assert.equal(await registry.filesOf('10100'), [{ path: 'hot.js' }]);
  assert.equal(await registry.list(), [{ path: 'hot.js' }]);
});

test('locating is fast enough for a pause of sixty frames', async () => {
  const registry = deadRegistry('/app');
  const sources = Array.from({ length: 60 }, (_, n) => `src/${n}.ts`);
  const mappings = sources.map((_, n) => (n === 0 ? 'AAAA' : 'ACAA')).join(';');
  const map = { version: 3, sources, sourcesContent: sources, mappings };
  const sourceMapURL = `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
  registry.add(parsed(1, 'file:///app/bundle.js', { sourceMapURL }));
  const pause = async (): Promise<number> => {
    const start = performance.now();
    for (let line = 0; line < 60; line += 1)
      await registry.locate({ scriptId: '1', lineNumber: line, columnNumber: 0 });
    return performance.now() - start;
  };
  const cold = await pause();
  const warm = Math.min(await pause(), await pause(), await pause());
  assert.is((await registry.locate({ scriptId: '1', lineNumber: 59, columnNumber: 0 })).file?.path, 'src/59.ts');
  assert.ok(cold < 250, `cold ${cold.toFixed(1)} ms`);
  assert.ok(warm / 60 < 0.25, `warm ${(warm / 60).toFixed(3)} ms a frame`);
});

test.run();
