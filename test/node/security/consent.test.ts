import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConsentSubject, Consents } from '#node/security/consent.ts';
import type { MemberId } from '#shared/ids.ts';
import { failure } from '../failure.ts';
import { memoryStorage } from '../sandbox/fake-sandbox.ts';

function subject(member = 2, program = 'shop', right: ConsentSubject['right'] = 'evaluate'): ConsentSubject {
  return { member: member as MemberId, program, right };
}

test('what was never answered is asked', () => {
  assert.is(new Consents(memoryStorage()).answer(subject()), 'ask');
});

test('answers outlive the daemon', () => {
  const storage = memoryStorage();
  const consents = new Consents(storage);
  consents.record(subject(), 'allow');
  consents.record(subject(2, 'shop', 'patch'), 'deny');
  const again = new Consents(storage);
  assert.is(again.answer(subject()), 'allow');
  assert.is(again.answer(subject(2, 'shop', 'patch')), 'deny');
  assert.is(again.answer(subject(3)), 'ask');
  assert.equal(again.denials(), [subject(2, 'shop', 'patch')]);
});

test('a program’s name cannot be written so that it reads as another subject', () => {
  const consents = new Consents(memoryStorage());
  consents.record(subject(2, 'a evaluate b'), 'allow');
  consents.record(subject(2, '2 evaluate shop'), 'allow');
  for (const other of [subject(2, 'b'), subject(2, 'a'), subject(2, 'shop'), subject(2, 'evaluate b', 'patch')]) {
    assert.is(consents.answer(other), 'ask');
  }
});

const unusable: readonly [string, unknown][] = [
  ['nothing', undefined],
  ['a later version', { version: 2, answers: [{ ...subject(), answer: 'allow' }] }],
  ['an unknown answer', { version: 1, answers: [{ ...subject(), answer: 'always' }] }],
  ['an unknown right', { version: 1, answers: [{ ...subject(), right: 'everything', answer: 'allow' }] }],
  ['an impossible member', { version: 1, answers: [{ ...subject(0), answer: 'allow' }] }],
  ['a list', [{ ...subject(), answer: 'allow' }]],
];
for (const [what, stored] of unusable) {
  test(`a file with ${what} allows nobody anything`, () => {
    const consents = new Consents(memoryStorage(stored));
    assert.is(consents.answer(subject()), 'ask');
    assert.is(consents.answer(subject(0)), 'ask');
  });
}

test('every change is told, after it took effect', () => {
  const consents = new Consents(memoryStorage());
  const seen: unknown[] = [];
  consents.events.on('changed', (changed) => seen.push([changed.member, consents.answer(changed)]));
  consents.record(subject(), 'allow');
  consents.record(subject(), 'deny');
  consents.record(subject(3), 'allow');
  consents.forget(2 as MemberId);
  assert.equal(seen, [
    [2, 'allow'],
    [2, 'deny'],
    [3, 'allow'],
    [2, 'ask'],
  ]);
});

test('forgetting a member drops all of its answers, everywhere, and nobody else’s', () => {
  const storage = memoryStorage();
  const consents = new Consents(storage);
  consents.record(subject(), 'allow');
  consents.record(subject(2, 'other', 'patch'), 'deny');
  consents.record(subject(22), 'allow');
  consents.forget(2 as MemberId);
  for (const state of [consents, new Consents(storage)]) {
    assert.is(state.answer(subject()), 'ask');
    assert.is(state.answer(subject(2, 'other', 'patch')), 'ask');
    assert.is(state.answer(subject(22)), 'allow');
  }
});

test('on a full disk a no holds all the same, and a yes does not', async () => {
  const storage = memoryStorage();
  const consents = new Consents(storage);
  consents.record(subject(2), 'allow');
  storage.full = true;
  let told = 0;
  consents.events.on('changed', () => told++);
  assert.is((await failure(() => consents.record(subject(2), 'deny'))).code, 'HOME_UNWRITABLE');
  assert.is(consents.answer(subject(2)), 'deny');
  assert.is((await failure(() => consents.record(subject(3), 'allow'))).code, 'HOME_UNWRITABLE');
  assert.is(consents.answer(subject(3)), 'ask');
  assert.is((await failure(() => consents.record(subject(2), 'allow'))).code, 'HOME_UNWRITABLE');
  assert.is(consents.answer(subject(2)), 'deny');
  await failure(() => consents.forget(2 as MemberId));
  assert.is(consents.answer(subject(2)), 'ask');
  assert.is(told, 4);
});

test.run();
