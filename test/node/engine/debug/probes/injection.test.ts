import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endsByItself, expressionProblem } from '#node/engine/debug/breakpoints/condition.ts';
import { hasFragileClass } from '#node/engine/debug/probes/fragile-class.ts';
import { type Injection, injectionOf, withInsertions } from '#node/engine/debug/probes/injection.ts';
import { parseLogMessage, renderLogMessage } from '#node/engine/debug/probes/log-message.ts';
import { analyseScopes } from '#node/engine/debug/probes/scope-analysis.ts';
import { LineIndex, ShiftedLines } from '#node/engine/debug/probes/shifted-lines.ts';
import { parseScript, type SyntaxNode } from '#node/engine/debug/syntax.ts';
import { failure } from '../../../failure.ts';

function inject(text: string, at: string, kind: 'log' | 'trace', expressions: string[] = []): Injection {
  const root = parseScript(text);
  if (root === undefined) throw new Error('does not parse');
  const probe = { name: '__p', kind, condition: undefined, hitCondition: undefined, expressions };
  return injectionOf({ text, root, scopes: analyseScopes(root) }, probe, text.indexOf(at));
}

function edited(text: string, injection: Injection): string {
  if ('problem' in injection) throw new Error(injection.problem);
  return withInsertions(text, [injection.insertions]).text;
}

test('a log message is text with expressions, which may hold braces themselves', async () => {
  const message = parseLogMessage('a {x.map((y) => ({ y }))} \\{b\\} {`x`}.');
  assert.equal(message.expressions, ['x.map((y) => ({ y }))', '`x`']);
  assert.is(renderLogMessage(message, ['1', '2']), 'a 1 {b} 2.');
  for (const bad of ['{', '{x', '{x; y}', '{x /* hm */}', '{}', '{x\n+ y}']) {
    assert.is((await failure(() => parseLogMessage(bad))).code, 'BAD_ARGUMENT', bad);
  }
});

test('what is injected parses, keeps lines, and is undone by leaving it out', () => {
  const text = `function f(a, b, c) {
  'use strict';
  if (a) return;
  else if (b) return a, b;
  for (const x of c) if (x) a();
  switch (a) { case 1: b(); }
  return (a + b)
}
const g = (x) => ({ x });
class C { m({ q }, ...r) { q(r); } }
`;
  for (const [at, kind] of [
    ['if (a)', 'log'],
    ['return a, b', 'log'],
    ['a();', 'log'],
    ['b(); }', 'log'],
    ['return (a', 'log'],
    ['if (a)', 'trace'],
    ['{ x }', 'trace'],
    ['q(r);', 'trace'],
  ] as const) {
    const result = edited(text, inject(text, at, kind));
    assert.ok(parseScript(result) !== undefined, `${kind} at ${at}: ${result}`);
    assert.is(result.split('\n').length, text.split('\n').length);
    assert.ok(result !== text);
  }
});

test('where V8 stops at the end of a return, code goes before it', () => {
  const cases = [
    ['function f(a) {\n  return a;\n}', 'return a;'],
    ['function f(a) {\n  return a\n}', 'return a'],
    ['function f(a) { if (a) return a; }', 'return a;'],
  ] as const;
  for (const [text, statement] of cases) {
    const root = parseScript(text);
    assert.ok(root);
    const probe = {
      name: '__p',
      kind: 'log',
      condition: undefined,
      hitCondition: undefined,
      expressions: ['a'],
    } as const;
    const offset = text.indexOf(statement) + statement.length;
    const result = edited(text, injectionOf({ text, root, scopes: analyseScopes(root) }, probe, offset));
    assert.ok(parseScript(result) !== undefined, result);
    assert.ok(result.indexOf('__p.end()') < result.indexOf(statement), result);
  }
});

test('a variable that no function keeps is not named by injected code, one that is kept or its own is', () => {
  const text = `const kept = 1, lost = 2;
function user() { return kept; }
function f(own) { const mine = own; return mine; }
`;
  const result = edited(
    text,
    inject(text, 'return mine', 'log', ['kept', 'lost', 'own', 'mine', 'process.pid', 'require']),
  );
  const put = [...result.matchAll(/__p\.put\(([^)]*)\)/g)].map(([, what]) => what);
  assert.equal(put, ['kept', '__p.lost', 'own', 'mine', 'process.pid', '__p.lost']);
  for (const bad of ['own.map((x) => x + own)', 'user()', 'await (own)', 'arguments[0]']) {
    assert.ok('problem' in inject(text, 'return mine', 'log', [bad]), bad);
  }
  assert.ok('problem' in inject(text, 'const kept', 'log'), 'the top of a script');
});

test('calls that throw are caught only where no function inside uses what the body declares', () => {
  const plain = 'function f(a) {\n  const b = a;\n  return b;\n}\n';
  const closing = 'function f(a) {\n  const b = a;\n  return () => b;\n}\n';
  const [caught, missed] = [inject(plain, 'const b', 'trace'), inject(closing, 'const b', 'trace')];
  assert.ok('seesThrows' in caught && caught.seesThrows);
  assert.ok('seesThrows' in missed && !missed.seesThrows);
  assert.not.match(edited(closing, missed), 'try');
});

