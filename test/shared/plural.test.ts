import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { count } from '#shared/plural.ts';

test('one is singular, everything else is not', () => {
  assert.equal(
    [0, 1, 2].map((n) => count(n, 'program')),
    ['0 programs', '1 program', '2 programs'],
  );
  assert.equal(
    [1, 2].map((n) => count(n, 'address')),
    ['1 address', '2 addresses'],
  );
  assert.equal(
    [1, 2].map((n) => count(n, 'sandbox')),
    ['1 sandbox', '2 sandboxes'],
  );
  assert.equal([count(2, 'entry'), count(2, 'day')], ['2 entries', '2 days']);
});

test.run();
