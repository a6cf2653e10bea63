/**
 * Bundles the project into .dist/: the CLI and the daemon as one script each, run by a launcher with the code that V8
 * made of it in a rehearsal; the harness as self-contained files that are loaded into other people's processes; the sdk for
 * Node and for pages with its types. Every dependency is bundled, libsodium's add-on as a file beside the bundles; its
 * licence text goes into THIRD_PARTY_LICENSES.txt.
 *
 * Usage: `npm run build [-- --clean]`
 */

import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from 'esbuild';
import { sdkDeclarations } from '#client/sdk/type-declarations.ts';
import { RECORDERS, rehearse } from './build-rehearsal.ts';

const root = import.meta.dirname;
const dist = path.join(root, '.dist');
/** What was started from an earlier build may still load a file of it: those are kept for an hour. */
const STALE_AFTER_MS = 3_600_000;

/**
 * What no code path of ours reaches, by the end of its path: it would be read and scanned at every start. Zod's English
 * texts stay; fastify compiles no schema of a route (it is given its compilers) and is sent real requests only.
 */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'zod/v4/locales/index.js': "export { default as en } from './en.js';",
  '@fastify/ajv-compiler/index.js': notBundled('@fastify/ajv-compiler'),
  '@fastify/fast-json-stringify-compiler/index.js': notBundled('@fastify/fast-json-stringify-compiler'),
  'light-my-request/index.js': notBundled('light-my-request'),
};

function notBundled(name: string): string {
  return `module.exports = () => { throw new Error('${name} is not part of this bundle'); };`;
}

const leaveOut: Plugin = {
  name: 'leave-out',
  setup({ onLoad }) {
    for (const [file, contents] of Object.entries(LEFT_OUT)) {
      const filter = new RegExp(`/node_modules/${file.replaceAll('.', '\\.')}$`);
      onLoad({ filter }, ({ path: whole }) => ({ contents, resolveDir: path.dirname(whole), loader: 'js' }));
    }
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  target: 'node20.19',
  outdir: dist,
  // a string of one byte a character is read and scanned in half the time
  charset: 'ascii',
  plugins: [leaveOut],
  legalComments: 'none',
  logLevel: 'warning',
  // optional native add-ons of ws: it works without them
  external: ['bufferutil', 'utf-8-validate'],
} satisfies BuildOptions;

/** An ES module whose dynamic imports stay lazy: each becomes a chunk. */
const moduleOptions = {
  format: 'esm',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  // CommonJS dependencies call require() for built-ins; an ES module has none
  banner: {
    js: "import { createRequire as sandmeshCreateRequire } from 'node:module';\nconst require = sandmeshCreateRequire(import.meta.url);",
  },
} satisfies BuildOptions;

/** One script for a launcher: what is imported lazily is in it, and evaluated when it is asked for. */
const scriptOptions = {
  format: 'cjs',
  entryNames: '[name]-[hash]',
  outExtension: { '.js': '.cjs' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'importMetaUrl' },
} satisfies BuildOptions;

/** One self-contained file that `--require` and Worker take in whatever program it is loaded into. */
const harnessOptions = { format: 'cjs', outExtension: { '.js': '.cjs' } } satisfies BuildOptions;

/** One module for pages, with nothing of Node in it. */
const pageOptions = { format: 'esm', platform: 'browser', target: 'es2022' } satisfies BuildOptions;

const entries: readonly [name: string, file: string, options: BuildOptions][] = [
  ['cli', 'client/cli/main.ts', scriptOptions],
  ['daemon', 'node/main.ts', scriptOptions],
  ['sdk', 'client/sdk/sdk.ts', moduleOptions],
  ['sdk-browser', 'client/sdk/sdk-browser.ts', pageOptions],
  ['harness', 'node/targets/harness/preload.ts', harnessOptions],
  ['harness-import', 'node/targets/harness/import.ts', harnessOptions],
  ['remote-inspector', 'node/targets/external/remote-inspector.ts', { ...harnessOptions, minify: true }],
  ['harness-worker', 'node/targets/harness/worker.ts', harnessOptions],
];

const sodium = path.join('node_modules', 'sodium-native');
/** Those of its add-ons that are shipped. On other machines signatures are made by node:crypto. */
const MACHINES = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-arm64', 'win32-x64'];

/** Entries that a launcher runs. */
const LAUNCHED = ['cli', 'daemon'] as const;

interface Bundle {
  readonly files: OutputFile[];
  readonly metafile: Metafile;
}

/** One bundle per entry, so that an entry that does not compile keeps no other from being built. */
async function bundle(name: string, file: string, options: BuildOptions): Promise<Bundle> {
  const result = await build({ ...common, ...options, entryPoints: { [name]: file } });
  return { files: result.outputFiles ?? [], metafile: result.metafile ?? { inputs: {}, outputs: {} } };
}

/** What runs a script. @param recorder it writes down what was compiled of the script */
async function launcher(name: string, script: string, recorder: boolean): Promise<string> {
  const define = { BUNDLE: JSON.stringify(script), RECORDS: String(recorder) };
  const { outputFiles } = await build({
    ...common,
    ...harnessOptions,
    define,
    minifySyntax: true,
    entryPoints: { [name]: 'build-launcher.ts' },
  });
  return outputFiles[0]?.text ?? '';
}

/** Puts a file in place in one step, so that whoever loads it meanwhile sees the old or the new one whole. */
async function place(file: string, contents: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, contents);
  await chmod(temporary, mode);
  await rename(temporary, file);
}

