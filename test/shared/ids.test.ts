import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostOfTarget, isMemberId, isSandboxId, isTargetId, MAX_MEMBER_ID, type TargetId } from '#shared/ids.ts';
import {
  breakpointIdSchema,
  contentHashSchema,
  memberIdSchema,
  sandboxIdSchema,
  targetIdSchema,
} from '#shared/model/schemas.ts';

test('a sandbox id is 40 lower-case hex digits', () => {
  assert.ok(isSandboxId('0123456789abcdef0123456789abcdef01234567'));
  for (const text of ['', 'a'.repeat(39), 'a'.repeat(41), 'A'.repeat(40), `${'a'.repeat(40)}\n`, 'g'.repeat(40)]) {
    assert.not(isSandboxId(text), JSON.stringify(text));
    assert.not(sandboxIdSchema.safeParse(text).success);
  }
});

test('a member number is whole, from 1 to 2^21 - 1', () => {
  assert.ok(isMemberId(1));
  assert.ok(isMemberId(MAX_MEMBER_ID));
  for (const value of [0, -1, 1.5, MAX_MEMBER_ID + 1, Number.NaN, '1', null]) {
    assert.not(isMemberId(value), String(value));
    assert.not(memberIdSchema.safeParse(value).success);
  }
});

test('the host of a target is read from its id', () => {
  assert.ok(isTargetId('12.00ff00ff'));
  assert.is(hostOfTarget('12.00ff00ff' as TargetId), 12);
  for (const text of [
    '0.00ff00ff',
    '01.00ff00ff',
    '1.00FF00FF',
    '1.00ff00f',
    '1.00ff00ff0',
    '1.00ff00ff\n',
    '.00ff00ff',
  ]) {
    assert.not(isTargetId(text), JSON.stringify(text));
    assert.not(targetIdSchema.safeParse(text).success);
  }
});

test('breakpoint ids and content hashes take their own form only', () => {
  assert.ok(breakpointIdSchema.safeParse('3.k9x2f').success);
  for (const text of ['3.', '3.K9X2F', '0.k9x2f', '3.k9x2f\n', '3.__proto__']) {
    assert.not(breakpointIdSchema.safeParse(text).success, JSON.stringify(text));
  }
  assert.ok(contentHashSchema.safeParse('ab'.repeat(32)).success);
  assert.not(contentHashSchema.safeParse('AB'.repeat(32)).success);
});

test.run();
