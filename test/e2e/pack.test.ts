// test: limit 180 s
/** What `npm pack` ships works where nothing else of the project is: installed into an empty folder elsewhere. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadSodium } from '#node/security/sodium.ts';

const root = path.resolve(import.meta.dirname, '../..');
const MAX_DISK_BYTES = 90 * 1000 * 1000;

interface Installed {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Packs what was built, installs it as a user would, and removes all of it afterwards. */
function withInstalled(act: (installed: Installed) => void): void {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'pack-'));
  try {
    // the runner has built already: packing must not build under the feet of other test files
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', temporary], { cwd: root });
    const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
    assert.ok(tarball, 'npm pack made no tarball');
    const folder = path.join(temporary, 'elsewhere');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'package.json'), '{ "name": "elsewhere", "private": true }\n');
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', path.join(temporary, tarball)], {
      cwd: folder,
    });
    act({ folder, env: { ...process.env, SANDMESH_HOME: path.join(temporary, 'h') } });
  } finally {
    rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

function diskBytes(entry: string): number {
  const stats = lstatSync(entry);
  if (!stats.isDirectory()) return stats.blocks * 512;
  return readdirSync(entry).reduce((sum, name) => sum + diskBytes(path.join(entry, name)), stats.blocks * 512);
}

test('installed from its tarball, sandmesh runs a program and prints nothing on the program’s streams', () => {
  withInstalled(({ folder, env }) => {
    const sandmesh = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync('npx', ['--no-install', 'sandmesh', ...args], { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
    const manifest: { version: string } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    assert.is(sandmesh('--version').stdout.trim(), manifest.version);
    assert.match(sandmesh('--help').stdout, 'sandmesh join');

    writeFileSync(path.join(folder, 'app.cjs'), 'console.log(6 * 7); process.exitCode = 3;\n');
    try {
      const run = sandmesh('run', '--private', '--', 'node', 'app.cjs');
      assert.is(run.stdout, '42\n', run.stderr);
      assert.is(run.status, 3, run.stderr);
      const line = ['--import', 'sandmesh/harness', 'app.cjs'];
      const imported = spawnSync(process.execPath, line, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
      assert.is(imported.stdout, '42\n', imported.stderr);
      assert.is(imported.status, 3, imported.stderr);
      assert.match(imported.stderr, /^elsewhere is open/);
    } finally {
      sandmesh('stop');
    }

    assert.ok(diskBytes(folder) <= MAX_DISK_BYTES, `${diskBytes(folder)} bytes on disk`);
    const shipped = path.join(folder, 'node_modules/sandmesh');
    for (const part of ['libp2p', 'libsodium (ISC)'])
      assert.match(readFileSync(path.join(shipped, '.dist/THIRD_PARTY_LICENSES.txt'), 'utf8'), part);
    const addon = path.join(shipped, `.dist/sodium-${process.platform}-${process.arch}.node`);
    assert.not.throws(() => loadSodium(addon));
    for (const name of ['test', 'node', 'client'])
      assert.not(existsSync(path.join(shipped, name)), `${name}/ is shipped`);
  });
});

test.run();