function packageFolders(metafiles: Metafile[]): string[] {
  const folders = new Set<string>();
  for (const input of metafiles.flatMap((metafile) => Object.keys(metafile.inputs))) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) folders.add(match[1]);
  }
  return [...folders].sort();
}

/** libsodium, which sodium-native's add-ons hold without its notice. */
const LIBSODIUM = `libsodium (ISC)
---------------
Copyright (c) 2013-2025 Frank Denis <j at pureftpd dot org>

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted,
provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.`;

/** One section per bundled package: name, version, declared licence, and the licence files it ships. */
async function licences(metafiles: Metafile[]): Promise<string> {
  const sections: string[] = [];
  for (const folder of [...packageFolders(metafiles), sodium].sort()) {
    const absolute = path.join(root, folder);
    const manifest: { name: string; version: string; license?: string } = JSON.parse(
      await readFile(path.join(absolute, 'package.json'), 'utf8'),
    );
    const names = (await readdir(absolute)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort();
    const texts = await Promise.all(names.map((name) => readFile(path.join(absolute, name), 'utf8')));
    const head = `${manifest.name} ${manifest.version} (${manifest.license ?? 'licence not declared'})`;
    sections.push([head, '-'.repeat(head.length), ...texts.map((text) => text.trim())].join('\n'));
  }
  return `sandmesh contains parts of these packages.\n\n${[...sections, LIBSODIUM].join('\n\n\n')}\n`;
}

async function removeStale(fresh: Set<string>, olderThanMs: number): Promise<void> {
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isDirectory() || fresh.has(file)) continue;
    // another build may have removed it meanwhile
    const age = Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? 0);
    if (age >= olderThanMs) await rm(file, { force: true });
  }
}

const started = performance.now();
const present = entries.filter(([, file]) => existsSync(path.join(root, file)));
const settled = await Promise.allSettled(present.map((entry) => bundle(...entry)));
const bundles = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
const files = bundles.flatMap((bundle) => bundle.files);
// before what loads them
const addons: string[] = [];
for (const machine of MACHINES) {
  const addon = path.join(dist, `sodium-${machine}.node`);
  await place(addon, await readFile(path.join(root, sodium, 'prebuilds', machine, 'sodium-native.node')));
  addons.push(addon);
}
// chunks first, so that an entry never names a chunk that is not there yet
files.sort((a, b) => Number(b.path.includes('/chunks/')) - Number(a.path.includes('/chunks/')));
for (const file of files) await place(file.path, file.contents);
const launchers: string[] = [];
const codes: string[] = [];
for (const name of LAUNCHED) {
  const script = files.find((file) => path.basename(file.path).startsWith(`${name}-`) && file.path.endsWith('.cjs'));
  if (script === undefined) continue;
  const [file, code] = [path.join(dist, `${name}.cjs`), `${script.path}.${process.versions.v8}.code`];
  const text = await launcher(name, path.basename(script.path), false);
  await (name === 'cli' ? place(file, `#!/usr/bin/env node\n${text}`, 0o755) : place(file, text));
  launchers.push(file);
  codes.push(code);
  const recorder = path.join(dist, RECORDERS[name]);
  await place(recorder, await launcher(name, path.basename(script.path), true));
}
await place(path.join(dist, 'sdk.d.ts'), sdkDeclarations());
const licenceFile = path.join(dist, 'THIRD_PARTY_LICENSES.txt');
await place(licenceFile, await licences(bundles.map((bundle) => bundle.metafile)));
if (!codes.every((code) => existsSync(code))) await rehearse(dist);
// the daemon keeps what it writes to itself
for (const code of codes) if (existsSync(code)) await chmod(code, 0o644);
for (const name of Object.values(RECORDERS)) await rm(path.join(dist, name), { force: true });
const fresh = new Set([
  licenceFile,
  path.join(dist, 'sdk.d.ts'),
  ...addons,
  ...files.map((file) => file.path),
  ...launchers,
  ...codes,
]);
await removeStale(fresh, process.argv.includes('--clean') ? 0 : STALE_AFTER_MS);
const kilobytes = Math.round(files.reduce((sum, file) => sum + file.contents.length, 0) / 1024);
process.stderr.write(
  `built ${files.length} files, ${kilobytes} kB, in ${Math.round(performance.now() - started)} ms: .dist/\n`,
);
const broken = present.filter((_entry, index) => settled[index]?.status === 'rejected');
if (broken.length > 0) {
  // esbuild has printed the reasons
  process.stderr.write(`Cannot build ${broken.map(([, file]) => file).join(', ')}\n`);
  process.exitCode = 1;
}
