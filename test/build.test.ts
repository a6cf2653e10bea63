/** What `npm run build` leaves: scripts that start with compiled code where V8 takes it, and without where it does not. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Script } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.dirname(import.meta.dirname);
const dist = path.join(root, '.dist');
const CODE = `.${process.versions.v8}.code`;

/** The script that a launcher runs. */
function scriptOf(name: 'cli' | 'daemon'): string {
  const named = /"([a-z]+-[A-Z0-9]+\.cjs)"/.exec(readFileSync(path.join(dist, `${name}.cjs`), 'utf8'));
  if (named?.[1] === undefined) throw new Error(`${name}.cjs names no script`);
  return named[1];
}

const test = suite<{ folder: string }>('build');

test.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'sm-build-test-'));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

for (const name of ['cli', 'daemon'] as const) {
  test(`V8 takes the code that ${name} starts with, and anybody may read it`, () => {
    const filename = path.join(dist, scriptOf(name));
    const source = readFileSync(filename, 'latin1');
    // as build-launcher.ts puts it
    const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
    const cachedData = readFileSync(filename + CODE);
    assert.is(new Script(wrapped, { filename, cachedData }).cachedDataRejected, false);
    assert.is(new Script(`${wrapped};`, { filename, cachedData }).cachedDataRejected, true);
    assert.is(statSync(filename + CODE).mode & 0o444, 0o444);
  });
}

test('code that is missing, cut or of something else is done without', ({ folder }) => {
  const copy = path.join(folder, '.dist');
  mkdirSync(copy);
  const script = scriptOf('cli');
  for (const file of ['cli.cjs', script]) cpSync(path.join(dist, file), path.join(copy, file));
  cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  const code = readFileSync(path.join(dist, script + CODE));
  const help = (): string =>
    execFileSync(process.execPath, [path.join(copy, 'cli.cjs'), '--help'], { encoding: 'utf8' });
  const expected = help();
  assert.match(expected, 'Usage: sandmesh');
  for (const bytes of [Buffer.alloc(0), code.subarray(0, 1000), Buffer.from('no code'), Buffer.alloc(5000, 1)]) {
    writeFileSync(path.join(copy, script + CODE), bytes);
    assert.is(help(), expected);
  }
});

test('the recorders of the rehearsal are gone', () => {
  assert.equal(
    readdirSync(dist).filter((name) => name.startsWith('record-')),
    [],
  );
});

test.run();
