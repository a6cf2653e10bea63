import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planLine } from '#node/engine/debug/breakpoints/breakpoint-plan.ts';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { createScriptRegistry } from '#node/engine/source/script-registry.ts';
import type { BreakpointCandidate } from '#node/engine/source/script-registry-interface.ts';
import { createServedFiles } from '#node/security/served-files.ts';
import type { CdpSession } from '#node/targets/attached-process.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { deadCdp, deadRegistry, parsed } from './dead-process.ts';
import { withRegistry } from './registered-process.ts';
import { withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('built before');

test('a program that runs what was built before is not shown by the map of the later build', () =>
  withFolder(async (root) => {
    const bundle = (text: string): Promise<unknown> => {
      writeFiles(root, { 'package.json': { name: 'built', type: 'module' }, 'src/app.ts': text });
      const options = { bundle: true, format: 'esm', sourcemap: true, logLevel: 'silent' } as const;
      return build({ absWorkingDir: root, entryPoints: ['src/app.ts'], outfile: 'dist/app.js', ...options });
    };
    const app = { path: 'src/app.ts' };
    const running = { path: 'dist/app.js' };
    await bundle('\uFEFFlet n: number = 0;\nsetInterval(() => {\n  n += 1;\n}, 5);\nconsole.log("\0 ü");\n');
    await withRegistry(root, ['dist/app.js'], async ({ registry, run, loaded }) => {
      await run();
      await loaded(app);
      const [place] = await registry.candidates(app, 3);
      assert.is(place?.line, 3);
      await bundle('let n: number = 0;\nconsole.log("new");\n\n\nsetInterval(() => {\n  n += 1;\n}, 5);\n');
      assert.is((await registry.locate(place as BreakpointCandidate)).line, 3, 'what was read in time is kept');

      const late = createScriptRegistry({
        cdp: deadCdp,
        names: createFileNames(root),
        served: createServedFiles(root),
      });
      late.add(
        parsed(1, pathToFileURL(join(root, 'dist/app.js')).href, { sourceMapURL: 'app.js.map', hash: 'a'.repeat(64) }),
      );
      assert.equal(await late.filesOf('1'), [running]);
      assert.is(await late.has(app), false);
      assert.equal(await late.builtAnew(app), running);
      const { file, line } = await late.locate({ scriptId: '1', lineNumber: 2, columnNumber: 0 });
      assert.is(`${file?.path}:${line}`, 'dist/app.js:3');

      const hash = createFileNames(root).hashOf(join(root, 'dist/app.js'));
      late.add(parsed(2, pathToFileURL(join(root, 'dist/app.js')).href, { sourceMapURL: 'app.js.map', hash }));
      assert.is(await late.has(app), true);
      assert.is(await late.builtAnew(app), undefined, 'once the new build is loaded, too');
    });
  }));

test('a file that was changed since what runs was made from it is told as such, where its map has no text of it', () =>
  withFolder(async (root) => {
    const map = { version: 3, sources: ['../src/a.ts'], mappings: 'AAAA' };
    writeFiles(root, {
      'package.json': { name: 'built' },
      'src/a.ts': 'let a = 1;\n',
      'dist/a.js': '',
      'dist/a.js.map': map,
      'dist/b.js': '',
      'dist/b.js.map': { ...map, sourcesContent: ['let a = 1;\n'] },
      'run/c.ts': '',
    });
    const location = { scriptId: '1', lineNumber: 0, columnNumber: 0 };
    const cdp = { ...deadCdp, send: async () => ({ locations: [location] }) } as unknown as CdpSession;
    const registry = createScriptRegistry({ cdp, names: createFileNames(root), served: createServedFiles(root) });
    const url = (path: string): string => pathToFileURL(join(root, path)).href;
    const inline = { version: 3, sources: [url('run/c.ts')], mappings: 'AAAA' };
    const ago = (path: string, seconds: number): void => {
      const time = Date.now() / 1000 - seconds;
      utimesSync(join(root, path), time, time);
    };
    for (const path of ['dist/a.js', 'dist/b.js']) ago(path, 100);
    for (const path of ['src/a.ts', 'run/c.ts']) ago(path, 102);
    registry.add(parsed(1, url('dist/a.js'), { sourceMapURL: 'a.js.map' }));
    registry.add(
      parsed(2, url('run/c.ts'), {
        sourceMapURL: `data:application/json,${encodeURIComponent(JSON.stringify(inline))}`,
      }),
    );
    const a = { path: 'src/a.ts' };
    const c = { path: 'run/c.ts' };
    const why = async (file: SourceFile): Promise<string | undefined> => {
      const plan = await planLine(registry, { kind: 'line', file, line: 1 });
      assert.is(plan.state, 'armed');
      return plan.reason;
    };
    assert.equal([await why(a), await why(c)], [undefined, undefined]);
    ago('src/a.ts', 97);
    assert.is(await why(a), undefined, 'files of one checkout');
    ago('src/a.ts', 50);
    assert.match((await why(a)) ?? '', 'newer than dist/a.js, made from it');
    ago('run/c.ts', 50);
    assert.is(await why(c), undefined, 'compiled in memory, later');
    ago('run/c.ts', -50);
    assert.match((await why(c)) ?? '', 'changed since it was loaded');
    const carried = deadRegistry(root);
    carried.add(parsed(1, url('dist/b.js'), { sourceMapURL: 'b.js.map' }));
    assert.is(await carried.has(a), true);
    assert.is(await carried.madeBefore(a), undefined, 'the map says what it was made from');
  }));

test.run();
