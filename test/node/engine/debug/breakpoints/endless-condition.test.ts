// test: alone
/** V8 cannot stop a condition that never ends: one that may not end is run by us, for a limited time. */

import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE, nextAttached, withBench } from '../../../targets/bench.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';

const APP = `let calls = 0;
function spin(n) {
  while (n === 3);
  return n === 5;
}
function tick() {
  calls += 1;
  return calls;
}
// Named in a function: V8 keeps nothing else alive for a condition to see.
setInterval(() => console.log(tick(), spin(0)), 20);
`;

/** @param mode how the program is reached */
async function withProgram(mode: 'external' | 'harness', use: (workshop: Workshop) => Promise<void>): Promise<void> {
  await withWorkshop(async (workshop) => {
    workshop.write({ 'app.js': APP });
    if (mode === 'external') {
      await workshop.run('app.js');
      return use(workshop);
    }
    await withBench(async (bench) => {
      const attached = nextAttached(bench);
      bench.run([NODE, join(workshop.folder, 'app.js')]);
      await workshop.engine(1).adopt(await attached);
      await use(workshop);
    });
  });
}

for (const mode of ['external', 'harness'] as const) {
  test(`a guest's condition that never ends is taken out, everybody is told, and the program goes on (${mode})`, () =>
    withProgram(mode, async ({ call, consented, next, nextPause }) => {
      consented.add(2);
      const refused = next(3, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
      const said = next(1, 'output', ({ lines }) => lines.some(({ stream }) => stream === 'system'));
      const { id } = await call(2, 'breakpoint.add', {
        location: 'app.js:8',
        condition: '(() => { while (true); })()',
      });
      assert.match((await refused).view?.statuses[0]?.reason ?? '', 'ran longer than 100 ms');
      assert.match((await said).lines.find(({ stream }) => stream === 'system')?.text ?? '', id);
      // It runs, and other breakpoints at the very place still stop it.
      const stopped = nextPause(3);
      const other = await call(3, 'breakpoint.add', { location: 'app.js:8' });
      assert.equal((await stopped).hitBreakpoints, [other.id]);
    }));

  test(`a condition that calls the program's functions stops when it holds, until it does not end (${mode})`, () =>
    withProgram(mode, async ({ call, nextPause, next }) => {
      const stopped = nextPause();
      const { id } = await call(1, 'breakpoint.add', { location: 'app.js:8', condition: 'spin(calls % 4 + 4)' });
      assert.equal((await stopped).hitBreakpoints, [id]);
      await call(1, 'breakpoint.remove', { breakpoint: id });
      const refused = next(1, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
      await call(1, 'execution.resume', {});
      const { id: endless } = await call(1, 'breakpoint.add', { location: 'app.js:8', condition: 'spin(calls % 4)' });
      assert.is((await refused).breakpoint, endless);
      // Enabled anew it is tried anew.
      await call(1, 'breakpoint.enable', { breakpoint: endless, enabled: false });
      const again = next(1, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
      await call(1, 'breakpoint.enable', { breakpoint: endless, enabled: true });
      await again;
    }));
}

test('a step onto a line whose condition is found false by us ends there all the same', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({
      'app.js': `const begun = 1;\nconst no = () => false;\ndebugger;\nconst a = 1;\nconst b = 2;\nconsole.log(begun, a, b);\nsetInterval(() => undefined, 1000);\n`,
    });
    await call(1, 'breakpoint.add', { location: 'app.js:5', condition: 'no()' });
    const first = nextPause();
    await run('app.js');
    assert.is((await first).reason, 'debugger-statement');
    const lines: (number | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) {
      const { pause } = await call(1, 'execution.step', { kind: 'over' });
      assert.equal(pause?.hitBreakpoints, []);
      lines.push(pause?.frames[0]?.line);
    }
    assert.equal(lines, [4, 5, 6]);
  }));

test.run();
