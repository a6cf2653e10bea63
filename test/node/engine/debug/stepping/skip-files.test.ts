import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SkipFiles } from '#node/engine/debug/stepping/skip-files.ts';

const skips = (patterns: readonly string[], url: string): boolean => new SkipFiles(patterns).has(url);

test('globs as VS Code sends them fit paths, file URLs and those of Windows', () => {
  for (const url of [
    '/app/node_modules/lib/index.js',
    'file:///app/node_modules/%40a/b/c.js',
    'C:\\app\\node_modules\\x.js',
  ]) {
    assert.ok(skips(['<node_internals>/**', '**/node_modules/**'], url), url);
  }
  assert.not.ok(skips(['**/node_modules/**'], 'file:///app/src/node_modules.js'));
  assert.not.ok(skips(['**/node_modules/**'], ''));
  assert.ok(skips(['/app/lib/**/*.js'], '/app/lib/index.js'));
  assert.ok(skips(['/app/lib/**/*.js'], '/app/lib/a/b/index.js'));
  assert.not.ok(skips(['/app/lib/**/*.js'], '/app/lib/index.ts'));
  assert.ok(skips(['**/v?.js'], '/app/v1.js'));
  assert.not.ok(skips(['*.js'], '/app/v1.js'));
  assert.not.ok(skips([], '/app/v1.js'));
});

test('the last pattern that fits decides: one with ! takes a file back', () => {
  const patterns = ['**/node_modules/**', '!**/node_modules/mine/**', '**/mine/generated/*'];
  assert.ok(skips(patterns, '/app/node_modules/lib/index.js'));
  assert.not.ok(skips(patterns, '/app/node_modules/mine/index.js'));
  assert.ok(skips(patterns, '/app/node_modules/mine/generated/x.js'));
});

test('no pattern runs away: the longest against a path of 4,096 signs', () => {
  const pattern = `${'**/*a'.repeat(59)}/b`;
  const start = process.cpuUsage();
  assert.not.ok(skips([pattern], `/${'a/'.repeat(1024)}${'a'.repeat(2048)}`));
  // A regular expression made of it would need more steps than there are atoms.
  assert.ok(process.cpuUsage(start).user < 5_000_000);
});

test.run();
