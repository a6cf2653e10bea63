/** Bundles the harness from the working tree for tests, so that they never run against a stale `.dist/`. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';

const sources = path.resolve(import.meta.dirname, '../../../node/targets/harness');

/** @returns a folder with harness.cjs and harness-worker.cjs, named with a space on purpose; removed at exit */
export function buildHarness(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sandmesh harness-'));
  buildSync({
    entryPoints: { harness: path.join(sources, 'preload.ts'), 'harness-worker': path.join(sources, 'worker.ts') },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    logLevel: 'warning',
  });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
