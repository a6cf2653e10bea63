/** Bundles the sync agent as the daemon is bundled: ours and its contenders alike, or tsx would be measured too. */

import path from 'node:path';
import { build } from 'esbuild';

const agent = path.resolve(import.meta.dirname, '../agents/sync.ts');

/** @param folder where the bundle goes. @returns its path */
export async function bundleAgent(folder: string): Promise<string> {
  const outfile = path.join(folder, 'sync-agent.mjs');
  await build({
    entryPoints: [agent],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning',
    // optional native add-ons; y-leveldb is what y-websocket's server stores with when it is told to
    external: ['bufferutil', 'utf-8-validate'],
    plugins: [
      {
        name: 'no-leveldb',
        setup(hooks) {
          hooks.onResolve({ filter: /^y-leveldb$/ }, () => ({ path: 'y-leveldb', namespace: 'absent' }));
          hooks.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
            contents: 'export class LeveldbPersistence {}',
          }));
        },
      },
    ],
    // CommonJS dependencies call require() for built-ins
    banner: {
      js: "import { createRequire as benchRequire } from 'node:module';\nconst require = benchRequire(import.meta.url);",
    },
  });
  return outfile;
}
