import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withWorkshop } from '../workshop.ts';

const THROWS = `let traps = 0;
function load() {
  const disk = new Error('disk');
  const circle = new Error('read', { cause: disk });
  disk.cause = circle;
  return circle;
}
class Hidden extends Error {
  get cause() { traps += 1; return new Error('a getter runs'); }
}
setTimeout(() => {
  try {
    throw new AggregateError([new Hidden('first'), load()], 'all of them', { cause: new TypeError('why') });
  } catch {}
  try { throw new Error('plain', { cause: 'words' }); } catch {}
}, 1);
setInterval(() => undefined, 1000);
`;

test('an exception is told with the errors behind it, each once, without running the program', () =>
  withWorkshop(async ({ write, run, call, nextPause, consented }) => {
    write({ 'app.js': THROWS });
    consented.add(2);
    await call(1, 'breakpoint.add', { exception: 'all' });
    const first = nextPause(2);
    await run('app.js');
    await first;
    const { exception } = await call(2, 'inspect.exception', {});
    assert.is(exception.type, 'AggregateError');
    const heads = (exception.stack ?? '').split('\n').filter((line) => !line.startsWith('    at '));
    assert.equal(heads, [
      'AggregateError: all of them',
      'Caused by: TypeError: why',
      'Gathered error 1: Error: first',
      'Gathered error 2: Error: read',
      'Caused by: Error: disk',
    ]);
    assert.is((await call(1, 'inspect.evaluate', { expression: 'traps' })).result.value, '0');
    const second = nextPause(2);
    await call(1, 'execution.resume', {});
    await second;
    const { exception: plain } = await call(2, 'inspect.exception', {});
    assert.match(plain.stack ?? '', /^Error: plain\n {4}at /);
    assert.not.match(plain.stack ?? '', 'Caused by');
  }));

test.run();
