import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HitCounts, hitTestCode, holdsAt } from '#node/engine/debug/breakpoints/hit-counts.ts';
import type { BreakpointId } from '#shared/ids.ts';
import { HIT_CONDITION } from '#shared/model/breakpoint.ts';

/** Asked as a program with a logpoint asks it. */
function saidByProgram(condition: string): number[] {
  const holds = new Function('p', `return ${hitTestCode('p.seen', condition)}`) as (p: { seen: number }) => boolean;
  const p = { seen: 0 };
  return [1, 2, 3, 4, 5, 6].filter(() => holds(p));
}

const stops = (condition: string): number[] => [1, 2, 3, 4, 5, 6].filter((hit) => holdsAt(condition, hit));

for (const [condition, expected] of [
  ['3', [3]],
  ['== 3', [3]],
  ['>= 3', [3, 4, 5, 6]],
  ['>3', [4, 5, 6]],
  ['<= 2', [1, 2]],
  ['< 2', [1]],
  ['% 2', [2, 4, 6]],
  ['%0', []],
  ['= 02', [2]],
] as const) {
  test(`"${condition}" stops at ${expected.length === 0 ? 'no hit' : `hits ${expected.join(', ')} of six`}`, () => {
    assert.ok(HIT_CONDITION.test(condition));
    assert.equal(stops(condition), [...expected]);
    assert.equal(saidByProgram(condition), [...expected], 'the same as code');
  });
}

for (const condition of ['', 'x', '3; code()', '>= -1', '=> 3', '3 ', '> 1 || true', '9999999999']) {
  test(`"${condition}" is no hit condition`, () => assert.not(HIT_CONDITION.test(condition)));
}

test('each breakpoint has a count of its own; it begins anew when it is wanted again or wants otherwise', () => {
  const counts = new HitCounts();
  const [a, b] = ['1.aaaa', '1.bbbb'] as BreakpointId[] as [BreakpointId, BreakpointId];
  const second = { id: a, hitCondition: '2' };
  assert.equal(
    [counts.stopsAt(second), counts.stopsAt({ id: b, hitCondition: '1' }), counts.stopsAt(second)],
    [false, true, true],
  );
  assert.is(counts.stopsAt({ id: a, hitCondition: '1' }), true);
  counts.keep(new Set([b]));
  assert.is(counts.stopsAt({ id: a, hitCondition: '1' }), true);
  assert.is(counts.stopsAt({ id: b }), true);
});

test.run();
