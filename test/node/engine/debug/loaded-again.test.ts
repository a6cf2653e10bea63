// test: alone
/** A file that a program loads more than once: its breakpoints hold in every script that it becomes. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withWorkshop } from './workshop.ts';

test('a first-line breakpoint hits in a CommonJS main module that Node parses twice because of --import', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': `// first\nconst one = 1;\nconsole.log(one);\n` });
    // The race is lost about every second time without a stop at the start of the second script.
    const view = await call(1, 'breakpoint.add', { location: 'app.js:2' });
    for (let n = 0; n < 6; n++) {
      const paused = nextPause();
      const { program } = await run('app.js', { execArgv: ['--import', 'data:text/javascript,'] });
      const pause = await paused;
      assert.equal(pause.hitBreakpoints, [view.id]);
      assert.is(pause.frames[0]?.line, 2);
      assert.is(program.output, '');
      await call(1, 'execution.resume', {});
      await program.finish();
    }
  }));

const RELOADER = `const file = require.resolve('./part.js');
setInterval(() => {
  delete require.cache[file];
  require(file);
}, 20);
`;

test('a breakpoint holds in a module that the program loads again and again', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': RELOADER, 'part.js': 'exports.first = 1;\nexports.second = 2;\n' });
    const view = await call(1, 'breakpoint.add', { location: 'part.js:2' });
    const paused = nextPause();
    await run('app.js');
    const scripts = new Set<number>();
    let pause = await paused;
    for (let n = 0; n < 5; n++) {
      assert.equal(pause.hitBreakpoints, [view.id]);
      assert.is(pause.frames[0]?.line, 2);
      scripts.add(pause.id);
      const again = nextPause();
      await call(1, 'execution.resume', {});
      pause = await again;
    }
    assert.is(scripts.size, 5);
    const { breakpoints } = await call(1, 'breakpoint.list', {});
    assert.is(breakpoints[0]?.statuses[0]?.state, 'armed');
  }));

test.run();