/** What a logpoint of `x` at a place says while `f(x)` runs, with its code in; why it is refused, where it is. */
function said(text: string, at: string, x: number): unknown[] | string {
  const injection = inject(text, at, 'log', ['x']);
  if ('problem' in injection) return injection.problem;
  const values: unknown[] = [];
  const say = (value: unknown): void => void values.push(value);
  const probe = { left: 99, begin: () => true, put: say, end: () => undefined, say };
  const run = new Function('__p', 'x', `${edited(text, injection)}; return f(x);`);
  run(probe, x);
  return values;
}

test('code for a part of a statement runs when the part does, or there is none', () => {
  const cases: readonly (readonly [string, string, readonly (readonly [number, unknown[]])[]])[] = [
    [
      'function f(x) { return x > 1 ? at(x) : x; function at(y) { return y; } }',
      'at(x)',
      [
        [1, []],
        [2, [2]],
      ],
    ],
    [
      'function f(x) { x > 1 && Math.abs(x); }',
      'abs',
      [
        [1, []],
        [2, [2]],
      ],
    ],
    [
      'function f(x) { x > 1 || Math.abs(x); }',
      'abs',
      [
        [1, [1]],
        [2, []],
      ],
    ],
    ['function f(x) { x++, Math.abs(x), x += 5; }', 'abs', [[1, [2]]]],
    ['function f(x) { const y = x++, z = Math.abs(y); return z; }', 'abs', [[1, [2]]]],
    ['function f(x) { while (Math.sign(x) > 0) x--; }', 'sign', [[2, [2, 1, 0]]]],
    ['function f(x) { do x--; while (Math.sign(x) > 0) }', 'sign', [[2, [1, 0]]]],
    ['function f(x) { for (const end = x + 2; x < end; x++); }', 'x++', [[1, [1, 2]]]],
    ['const f = (x) => (x++, Math.abs(x))', 'abs', [[1, [2]]]],
    [
      'const f = (x) => x > 1 && Math.abs(x)',
      'abs',
      [
        [1, []],
        [2, [2]],
      ],
    ],
    ['function f(x) { return Math.abs(Math.sign(x)); }', 'sign', [[2, [2]]]],
  ];
  for (const [text, at, calls] of cases) {
    for (const [x, expected] of calls) assert.equal(said(text, at, x), expected, text);
  }
  const part = 'a part of a statement has no place for it';
  for (const [text, at, problem] of [
    ['function f(y) { for (const x of [y]) return x; }', 'x of', part],
    ['function f(x) { x?.at(0); }', 'at(0)', part],
    ['function f(x) { x ??= Math.abs(1); }', 'abs', part],
    ['function f(x) { return class { y = Math.abs(x); constructor() {} }; }', 'abs', part],
    // It may be jumped over.
    ['function f(y) { switch (y) { case 1: let x = 1; case 2: y && Math.abs(y); } }', 'abs(y)', part],
    ['function f(x, y = Math.abs(x)) { return y; }', 'abs', 'it stands among the parameters of a function'],
  ] as const) {
    assert.is(said(text, at, 1), problem, text);
  }
});

test('what an arrow function of several expressions gives is not told by the first of them', () => {
  const injection = inject('const f = (x) => (Math.abs(x), x + 1);', 'x + 1', 'trace');
  assert.is(
    'problem' in injection && injection.problem,
    'an arrow function of several expressions has no place for it',
  );
});

test('private fields may be told, and be asked for by conditions', () => {
  const text = 'class C { #sum = 1; m(a) { return a; } }';
  const expressions = [...parseLogMessage('{this.#sum} {#sum in a}').expressions];
  assert.equal(expressions, ['this.#sum', '#sum in a']);
  assert.ok(parseScript(edited(text, inject(text, 'return a', 'log', expressions))) !== undefined);
  assert.is(expressionProblem('this.#sum > 3'), undefined);
  assert.ok(endsByItself('this.#sum > 3'));
  // What is called `#map` is the program's own.
  assert.not.ok(endsByItself('this.#map(1)'));
});

test('a class is fragile that may be made again, has fields, and no constructor', () => {
  for (const [text, expected] of [
    ['function f() { return class { a = 1; }; }', true],
    ['const f = () => { class A extends B { #a; } };', true],
    ['class A { b = class { c; }; constructor() {} }', true],
    ['class A { a = 1; m() { return this.a; } }', false],
    ['function f() { return class { a = 1; constructor() {} }; }', false],
    ['function f() { return class { static a = 1; static { f(); } m() {} #p() {} }; }', false],
  ] as const) {
    assert.is(hasFragileClass(parseScript(text) as SyntaxNode), expected, text);
  }
});

test('columns of an edited line are told as they were, and asked as they are', () => {
  const text = 'ab\ncdef\n';
  const lines = new ShiftedLines(new LineIndex(text), [
    { offset: 4, text: 'XXX' },
    { offset: 6, text: 'YY' },
  ]);
  // cXXXdeYYf
  for (const [known, running] of [
    [0, 0],
    [1, 4],
    [2, 5],
    [3, 8],
  ] as const) {
    assert.is(lines.toRunning(1, known), running);
    assert.equal(lines.toKnown(1, running), { column: known, isInserted: false });
  }
  assert.equal(lines.toKnown(1, 2), { column: 1, isInserted: true });
  assert.is(lines.toRunning(0, 1), 1);
  // What ends at a place comes after it.
  const closed = new ShiftedLines(new LineIndex(text), [{ offset: 7, text: 'ZZ', closes: true }]);
  assert.is(closed.toRunning(1, 4), 4);
  assert.equal(closed.toKnown(1, 4), { column: 4, isInserted: false });
});

test.run();
