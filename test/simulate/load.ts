/**
 * Loads the simulator, the fuzzer, or another test's checks, together with the code they test, as one bundle; on request with that code changed
 * on the way: that is how deliberate defects come in, and nothing else knows of them. A change whose text is not found exactly once is an
 * error, so that no defect quietly becomes none.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');

/** One change of a source text. */
export interface Patch {
  /** From the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Checking one key costs 3 ms, and a run checks the same few for each of its daemons: the answer is remembered. What a
 * key check says depends on nothing but the key.
 */
const ACCELERATIONS: readonly Patch[] = [
  {
    file: 'protocol/ed25519-key.ts',
    find: 'export function isSafePublicKey(key: Uint8Array): boolean {',
    replace: `const answers = new Map<string, boolean>();
      export function isSafePublicKey(key: Uint8Array): boolean {
        const name = key.join();
        let answer = answers.get(name);
        if (answer === undefined) answers.set(name, (answer = reallyIsSafe(key)));
        return answer;
      }
      function reallyIsSafe(key: Uint8Array): boolean {`,
  },
];

/** @throws {Error} when a patch does not fit its file any more */
export function loadSimulation(patches: readonly Patch[] = []): Promise<typeof import('./simulation.ts')> {
  return loadPatched('test/simulate/simulation.ts', [...ACCELERATIONS, ...patches]);
}

/** @param entry from the project's root. @throws {Error} when a patch does not fit its file any more */
export async function loadPatched<T>(entry: string, patches: readonly Patch[]): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'sandmesh-simulate-'));
  try {
    const outfile = path.join(folder, 'patched.mjs');
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      sourcemap: 'inline',
      logLevel: 'silent',
      plugins: [packagesStay, patching(patches)],
    });
    return (await import(pathToFileURL(outfile).href)) as T;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Packages are loaded once, from where they lie, whatever bundle asks for them. */
const packagesStay: Plugin = {
  name: 'packages stay',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[a-z@]/ }, ({ path: specifier, kind }) =>
      kind === 'entry-point' ? undefined : { path: import.meta.resolve(specifier), external: true },
    );
  },
};

function patching(patches: readonly Patch[]): Plugin {
  const files = new Set(patches.map((patch) => path.join(root, patch.file)));
  return {
    name: 'patching',
    setup: ({ onLoad, onEnd }) => {
      const left = new Set(files);
      onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        if (!files.has(file)) return undefined;
        left.delete(file);
        const own = patches.filter((patch) => path.join(root, patch.file) === file);
        return { contents: own.reduce(applyPatch, await readFile(file, 'utf8')), loader: 'ts' };
      });
      onEnd(() => {
        if (left.size > 0) throw new Error(`Cannot patch ${[...left].join()}: nothing loads it`);
      });
    },
  };
}

function applyPatch(text: string, { file, find, replace }: Patch): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`Cannot patch ${file}: it holds ${places} times:\n${find}`);
  return text.replace(find, () => replace);
}
