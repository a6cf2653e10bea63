/** Objects with more keys than anybody reads: V8 lists all or none. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withWorkshop } from './workshop.ts';

const ROOM = `function look() {
  const many = {};
  for (let i = 0; i < 20_000; i++) many['key' + i] = i;
  debugger;
  many.later = 1;
  debugger;
  return many;
}
setTimeout(look, 1);
setInterval(() => undefined, 1000);
`;

test('keys are listed once a stop, and anew after an evaluation and at the next stop', () =>
  withWorkshop(async ({ write, run, call, nextPause, consented }) => {
    write({ 'app.js': ROOM });
    consented.add(2);
    const first = nextPause(2);
    await run('app.js');
    await first;
    const look = async (): Promise<{ total: number; last: string | undefined }> => {
      const { scopes } = await call(2, 'inspect.scopes', {});
      const many = scopes[0]?.variables.find(({ name }) => name === 'many');
      assert.match(many?.value ?? '', /^\{key0: 0, key1: 1, /);
      const page = await call(2, 'inspect.variables', { handle: many?.handle ?? '', start: 19_999, count: 5 });
      return { total: page.total, last: page.variables.at(-1)?.name };
    };
    assert.equal(await look(), { total: 20_000, last: 'key19999' });
    assert.equal(await look(), { total: 20_000, last: 'key19999' });
    await call(2, 'inspect.evaluate', { expression: 'many.evaluated = 1' });
    assert.equal(await look(), { total: 20_001, last: 'evaluated' });
    const second = nextPause(2);
    await call(1, 'execution.resume', {});
    await second;
    assert.equal(await look(), { total: 20_002, last: 'later' });
  }));

test.run();
