import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Projects } from '#node/storage/projects.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { withFolder } from '../engine/source/temporary-folder.ts';

const test = suite('projects');

const A = 'a'.repeat(40) as SandboxId;
const B = 'b'.repeat(40) as SandboxId;

const READER = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  let reads = 0;
  let broken = 0;
  parentPort.postMessage('started');
  do {
    reads += 1;
    try {
      JSON.parse(readFileSync(workerData.file, 'utf8'));
    } catch {
      broken += 1;
    }
  } while (Atomics.load(workerData.done, 0) === 0);
  parentPort.postMessage({ reads, broken });
`;

const withProjects = (body: (projects: Projects, file: string) => Promise<void> | void): Promise<void> =>
  withFolder((folder) => {
    const file = join(folder, 'data', 'projects.json');
    return body(new Projects(file), file);
  });

test('a bound project is found by its id from every folder, after a restart too', () =>
  withProjects((projects, file) => {
    assert.is(projects.sandboxOf({ id: 'p', root: '/x' }), undefined);
    projects.bind('p', A, '/x');
    projects.bind('p', A, '/y');
    assert.is(new Projects(file).sandboxOf({ id: 'p', root: '/elsewhere' }), A);
    assert.is(projects.sandboxOf({ id: 'q', root: '/x' }), undefined);
    assert.equal(projects.list()[0]?.roots, ['/y', '/x']);
    assert.is(statSync(file).mode & 0o777, 0o600);
  }));

test('binding again replaces the sandbox and keeps the folders', () =>
  withProjects((projects) => {
    projects.bind('p', A, '/x');
    projects.bind('p', B, '/y');
    assert.is(projects.sandboxOf({ id: 'p', root: '/x' }), B);
    assert.is(projects.list().length, 1);
  }));

test('a shallow clone finds the sandbox of the full one by the origin', () =>
  withProjects((projects) => {
    projects.bind('full', A, '/x', { originId: 'o' });
    assert.is(projects.sandboxOf({ id: 'shallow', root: '/y', originId: 'o' }), A);
    assert.is(projects.sandboxOf({ id: 'other', root: '/y' }), undefined);
  }));

test('a folder keeps its sandbox when its id changes, and gives it up to another project', () =>
  withProjects((projects) => {
    projects.bind('before', A, '/x', { formerIds: ['tie'] });
    assert.is(projects.sandboxOf({ id: 'after', root: '/x', formerIds: ['before'] }), A, 'named before');
    assert.is(projects.sandboxOf({ id: 'after', root: '/x', formerIds: ['tie'] }), A, 'tied');
    assert.is(projects.sandboxOf({ id: 'after', root: '/y', formerIds: ['before', 'tie'] }), undefined, 'elsewhere');
    projects.bind('stranger', B, '/x');
    assert.equal(
      projects.list().map((binding) => binding.project),
      ['stranger'],
    );
  }));

test('unbind() frees a project, or all projects of a sandbox', () =>
  withProjects((projects) => {
    projects.bind('p', A, '/x');
    projects.bind('q', A, '/y');
    projects.bind('r', B, '/z');
    assert.is(projects.unbind('p'), true);
    assert.is(projects.unbind('p'), false);
    assert.is(projects.unbind(A), true);
    assert.equal(
      projects.list().map((binding) => binding.project),
      ['r'],
    );
  }));

test('a damaged file and one from the future are refused and left as they are', () =>
  withProjects((projects, file) => {
    projects.bind('p', A, '/x');
    for (const [text, code] of [
      ['{ "version": 1, "bind', 'STORAGE_CORRUPT'],
      ['{ "version": 1, "bindings": [{}] }', 'STORAGE_CORRUPT'],
      ['[]', 'STORAGE_CORRUPT'],
      ['{ "version": 2, "bindings": "?" }', 'VERSION_UNSUPPORTED'],
    ] as const) {
      writeFileSync(file, text);
      for (const action of [() => projects.list(), () => projects.bind('q', B, '/y')]) {
        try {
          action();
          assert.unreachable();
        } catch (error) {
          assert.instance(error, SandboxError);
          assert.is((error as SandboxError).code, code);
        }
      }
      assert.is(readFileSync(file, 'utf8'), text);
    }
  }));

test('a reader never sees half a file', () =>
  withProjects(async (projects, file) => {
    projects.bind('p', A, '/first');
    const done = new Int32Array(new SharedArrayBuffer(4));
    // Reads in a thread of its own as fast as it can, and counts what did not parse.
    const reader = new Worker(READER, { eval: true, workerData: { file, done } });
    await once(reader, 'message');
    for (let n = 0; n < 100; n += 1) projects.bind(`p${n % 7}`, A, `/${'x'.repeat(n * 50)}`);
    Atomics.store(done, 0, 1);
    const [{ reads, broken }] = (await once(reader, 'message')) as [{ reads: number; broken: number }];
    assert.ok(reads > 0);
    assert.is(broken, 0);
  }));

test('nothing is left beside the file', () =>
  withProjects((projects, file) => {
    for (let n = 0; n < 5; n += 1) projects.bind(`p${n}`, A, `/x${n}`);
    assert.ok(existsSync(file));
    assert.equal(readdirSync(join(file, '..')), ['projects.json']);
  }));

test.run();
