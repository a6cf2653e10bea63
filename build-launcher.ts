/**
 * What `.dist/cli.cjs` and `.dist/daemon.cjs` are: each runs the bundle of its name with the code that V8 made of it when
 * it was built. To compile functions one by one, as each is first called, takes a command line half of its own time. A
 * Node of another version refuses the code and compiles the bundle as it comes.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Script } from 'node:vm';
import { runAsUsual, runToBeWritten } from './node/v8-settings.ts';

/** The bundle's name, which changes with its content: V8 looks at nothing but its length. By build.ts. */
declare const BUNDLE: string;
/** Whether to write down what was compiled by the time the process ends. By build.ts. */
declare const RECORDS: boolean;

const WRAPPER = ['(function (exports, require, module, __filename, __dirname) {', '\n})'];

function compiledCode(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const filename = path.join(__dirname, BUNDLE);
const codeFile = `${filename}.${process.versions.v8}.code`;
// All of it is ASCII.
const source = WRAPPER.join(readFileSync(filename, 'latin1'));
const cachedData = compiledCode(codeFile);
const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
if (RECORDS) {
  runToBeWritten();
  process.on('exit', () => {
    runAsUsual();
    writeFileSync(codeFile, script.createCachedData());
  });
}
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, createRequire(filename), bundle, filename, path.dirname(filename));
