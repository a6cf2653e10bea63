/** One TypeScript program with marked lines, built in the ways people build: what breakpoints and frames must get right. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Compilers and bundlers of every day. */
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
/** Others, slower to load. */
export const MORE_BUILDS = [
  'swc, ES modules',
  'swc, CommonJS with an older target',
  'vite, server build',
  'vite, server build minified',
  'webpack, names of its own',
] as const;
export type BuildName = (typeof BUILDS)[number] | (typeof MORE_BUILDS)[number];

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
  else if (name.startsWith('swc')) await runSwc(root, name);
  else if (name.startsWith('vite')) await runVite(root, name.includes('minified'));
  else if (name.startsWith('webpack')) await runWebpack(root);
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

async function runSwc(root: string, name: BuildName): Promise<void> {
  const { transformFileSync } = await import('@swc/core');
  mkdirSync(join(root, 'dist'));
  const isCommonJs = name.includes('CommonJS');
  for (const module of ['cart', 'format']) {
    const { code, map = '' } = transformFileSync(join(root, `src/${module}.ts`), {
      cwd: root,
      swcrc: false,
      configFile: false,
      sourceMaps: true,
      // As its command line names them: from the folder of the output.
      sourceFileName: `../src/${module}.ts`,
      jsc: { parser: { syntax: 'typescript' }, target: isCommonJs ? 'es2015' : 'es2022' },
      module: { type: isCommonJs ? 'commonjs' : 'es6' },
    });
    writeFileSync(join(root, `dist/${module}.js`), `${code}//# sourceMappingURL=${module}.js.map\n`);
    writeFileSync(join(root, `dist/${module}.js.map`), map);
  }
}

async function runVite(root: string, minify: boolean): Promise<void> {
  const { build: viteBuild } = await import('vite');
  await viteBuild({
    root,
    configFile: false,
    logLevel: 'silent',
    build: { ssr: 'src/cart.ts', outDir: 'dist', sourcemap: true, minify },
    resolve: { alias: [{ find: './format.js', replacement: join(root, 'src/format.ts') }] },
  });
}

/** Its maps name the sources `webpack://cart/./src/cart.ts`, its modules are functions of one file. */
async function runWebpack(root: string): Promise<void> {
  const { default: webpack } = await import('webpack');
  const compiler = webpack({
    context: root,
    mode: 'development',
    target: 'node20',
    devtool: 'source-map',
    entry: './src/cart.ts',
    output: { path: join(root, 'dist'), filename: 'cart.js', module: true },
    experiments: { outputModule: true },
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    module: {
      rules: [
        {
          test: /\.ts$/,
          loader: require.resolve('swc-loader'),
          options: { swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } },
        },
      ],
    },
  });
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      const failure = error ?? (stats?.hasErrors() ? new Error(stats.toString('errors-only')) : null);
      compiler.close((closing) => {
        const reason = failure ?? closing;
        if (reason) reject(reason);
        else resolve();
      });
    });
  });
}

/** 1-based line that a mark is on. */
export function lineOf(root: string, mark: string, path = 'src/cart.ts'): number {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  const index = lines.findIndex((line) => line.endsWith(`MARK ${mark}`));
  if (index === -1) throw new Error(`no mark "${mark}"`);
  return index + 1;
}
