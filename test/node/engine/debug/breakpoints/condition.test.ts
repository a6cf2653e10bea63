import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endsByItself, expressionProblem, mergeConditions } from '#node/engine/debug/breakpoints/condition.ts';
import { findFunctions } from '#node/engine/debug/breakpoints/function-positions.ts';

test('one expression passes, with a trailing comment too; anything that could leave its parentheses does not', () => {
  for (const good of ['a > 1', '(a, b)', 'a // why', '{ a: 1 }', 'f([1], /x/u)']) {
    assert.is(expressionProblem(good), undefined, good);
  }
  for (const bad of ['', 'a;', 'a; b', '1) || (2', 'if (a) b', 'await a', 'a /* open', 'return 1']) {
    assert.ok(expressionProblem(bad), bad);
  }
});

test('merged conditions are true when any is, whatever the others do', () => {
  const merged = (stopsAtThrow: boolean, ...conditions: string[]): unknown =>
    new Function('a', `return ${mergeConditions(conditions.map((condition) => ({ condition, stopsAtThrow })))}`)(5);
  assert.is(merged(false, 'a > 1'), true);
  assert.is(merged(false, 'a > 9', 'nowhere.at.all', 'a === 5 // five'), true);
  assert.is(merged(false, 'a > 9', 'nowhere.at.all'), false);
  assert.is(merged(true, 'a > 9', 'nowhere.at.all'), true);
  assert.is(merged(true, 'a > 9', 'a < 1'), false);
});

test('what ends by itself is told from what may not', () => {
  for (const short of [
    'n > 3',
    'user?.cart.items.length === 0 && !done',
    "name.startsWith('a') || tags.includes(`x`)",
    'items.some((item) => item.price > 3)',
    '(a, [b, { c }], typeof d === "string")',
    'Number.isInteger(n) && Object.keys(o).length > Math.max(1, 2)',
  ]) {
    assert.ok(endsByItself(short), short);
  }
  for (const long of [
    'check(n)',
    '(() => { while (true); })()',
    'new Thing()',
    'a = 1',
    'n++',
    'delete o.p',
    '2 ** n',
    '/(a+)+$/.test(s)',
    'o["every"](f)',
    'a.every((x) => a.every((y) => x < y))',
    'a.every(function () { for (;;); })',
    'a.map((x) => check(x))',
    '[...endless]',
    'tag`x`',
    '10n > n',
    'import("x")',
  ]) {
    assert.not(endsByItself(long), long);
  }
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
  const bundle = '__export(out, {\n  total: () => total,\n  sum: () => add\n});\nfunction total() {}\n';
  const inBundle = (name: string): number[] => findFunctions(bundle, name).map(({ lineNumber }) => lineNumber + 1);
  assert.equal([inBundle('total'), inBundle('sum')], [[5], [3]], 'what a bundler exports is no second function');
  assert.equal(findFunctions('not { js', 'a'), []);
  const named = `app.get('/', function handler() {});\nclass C {\n  constructor() {}\n}\nconst same = function same() {};\n`;
  const at = (name: string): number[] => findFunctions(named, name).map(({ lineNumber }) => lineNumber + 1);
  assert.equal(at('handler'), [1]);
  assert.equal(at('C'), [3]);
  assert.equal(at('C.constructor'), [3]);
  assert.equal(at('same'), [5]);
});

test.run();
