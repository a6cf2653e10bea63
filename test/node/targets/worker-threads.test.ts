/** Which threads of a real program are handed on to be debugged. */

import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WorkerThread } from '#node/targets/worker-threads.ts';
import { NODE, nextAttached, withBench, within } from './bench.ts';

const HOOKS = `export const load = async (url, context, next) => {
  const loaded = await next(url, context);
  return url.endsWith('app.mjs') ? { ...loaded, source: String(loaded.source).replace('HOOKED', 'hooked') } : loaded;
};`;

test("the thread of Node's module hooks is none of the program's, its own workers are", () =>
  withBench(async (bench) => {
    bench.write({
      'hooks.mjs': HOOKS,
      'register.mjs': "import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);",
      'job.cjs': "require('node:worker_threads').parentPort.postMessage('done');",
      'app.mjs': `import { Worker } from 'node:worker_threads';
        new Worker(new URL('./job.cjs', import.meta.url)).on('message', (text) => console.log('HOOKED', text));`,
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

test.run();
