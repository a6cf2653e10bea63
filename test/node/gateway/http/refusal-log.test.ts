import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_REFUSAL_LINES, RefusalLog } from '#node/gateway/http/refusal-log.ts';
import type { Refusal } from '#node/gateway/http/request-guard.ts';
import { FakeTimers } from '../../fake-timers.ts';

function scene() {
  const timers = new FakeTimers();
  const lines: (Refusal | Readonly<Record<number, number>>)[] = [];
  const log = new RefusalLog(
    { onRefusal: (refusal) => lines.push(refusal), onMoreRefusals: (counts) => lines.push(counts) },
    timers,
  );
  const note = (count: number, status: Refusal['status']): void => {
    for (let n = 0; n < count; n++) log.note({ status, detail: 'no' });
  };
  return { timers, lines, log, note };
}

test('the first of a minute have a line each, the others one together, and the next minute begins anew', () => {
  const { timers, lines, note } = scene();
  note(MAX_REFUSAL_LINES, 421);
  assert.equal(
    lines,
    Array.from({ length: MAX_REFUSAL_LINES }, () => ({ status: 421, detail: 'no' })),
  );
  timers.pass(59_000);
  note(5_000, 421);
  note(3, 403);
  assert.is(lines.length, MAX_REFUSAL_LINES);
  timers.pass(1_000);
  assert.equal(lines.splice(0).at(-1), { 421: 5_000, 403: 3 });
  assert.is(timers.pending, 0);
  note(1, 400);
  assert.equal(lines.splice(0), [{ status: 400, detail: 'no' }]);
  timers.pass(60_000);
  assert.equal(lines, [], 'where nothing was left out there is nothing to add');
});

test('what was counted is told when the daemon stops within the minute, once', () => {
  const { timers, lines, log, note } = scene();
  note(MAX_REFUSAL_LINES + 2, 415);
  log.stop();
  log.stop();
  timers.pass(60_000);
  assert.equal(lines.slice(MAX_REFUSAL_LINES), [{ 415: 2 }]);
});

test.run();
