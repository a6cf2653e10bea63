import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { auditTable, parseSince } from '#client/cli/commands/audit.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { failure } from '../../node/failure.ts';

type Entry = CommandResult<'audit.list'>['entries'][number];

const plain = (text: string): string => text;
const colors = new Proxy({}, { get: () => plain }) as Parameters<typeof auditTable>[1];

function entry(seq: number, change: Partial<Entry>): Entry {
  return { v: 1, seq, previous: '', at: 0, type: 'done', via: 'peer', what: 'inspect.set', outcome: 'ok', ...change };
}

test('a beginning and its end are one line; one without an end says so', () => {
  const lines = auditTable(
    [
      entry(1, { type: 'begun', outcome: 'begun', name: 'bob', detail: 'a = 1' }),
      entry(2, { type: 'begun', outcome: 'begun', name: 'eve', detail: 'b = 2' }),
      entry(3, { type: 'ended', of: 1, outcome: 'TIMEOUT', why: 'too slow' }),
      entry(4, { type: 'opened', what: 'audit.opened' }),
    ],
    colors,
  ).split('\n');
  assert.is(lines.length, 3);
  assert.match(lines[1] ?? '', /bob.*a = 1.*TIMEOUT too slow/);
  assert.match(lines[2] ?? '', /eve.*b = 2.*no end on record/);
});

test('an end whose beginning lies before what is shown is shown by itself, and repeats are counted', () => {
  const text = auditTable(
    [entry(7, { type: 'ended', of: 3, outcome: 'ok' }), entry(8, { type: 'denied', outcome: 'FORBIDDEN', times: 41 })],
    colors,
  );
  assert.match(text, /FORBIDDEN \(41 more like it\)/);
  assert.is(text.split('\n').length, 3);
});

test('the last so many actions, not lines: an end does not count beside its beginning', () => {
  const text = auditTable(
    [
      entry(1, { name: 'ada' }),
      entry(2, { type: 'begun', outcome: 'begun', name: 'bob' }),
      entry(3, { type: 'begun', outcome: 'begun', name: 'eve' }),
      entry(4, { type: 'ended', of: 2 }),
      entry(5, { type: 'ended', of: 3 }),
    ],
    colors,
    2,
  );
  assert.match(text, /bob.*ok\n.*eve.*ok$/);
  assert.not.match(text, 'ada');
});

test('names and expressions from other machines cannot write to the terminal', () => {
  const text = auditTable([entry(1, { name: 'bob\u001b[2J', detail: 'x\u202e' })], colors);
  assert.not.match(text, '\u001b');
  assert.not.match(text, '\u202e');
});

test('--since takes an age or a date', async () => {
  const now = 1_000_000_000_000;
  assert.is(parseSince('30m', now), now - 1_800_000);
  assert.is(parseSince('7d', now), now - 7 * 86_400_000);
  assert.is(parseSince('2026-11-23T09:00:00Z', now), Date.UTC(2026, 10, 23, 9));
  assert.is(parseSince(undefined, now), undefined);
  assert.is(parseSince('2026-11-23'), Date.UTC(2026, 10, 23));
  for (const odd of ['yesterday', '1', '-1h', '3 days', '11/23', '2026', '']) {
    assert.is((await failure(() => parseSince(odd, now))).code, 'BAD_ARGUMENT', odd);
  }
});

test.run();
