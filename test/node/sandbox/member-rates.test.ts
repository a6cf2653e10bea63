import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemberBroadcasts } from '#node/sandbox/member-broadcasts.ts';
import { assertMayChat, MemberRates } from '#node/sandbox/member-rates.ts';
import type { MemberId } from '#shared/ids.ts';
import { failure } from '../failure.ts';

const [ADA, BOB] = [2, 3] as [MemberId, MemberId];

function broadcasts(now: () => number) {
  const shown: unknown[] = [];
  const sink = new MemberBroadcasts(new MemberRates(now), {
    onTarget: (member, topic) => shown.push(`${member} ${topic}`),
    onPresence: ({ member, line }) => shown.push(`${member} line ${line}`),
    onLeftOut: (member) => shown.push(`${member} left out`),
  });
  return { shown, sink };
}

const presence = (member: MemberId, line: number) => ({ presence: { member, line } });
const output = (chars: number) => ({ lines: [{ target: '2.00000001', sequence: 1, text: 'x'.repeat(chars) }] });

test('presence over the rate is shown when it settles, the latest only, and others’ at once', async () => {
  const { shown, sink } = broadcasts(() => 0);
  for (let line = 1; line <= 100; line++) sink.accept(ADA, 'presence', presence(ADA, line));
  assert.is(shown.length, 40);
  sink.accept(BOB, 'presence', presence(BOB, 1));
  assert.is(shown.at(-1), '3 line 1');
  const alive = setInterval(() => undefined, 50);
  while (shown.length < 42) await delay(20);
  clearInterval(alive);
  assert.is(shown.at(-1), '2 line 100');
});

test('nobody speaks of another’s presence', () => {
  const { shown, sink } = broadcasts(() => 0);
  sink.accept(ADA, 'presence', presence(BOB, 1));
  assert.equal(shown, []);
});

test('console lines over a member’s share are left out and said so once; the share comes back', () => {
  let now = 0;
  const { shown, sink } = broadcasts(() => now);
  for (let n = 0; n < 20; n++) sink.accept(ADA, 'output', output(1024 * 1024));
  assert.is(shown.filter((each) => each === '2 output').length, 7);
  assert.is(shown.filter((each) => each === '2 left out').length, 1);
  sink.accept(BOB, 'output', output(1024));
  assert.is(shown.at(-1), '3 output');
  now += 3_000;
  sink.accept(ADA, 'output', output(1024 * 1024));
  assert.is(shown.at(-1), '2 output');
});

test('chat is for people: twenty lines at once, then two a second', async () => {
  let now = 0;
  const rates = new MemberRates(() => now);
  for (let n = 0; n < 20; n++) assertMayChat(rates, ADA);
  assert.is((await failure(() => assertMayChat(rates, ADA))).code, 'LIMIT_EXCEEDED');
  now += 500;
  assertMayChat(rates, ADA);
  assert.throws(() => assertMayChat(rates, ADA));
});

test.run();
