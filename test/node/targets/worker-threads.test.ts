/** Which threads of a real program are handed on to be debugged. */

import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WorkerThread } from '#node/targets/worker-threads.ts';
import { NODE, nextAttached, until, withBench, within } from './bench.ts';

const HOOKS = `export const load = async (url, context, next) => {
  const loaded = await next(url, context);
  return url.endsWith('app.mjs') ? { ...loaded, source: String(loaded.source).replace('HOOKED', 'hooked') } : loaded;
};`;

test("the threads of Node's module hooks, of a compiler and of another daemon's harness are none of the program's, its own workers are", () =>
  withBench(async (bench) => {
    bench.write({
      'hooks.mjs': HOOKS,
      'register.mjs': "import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);",
      // Where a harness lies: what another home brought in has one.
      'elsewhere/.dist/harness-worker.cjs': '',
      'node_modules/esbuild/lib/main.js': '',
      'job.cjs': "require('node:worker_threads').parentPort.postMessage('done');",
      'app.mjs': `import { Worker } from 'node:worker_threads';
        const start = (file) => new Worker(new URL(file, import.meta.url));
        start('./elsewhere/.dist/harness-worker.cjs').on('exit', () =>
          start('./node_modules/esbuild/lib/main.js').on('exit', () =>
            start('./job.cjs').on('message', (text) => console.log('HOOKED', text))));`,
    });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, '--import', './register.mjs', 'app.mjs']);
    const process = await attached;
    const seen: WorkerThread[] = [];
    await process.workers?.follow((worker) => {
      seen.push(worker);
      void worker.release();
    });
    await process.release();
    const { code } = await within(program.exit, 'the program to end');
    assert.equal([code, program.stdout(), program.stderr()], [0, 'hooked done\n', '']);
    assert.equal(
      seen.map(({ entry }) => path.basename(entry ?? '')),
      ['job.cjs'],
    );
  }));

test('a thread has the number that the program knows it by, whenever it is found', () =>
  withBench(async (bench) => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    bench.write({
      ...Object.fromEntries(names.map((name) => [`${name}.cjs`, 'setInterval(() => undefined, 1e6);'])),
      'app.cjs': `const { Worker } = require('node:worker_threads');
        const start = (name) => [name, new Worker(require('node:path').join(__dirname, name + '.cjs'))];
        const workers = ${JSON.stringify(names)}.map(start);
        const online = workers.map(([, worker]) => new Promise((resolve) => worker.once('online', resolve)));
        Promise.all(online).then(() => workers[1][1].terminate()).then(() => {
          const lines = workers.filter((_, index) => index !== 1).map(([name, { threadId }]) => name + ' ' + threadId);
          console.log(lines.join(', '));
        });`,
    });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.cjs']);
    const process = await attached;
    await process.release();
    await until(() => program.stdout().includes('\n'), 'the workers to run');
    const seen: WorkerThread[] = [];
    await process.workers?.follow((worker) => seen.push(worker));
    const found = seen.map(({ entry, thread }) => `${path.basename(entry ?? '', '.cjs')} ${thread}`);
    assert.is(`${found.sort().join(', ')}\n`, program.stdout());
    await process.detach();
    program.child.kill();
    await within(program.exit, 'the program to end');
  }));

test.run();
