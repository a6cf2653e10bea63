import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { issueText } from '#protocol/issue-text.ts';

const schema = z.strictObject({
  name: z.string().min(1).max(5),
  limit: z.number().int().max(100).optional(),
  role: z.enum(['viewer', 'editor']).optional(),
  tags: z.array(z.string()).optional(),
  live: z.boolean().optional(),
});

function said(value: object): string {
  return issueText(schema.safeParse({ name: 'n', ...value }).error?.issues[0]);
}

test('what is wrong with a value is said in words for people, not in the schema’s', () => {
  assert.is(said({ name: '' }), 'it takes at least 1 character');
  assert.is(said({ name: 'a long one' }), 'it takes at most 5 characters');
  assert.is(said({ name: undefined }), 'it is missing');
  assert.is(said({ name: 7 }), 'it takes text');
  assert.is(said({ limit: Number.NaN }), 'it takes a number');
  assert.is(said({ limit: 1.5 }), 'it takes a whole number');
  assert.is(said({ limit: 101 }), 'it takes at most 100');
  assert.is(said({ role: 'boss' }), 'it takes viewer, editor');
  assert.is(said({ tags: 'a,b' }), 'it takes a list');
  assert.is(said({ live: 'yes' }), 'it takes true or false');
  assert.is(said({ bogus: 1, more: 2 }), 'there is no "bogus", "more"');
});

test.run();
