import fs, { readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonFile, writeFileAtomic } from '#node/storage/atomic-file.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const mode = (path: string): number => statSync(path).mode & 0o777;

test('a file is written whole, 0600, in folders made 0700, and leaves no other file', () =>
  withFolder((folder) => {
    const file = join(folder, 'a', 'b', 'state.json');
    const text = JSON.stringify({ text: 'ä'.repeat(2_000_000) });
    writeFileAtomic(file, text);
    assert.is(readFileSync(file, 'utf8'), text);
    assert.equal([mode(file), mode(join(folder, 'a')), mode(join(folder, 'a', 'b'))], [0o600, 0o700, 0o700]);
    assert.equal(readdirSync(join(folder, 'a', 'b')), ['state.json']);
  }));

test('a file that was there is replaced, and is 0600 whatever it was', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.json');
    await writeFile(file, 'old and longer');
    await chmod(file, 0o644);
    writeFileAtomic(file, 'new');
    assert.is(readFileSync(file, 'utf8'), 'new');
    assert.is(mode(file), 0o600);
  }));

test('a place that cannot be written to is named, and nothing is left behind', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'file'), '');
    await mkdir(join(folder, 'folder', 'inside'), { recursive: true });
    for (const path of [join(folder, 'file', 'x.json'), join(folder, 'folder'), '/proc/sandmesh/x.json']) {
      const error = await failure(() => writeFileAtomic(path, '{}'));
      assert.is(error.code, 'HOME_UNWRITABLE');
      assert.match(error.message, `"${path}"`);
      assert.match(error.hint ?? '', 'SANDMESH_HOME');
    }
    assert.equal(readdirSync(folder).sort(), ['file', 'folder']);
  }));

test('a full disk is said to be that, and nothing is left behind', () =>
  withFolder(async (folder) => {
    const { writeFileSync } = fs;
    fs.writeFileSync = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    syncBuiltinESMExports();
    try {
      const error = await failure(() => writeFileAtomic(join(folder, 'x.json'), '{}'));
      assert.is(error.code, 'HOME_UNWRITABLE');
      assert.is(error.hint, 'Free some space on the disk, and try again.');
    } finally {
      fs.writeFileSync = writeFileSync;
      syncBuiltinESMExports();
    }
    assert.equal(readdirSync(folder), []);
  }));

test('reading gives the value, undefined for no file, and a clear error for anything else', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.json');
    assert.is(readJsonFile(file), undefined);
    writeFileAtomic(file, '{"a":1}');
    assert.equal(readJsonFile(file), { a: 1 });
    for (const text of ['', '{"a":', 'nonsense', '\u0000']) {
      await writeFile(file, text);
      const error = await failure(() => readJsonFile(file));
      assert.is(error.code, 'STORAGE_CORRUPT');
      assert.match(error.message, `"${file}"`);
    }
    assert.is((await failure(() => readJsonFile(folder))).code, 'STORAGE_CORRUPT');
  }));

test.run();
