import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import { failure } from '../../../failure.ts';
import { withWorkshop } from '../workshop.ts';

const FILES = { 'app.js': 'let a = 1;\na += 1;\na += 2;\n' };
const BREAKPOINTS = ['read', 'debug'] as const;

test('a token without the scope to run code brings in no breakpoint that does, and any other', () =>
  withWorkshop(async ({ write, call, engine }) => {
    write(FILES);
    const at = { location: 'app.js:2' };
    const carrying: CommandInput<'breakpoint.add'>[] = [
      { ...at, condition: 'a > 1' },
      { ...at, log: 'a is {a}' },
      { ...at, kind: 'trace', capture: ['a'] },
    ];
    for (const args of carrying) {
      const { code, message } = await failure(() => call(2, 'breakpoint.add', args, BREAKPOINTS));
      assert.is(code, 'FORBIDDEN', JSON.stringify(args));
      assert.match(message, /lacks the scope "evaluate"/);
    }
    assert.equal(engine(2).breakpoints(), []);
    await call(2, 'breakpoint.add', { ...at, hitCondition: '>2' }, BREAKPOINTS);
    await call(2, 'breakpoint.add', { ...at, condition: 'a > 1' }, [...BREAKPOINTS, 'evaluate']);
    assert.is(engine(2).breakpoints().length, 2);
  }));

test('nor does it switch one on again or bring it back; taking one out is no question of code', () =>
  withWorkshop(async ({ write, call, engine }) => {
    write(FILES);
    const { id: breakpoint } = await call(2, 'breakpoint.add', { location: 'app.js:2', condition: 'a > 1' });
    await call(2, 'breakpoint.enable', { breakpoint, enabled: false }, BREAKPOINTS);
    const enabling = await failure(() => call(2, 'breakpoint.enable', { breakpoint, enabled: true }, BREAKPOINTS));
    assert.is(enabling.code, 'FORBIDDEN');
    await call(2, 'breakpoint.remove', { breakpoint }, BREAKPOINTS);
    assert.is((await failure(() => call(2, 'breakpoint.undo', {}, BREAKPOINTS))).code, 'FORBIDDEN');
    assert.equal(engine(2).breakpoints(), []);
    const { undone } = await call(2, 'breakpoint.undo', {});
    assert.equal([undone?.breakpoint, undone?.change], [breakpoint, 'set'], 'who may has not lost it');
  }));

test.run();
