/** One TypeScript program with marked lines, built in the ways people build: what breakpoints and frames must get right. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { writeFiles } from './temporary-folder.ts';

const require = createRequire(import.meta.url);

/** `MARK name` ends the lines that tests talk about. `tick` runs every 5 ms. */
const CART = `// MARK header
import { format } from './format.js';

interface Item {
  price: number; // MARK type
  count: number;
}

export function total(items: readonly Item[]): number { // MARK function
  let sum = 0; // MARK statement
  for (const item of items) {
    // MARK comment
    sum += item.price * item.count; // MARK loop
  }

  return sum; // MARK return
}

export class Cart { // MARK class
  readonly items: Item[] = [];

  add(item: Item): this {
    this.items.push(item); // MARK method
    return this;
  }

  async checkout(): Promise<string> {
    const value = total(this.items); // MARK call
    await Promise.resolve();
    return format(value, (text) => text.trim()); // MARK after-await
  }
}

function tick(): void {
  const cart = new Cart();
  cart.add({ price: 2, count: 3 }).add({ price: 1, count: 1 }); // MARK chain
  void cart.checkout().then((text) => { // MARK then
    if (text === 'never') console.log(text);
  });
}

setInterval(tick, 5);
`;

const FORMAT = `export function format(value: number, finish: (text: string) => string): string {
  const text = \`\${value} EUR \`; // MARK format
  return finish(text);
}
`;

export const BUILDS = [
  'tsc, ES modules',
  'tsc, CommonJS',
  'tsc, inlined map and sources',
  'esbuild, bundled',
  'esbuild, bundled with names kept',
  'esbuild, bundled and minified',
  'tsx, ES modules',
  'tsx, CommonJS',
] as const;
export type BuildName = (typeof BUILDS)[number];

/** @returns arguments for node, to be run in `root` */
export async function buildCart(name: BuildName, root: string): Promise<string[]> {
  const type = name.includes('CommonJS') ? 'commonjs' : 'module';
  writeFiles(root, {
    'package.json': { name: 'cart', version: '1.0.0', type },
    'src/cart.ts': CART,
    'src/format.ts': FORMAT,
  });
  if (name.startsWith('tsx')) {
    const loader = pathToFileURL(require.resolve('tsx')).href;
    return ['--import', loader, 'src/cart.ts'];
  }
  if (name.startsWith('tsc')) runTsc(root, name.includes('inlined'));
  else await runEsbuild(root, name);
  return ['dist/cart.js'];
}

function runTsc(root: string, inlined: boolean): void {
  const maps = inlined ? ['--inlineSourceMap', '--inlineSources'] : ['--sourceMap', '--sourceRoot', '../src'];
  const options = ['--noCheck', '--target', 'es2022', '--module', 'nodenext', '--outDir', 'dist'];
  const tsc = join(require.resolve('typescript'), '../tsc.js');
  execFileSync(process.execPath, [tsc, 'src/cart.ts', ...options, ...maps], { cwd: root, stdio: 'pipe' });
}

async function runEsbuild(root: string, name: BuildName): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['src/cart.ts'],
    outfile: join(root, 'dist/cart.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    minify: name.includes('minified'),
    keepNames: name.includes('names kept'),
    sourcemap: name.includes('minified') ? 'linked' : 'inline',
    logLevel: 'silent',
  });
}

/** 1-based line that a mark is on. */
export function lineOf(root: string, mark: string, path = 'src/cart.ts'): number {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  const index = lines.findIndex((line) => line.endsWith(`MARK ${mark}`));
  if (index === -1) throw new Error(`no mark "${mark}"`);
  return index + 1;
}
