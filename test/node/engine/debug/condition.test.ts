import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expressionProblem, mergeConditions } from '#node/engine/debug/condition.ts';
import { findFunctions } from '#node/engine/debug/function-positions.ts';

test('one expression passes, with a trailing comment too; anything that could leave its parentheses does not', () => {
  for (const good of ['a > 1', '(a, b)', 'a // why', '{ a: 1 }', 'f([1], /x/u)']) {
    assert.is(expressionProblem(good), undefined, good);
  }
  for (const bad of ['', 'a;', 'a; b', '1) || (2', 'if (a) b', 'await a', 'a /* open', 'return 1']) {
    assert.ok(expressionProblem(bad), bad);
  }
});

test('merged conditions are true when any is, whatever the others do', () => {
  const run = (...conditions: string[]): unknown => new Function('a', `return ${mergeConditions(conditions)}`)(5);
  assert.is(run('a > 1'), true);
  assert.is(run('a > 9', 'nowhere.at.all', 'a === 5 // five'), true);
  assert.is(run('a > 9', 'nowhere.at.all'), false);
});

test('functions are found by name however they got it, and methods by their owner', () => {
  const text = `function a() {}\nconst b = () => { a(); };\nclass C { m() {} }\nconst o = { m() {}, x: function () {} };\nO.prototype.m = function () {};\n`;
  const lines = (name: string): number[] => findFunctions(text, name).map(({ lineNumber }) => lineNumber + 1);
  assert.equal(lines('a'), [1]);
  assert.equal(lines('b'), [2]);
  assert.equal(lines('m'), [3, 4, 5]);
  assert.equal(lines('C.m'), [3]);
  assert.equal(lines('o.m'), [4]);
  assert.equal(lines('O.m'), [5]);
  assert.equal(findFunctions('not { js', 'a'), []);
});

test.run();
