import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { changedStretch, rebaseStretch } from '#shared/documents/draft.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

function apply(text: string, change: ReturnType<typeof changedStretch>): string {
  if (change === undefined) return text;
  return text.slice(0, change.at) + change.inserted + text.slice(change.at + change.removed);
}

test('changedStretch() is what makes one text of the other, and never cuts a character', () => {
  const random = randomFrom(seedOf('stretches'));
  const letters = ['a', 'b', '\n', '🌍', '🌎'];
  const text = (): string =>
    Array.from({ length: Math.floor(random() * 8) }, () => letters[Math.floor(random() * letters.length)]).join('');
  for (let n = 0; n < 2_000; n++) {
    const [before, after] = [text(), text()];
    const change = changedStretch(before, after);
    assert.is(apply(before, change), after);
    // Throws for half a character.
    if (change !== undefined) encodeURIComponent(change.inserted);
  }
});

test('rebaseStretch() keeps two changes of different places, and refuses two of one place', () => {
  const before = 'one two three';
  const mine = changedStretch(before, 'one two 3');
  const theirs = changedStretch(before, '1 two three');
  assert.is(apply(apply(before, theirs), rebaseStretch(mine as never, theirs)), '1 two 3');
  assert.is(apply(apply(before, mine), rebaseStretch(theirs as never, mine)), '1 two 3');
  assert.is(rebaseStretch(mine as never, changedStretch(before, 'one two THREE')), undefined);
});

test.run();
