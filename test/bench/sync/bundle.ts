/**
 * Bundles the sync agent as the daemon is bundled and starts it as the daemon is started, by a launcher with the code
 * that V8 made before (build-launcher.ts): ours and its contenders alike, or tsx would be measured too.
 */

import { copyFileSync, existsSync, linkSync } from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { sodiumFile } from '#node/security/sodium.ts';
import type { ContenderName } from './contender.ts';

const agent = path.resolve(import.meta.dirname, '../agents/sync.ts');
const launcher = path.resolve(import.meta.dirname, '../../../build-launcher.ts');

const common = { bundle: true, format: 'cjs', platform: 'node', target: 'node20.19', logLevel: 'warning' } as const;

const agentOptions = {
  ...common,
  charset: 'ascii',
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
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'importMetaUrl' },
} satisfies BuildOptions;

/** What a process of a world does: each role has code of its own. */
export type AgentRole = 'hub' | 'first' | 'next';

export class AgentBundle {
  readonly #folder: string;
  readonly #launchers = new Map<string, Promise<string>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param folder where its files go */
  static async build(folder: string): Promise<AgentBundle> {
    await build({ ...agentOptions, entryPoints: [agent], outfile: path.join(folder, 'agent.cjs') });
    // as beside the daemon's bundle
    copyFileSync(sodiumFile(), path.join(folder, `sodium-${process.platform}-${process.arch}.node`));
    return new AgentBundle(folder);
  }

  /** @param records it writes down what was compiled, for those after it. @returns what to run */
  launcher(contender: ContenderName, role: AgentRole, records: boolean): Promise<string> {
    const name = `${contender}-${role}`;
    const outfile = path.join(this.#folder, `${records ? 'record' : 'run'}-${name}.cjs`);
    let made = this.#launchers.get(outfile);
    if (made === undefined) {
      made = this.#make(name, outfile, records);
      this.#launchers.set(outfile, made);
    }
    return made;
  }

  async #make(name: string, outfile: string, records: boolean): Promise<string> {
    const script = `${name}.cjs`;
    const file = path.join(this.#folder, script);
    if (!existsSync(file)) linkSync(path.join(this.#folder, 'agent.cjs'), file);
    const define = { BUNDLE: JSON.stringify(script), RECORDS: String(records) };
    await build({ ...common, define, minifySyntax: true, entryPoints: [launcher], outfile });
    return outfile;
  }
}
