import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { literalsOf, scriptMatcher } from '#node/engine/debug/breakpoints/url-pattern.ts';

const matches = (url: string, candidate: string, isPattern = true): boolean | undefined =>
  scriptMatcher({ url, isPattern })?.matches(candidate);

test('a URL means itself and nothing that merely contains it', () => {
  assert.is(matches('file:///a/b.js', 'file:///a/b.js', false), true);
  assert.is(matches('file:///a/b.js', 'file:///a/bxjs', false), false);
  assert.is(matches('file:///a/b.js', 'file:///a/b.js?1', false), false);
});

test('the patterns that tools send are taken: node inspect, Chrome DevTools, VS Code', () => {
  assert.is(matches('^(.*[\\/\\\\])?app\\.js$', 'file:///shop/app.js'), true);
  assert.is(matches('^(.*[\\/\\\\])?app\\.js$', 'file:///shop/myapp.js'), false);
  assert.is(matches('/shop/app\\.js|file:///shop/app\\.js', 'file:///shop/app.js'), true);
  assert.is(matches('[fF][iI][lL][eE]:///shop/[aA]pp\\.js($|\\?)', 'FILE:///shop/App.js'), true);
});

test('a pattern that could run away is not taken', () => {
  for (const pattern of [
    '(a+)+$',
    '(a*)*',
    'a{1,1000}',
    '.*.*.*x',
    '(?=a)a',
    '\\w+',
    '(a|a)*b',
    '(.*)\\1',
    'a'.repeat(2000),
  ]) {
    assert.is(scriptMatcher({ url: pattern, isPattern: true }), undefined, pattern);
  }
  const began = performance.now();
  assert.is(matches('^(.*[\\/\\\\])?(.*)x$', `file://${'/'.repeat(4000)}`), false);
  assert.ok(performance.now() - began < 500);
});

test('alternatives of plain text are read as those texts, anything else as none', () => {
  assert.equal(literalsOf('/a/x\\.js|file:///a/x\\.js'), ['/a/x.js', 'file:///a/x.js']);
  assert.equal(literalsOf('^/a/x\\.js$'), ['/a/x.js']);
  assert.is(literalsOf('/a/.*\\.js'), undefined);
  assert.is(literalsOf('/a/[xy]\\.js'), undefined);
});

test.run();
