import { realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AttachedProcess } from '#node/targets/attached-process.ts';
import { type Bench, firstStop, NODE, nextAttached, releaseAll, until, withBench, within } from './bench.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);
const nodemon = fileURLToPath(import.meta.resolve('nodemon/bin/nodemon.js'));
/** Launchers start "node": the one under test. */
const env = { PATH: `${path.dirname(NODE)}${path.delimiter}${process.env['PATH'] ?? ''}` };

const FILES = {
  'package.json': JSON.stringify({ name: 'tried', private: true, scripts: { start: 'node app.js one' } }),
  'app.js': `console.log('ran', process.argv[2]);\nsetInterval(() => {}, 1000);\n`,
  'app.ts': `const said: string = 'typed';\nconsole.log(said, process.argv[2]);\nsetInterval(() => {}, 1000);\n`,
};

/** Every process that came in while `work` ran. */
async function collect(bench: Bench, work: () => Promise<void>): Promise<AttachedProcess[]> {
  const seen: AttachedProcess[] = [];
  const off = bench.attachment.events.on('attached', (process) => seen.push(process));
  await work();
  off();
  return seen;
}

async function stopsAtFirstLine(argv: string[], urlRegex: string, entry: string, line = 1): Promise<void> {
  await withBench(async (bench) => {
    bench.write(FILES);
    const seen = await collect(bench, async () => {
      const attached = nextAttached(bench);
      const program = bench.run(argv, { env });
      const target = await attached;
      assert.is(target.held, true);
      assert.is(target.entry, realpathSync(path.join(bench.folder, entry)));
      assert.is(await firstStop(target, urlRegex, line), line);
      assert.not.match(program.stdout(), /ran|typed/);
      await target.cdp.send('Debugger.resume');
      await until(() => /ran one|typed one/.test(program.stdout()), 'the program ran');
    });
    assert.is(seen.length, 1, 'wrappers are no targets');
  });
}

test('npm start: the script is the only target and stops at its first line', () =>
  stopsAtFirstLine(['npm', 'start', '--silent'], 'app\\.js$', 'app.js'));

test('npx and node: likewise', () =>
  stopsAtFirstLine(['npx', '--no-install', 'node', 'app.js', 'one'], 'app\\.js$', 'app.js'));

// tsx emits a whole file on one line
test('tsx: its own command line is skipped, the TypeScript file stops', () =>
  stopsAtFirstLine([bin('tsx'), 'app.ts', 'one'], 'app\\.ts$', 'app.ts'));

test('node --import tsx: likewise', () =>
  stopsAtFirstLine(
    [NODE, '--import', path.join(root, 'node_modules/tsx/dist/loader.mjs'), 'app.ts', 'one'],
    'app\\.ts$',
    'app.ts',
  ));

test('nodemon: the program stops, nodemon itself is skipped', () =>
  stopsAtFirstLine([nodemon, '--quiet', 'app.js', 'one'], 'app\\.js$', 'app.js'));

test('node --watch: the program stops, the watching parent is skipped', () =>
  stopsAtFirstLine([NODE, '--watch', 'app.js', 'one'], 'app\\.js$', 'app.js'));

for (const [name, argv] of [
  ['node --watch', [NODE, '--watch', 'app.js', 'one']],
  ['nodemon', [nodemon, '--quiet', '--delay', '10ms', 'app.js', 'one']],
] as const) {
  test(`${name}: a restart comes in held and stops again`, () =>
    withBench(async (bench) => {
      bench.write(FILES);
      const attached = nextAttached(bench);
      const program = bench.run(argv, { env });
      const first = await attached;
      await first.release();
      await until(() => program.stdout().includes('ran one'), 'ran');
      const gone = first.events.next('exit');
      const again = nextAttached(bench);
      // The watcher may not look yet, and misses a change that comes too early.
      let changes = 0;
      const change = (): void => bench.write({ 'app.js': `${FILES['app.js']}// changed ${++changes}\n` });
      change();
      const rewriting = setInterval(change, 4_000);
      await within(gone, 'the old process exits').finally(() => clearInterval(rewriting));
      const second = await again;
      assert.is(second.held, true);
      assert.is(second.launch, first.launch);
      assert.is(second.entry, first.entry);
      assert.is.not(second.pid, first.pid);
      assert.is(await firstStop(second, 'app\\.js$'), 1);
    }));
}

test('a shell that runs two programs gives two targets of one launch', () =>
  withBench(async (bench) => {
    bench.write({ 'a.js': 'process.exit(3)', 'b.js': `console.log('b')` });
    const seen: AttachedProcess[] = [];
    const off = releaseAll(bench, seen);
    const program = bench.run(['sh', '-c', 'node a.js; node b.js'], { env });
    assert.equal(await within(program.exit, 'ended'), { code: 0, signal: null });
    off();
    assert.equal(
      seen.map(({ entry }) => path.basename(entry ?? '')),
      ['a.js', 'b.js'],
    );
    assert.is(seen[0]?.launch, seen[1]?.launch);
  }));

test.run();
