/** The promises of probes; and each is watched: with a deliberate defect in the product its check fails. */

// test: limit 120 s

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadPatched } from '#test/simulate/load.ts';
import { PROBE_DEFECTS } from './defects.ts';
import { PROMISES } from './promises.ts';

for (const { title, check } of PROMISES) test(title, check);

for (const { name, breaks, patch } of PROBE_DEFECTS) {
  test(`notices the defect "${name}"`, async () => {
    const patched = await loadPatched<typeof import('./promises.ts')>('test/node/engine/debug/probes/promises.ts', [
      patch,
    ]);
    const promise = patched.PROMISES.find(({ title }) => title === breaks);
    if (promise === undefined) throw new RangeError(`There is no promise "${breaks}"`);
    const outcome = await Promise.resolve()
      .then(promise.check)
      .then(
        () => 'kept',
        () => 'broken',
      );
    assert.is(outcome, 'broken');
  });
}

test.run();
