/** The documents' commands and paths are real: a name that is gone from the code is found here, not by a reader. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EXIT_CODE_HELP } from '#client/cli/exit-codes.ts';

const root = path.dirname(import.meta.dirname);
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'protocol/PROTOCOL.md'];

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

function help(...words: string[]): string {
  return execFileSync(process.execPath, [path.join(root, '.dist/cli.cjs'), ...words, '--help'], { encoding: 'utf8' });
}

test('every command that README shows exists', () => {
  const shown = new Set([...read('README.md').matchAll(/npx sandmesh ([a-z]+)/g)].map((match) => match[1] ?? ''));
  const commands = /^## Commands$(.*?)^## /ms.exec(read('README.md'))?.[1] ?? '';
  const table = [...commands.matchAll(/^\| ((?:`[^`]+` ?)+) \|/gm)].flatMap((row) =>
    [...(row[1] ?? '').matchAll(/`([a-z]+)/g)].map((match) => match[1] ?? ''),
  );
  for (const name of table) shown.add(name);
  const known = new Set([...help().matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1] ?? ''));
  assert.ok(shown.size > 20, [...shown].join(' '));
  for (const name of shown) assert.ok(known.has(name), `README shows "sandmesh ${name}"`);
});

test('the exit codes that README lists are those of the code, in its words', () => {
  const rows = [...read('README.md').matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, text]) => [Number(code), text]);
  assert.equal(rows, EXIT_CODE_HELP);
});

test('every npm script that the documents name exists', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
  for (const file of DOCUMENTS) {
    for (const [, name = ''] of read(file).matchAll(/npm run ([a-z:]+)/g))
      assert.ok(name in scripts, `${file}: ${name}`);
  }
});

test('every path of the project that the documents name exists', () => {
  for (const file of DOCUMENTS) {
    for (const [, name = ''] of read(file).matchAll(/`((?:shared|protocol|node|client|test)\/[^`<*]*?)`/g)) {
      assert.ok(existsSync(path.join(root, name.replace(/:\d+$/, ''))), `${file}: ${name}`);
    }
  }
});

test.run();
