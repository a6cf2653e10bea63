import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EntityTags } from '#node/gateway/http/entity-tags.ts';

test('equal bodies have equal tags, others others, whether they are kept, forgotten or too large to keep', () => {
  const tags = new EntityTags();
  const bodies = Array.from({ length: 200 }, (_, n) => JSON.stringify({ n })).concat('x'.repeat(10_000));
  const first = bodies.map((body) => tags.of(body));
  assert.is(new Set(first).size, bodies.length);
  assert.equal(
    bodies.map((body) => tags.of(`${body}`)),
    first,
  );
  assert.equal(
    bodies.map((body) => new EntityTags().of(body)),
    first,
  );
  for (const tag of first) assert.match(tag, /^"[\w-]{20,}"$/);
});

test.run();
