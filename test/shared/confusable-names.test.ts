import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mixedScripts, nameSkeletons, nameWarning } from '#shared/confusable-names.ts';

const confusable = (a: string, b: string): boolean => {
  const skeletons = nameSkeletons(a);
  return [...nameSkeletons(b)].some((each) => skeletons.has(each));
};

const ALIKE: readonly (readonly [string, string])[] = [
  ['alice', 'аlice'], // Cyrillic a
  ['alice', 'аӏісе'], // all Cyrillic
  ['alice', 'αlιϲε'], // Greek
  ['alice', 'Alice'],
  ['alice', 'a1ice'],
  ['alice', 'aIice'],
  ['alice', 'álicé'],
  ['alice', 'ａｌｉｃｅ'], // full width
  ['alice', '𝒶𝓁𝒾𝒸ℯ'], // mathematical
  ['alice', 'al​ice'], // a space without width
  ['mary ann', 'mary-ann'],
  ['mary', 'rnary'],
  ['walter', 'vvalter'],
  ['bob', 'ЬоЬ'],
  ['OLGA', '0LGA'],
  ['peter', 'реtеr'],
];

for (const [name, other] of ALIKE) {
  test(`"${name}" and "${other}" read alike`, () => assert.ok(confusable(name, other)));
}

for (const [name, other] of [
  ['alice', 'bob'],
  ['ada', 'adam'],
  ['王芳', '王方'],
  ['Иван', 'Олег'],
  ['max', 'mix'],
] as const) {
  test(`"${name}" and "${other}" do not`, () => assert.not(confusable(name, other)));
}

test('one word of Latin and Cyrillic is flagged; Latin beside Chinese is not, and no honest name of one script', () => {
  assert.equal(mixedScripts('аlice'), ['Latin', 'Cyrillic']);
  for (const name of ['alice', 'Иван', '王芳 Fang', 'Ἀλέξανδρος', 'José', 'naïve', 'O’Brien', '田中 Taro']) {
    assert.equal(mixedScripts(name), [], name);
  }
});

test('the warning says whom a name reads like', () => {
  const others = [
    { id: 1, name: 'alice' },
    { id: 2, name: 'bob' },
  ];
  assert.is(nameWarning('alice', others), 'Member 1 has the same name and another key');
  assert.is(nameWarning('Аlice', others), 'The name reads like "alice" (member 1), who has another key');
  assert.is(nameWarning('cаrla', others), 'The name mixes Latin and Cyrillic letters');
  assert.is(nameWarning('carla', others), undefined);
});

test.run();
