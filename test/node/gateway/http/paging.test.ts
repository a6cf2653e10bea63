import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type PageQuery, pageOf } from '#node/gateway/http/paging.ts';
import { REST_ROUTES } from '#protocol/api/rest-routes.ts';

const named = (...ids: string[]) => ids.map((id) => ({ id }));

/** Every page of a list that may be another one each time. */
function pages(lists: readonly (readonly unknown[])[], query: PageQuery): unknown[][] {
  const seen: unknown[][] = [];
  let cursor: string | undefined;
  for (const list of lists) {
    const { items, next } = pageOf(list, { ...query, cursor });
    seen.push(items);
    cursor = next;
    if (cursor === undefined) break;
  }
  return seen;
}

test('what goes away between two pages, whatever of the first it is, takes nothing of the second along', () => {
  const all = named('a', 'b', 'c', 'd', 'e');
  for (const gone of [[], ['a'], ['b'], ['a', 'b']]) {
    const left = all.filter(({ id }) => !gone.includes(id));
    assert.equal(pages([all, left], { limit: 2 })[1], named('c', 'd'), `without ${gone}`);
  }
});

test('what comes between two pages moves nothing', () => {
  const [before, after] = [named('b', 'd', 'e'), named('a', 'b', 'c', 'd', 'e')];
  assert.equal(pages([before, after], { limit: 2 }), [named('b', 'd'), named('e')]);
});

test('items are told apart by what names them, not by an id that is counted anew for each', () => {
  const pauses = ['1.a', '1.b', '1.c'].map((target) => ({ id: 1, target }));
  const each = pauses.map((pause) => [pause]);
  assert.equal(pages([pauses, pauses, pauses, pauses], { limit: 1, key: 'target' }), each);
  assert.is(REST_ROUTES.find(({ command }) => command === 'pause.list')?.key, 'target');
  const processes = [1, 2, 3].map((pid) => ({ pid }));
  assert.equal(pages([processes, processes.slice(1)], { limit: 1, key: 'pid' })[1], [{ pid: 2 }]);
});

test('a list without names goes by numbers', () => {
  const list = ['x', 'y', 'z'];
  assert.equal(pages([list, list], { limit: 2 }), [['x', 'y'], ['z']]);
});

test('a cursor stays within what the route takes, whatever the names', () => {
  const ids = Array.from({ length: 9 }, (_, i) => String(i).repeat(40));
  assert.ok((pageOf(named(...ids), { limit: 8 }).next?.length ?? 999) <= 400);
});

test.run();
