/** A condition that throws counts as false, and whoever set it is told why instead of waiting for a stop that never comes. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../../until.ts';
import { withWorkshop } from '../workshop.ts';

const APP = `let calls = 0;
function tick(user) {
  calls += 1;
  return [calls, user];
}
const fail = (why) => { throw new Error(why); };
// Named in a function: V8 keeps nothing else alive for a condition to see.
setInterval(() => console.log(tick(calls % 2 === 0 ? undefined : { id: calls }), () => fail), 20);
`;
const LINE = 'app.js:4';

function withProgram(use: (workshop: Parameters<Parameters<typeof withWorkshop>[0]>[0]) => Promise<void>) {
  return withWorkshop(async (workshop) => {
    workshop.write({ 'app.js': APP });
    await workshop.run('app.js');
    await use(workshop);
  });
}

for (const [how, condition, why] of [
  ['tested by V8', 'user.id === -1', "TypeError: Cannot read properties of undefined (reading 'id')"],
  ['tested at the stop', 'fail("no luck") === 1', 'Error: no luck'],
] as const) {
  test(`what a condition threw is told once, and the program goes on (${how})`, () =>
    withProgram(async ({ call, consented, next, nextPause }) => {
      consented.add(2).add(3);
      const told = next(3, 'breakpoints', ({ view }) => /failed/.test(view?.statuses[0]?.reason ?? ''));
      const said = next(1, 'output', ({ lines }) => lines.some(({ stream }) => stream === 'system'));
      const { id } = await call(2, 'breakpoint.add', { location: LINE, condition });
      const status = (await told).view?.statuses[0];
      assert.is(status?.state, 'armed');
      assert.is(status?.reason, `Its condition failed, which counts as false: ${why}`);
      assert.match((await said).lines.find(({ stream }) => stream === 'system')?.text ?? '', `${id} failed`);
      // It goes on, and others at the same place stop it.
      const stopped = nextPause(3);
      const other = await call(3, 'breakpoint.add', { location: LINE, condition: 'user === undefined' });
      assert.equal((await stopped).hitBreakpoints, [other.id]);
    }));
}

test('why a logpoint that never writes does not is told, and it tells every third hit where it may', () =>
  withProgram(async ({ call, next, engine }) => {
    const told = next(1, 'breakpoints', ({ view }) => /failed/.test(view?.statuses[0]?.reason ?? ''));
    const said = next(1, 'output', ({ lines }) => lines.some(({ stream }) => stream === 'system'));
    const logged: string[] = [];
    engine(1).events.on('hits', ({ hits }) => logged.push(...hits.map(({ text }) => text)));
    const { id } = await call(1, 'breakpoint.add', { location: LINE, log: 'user {user.id}', condition: 'usr.id > 0' });
    assert.is(
      (await told).view?.statuses[0]?.reason,
      'Its condition failed, which counts as false: ReferenceError: usr is not defined',
    );
    assert.match((await said).lines.find(({ stream }) => stream === 'system')?.text ?? '', `${id} failed`);
    await call(1, 'breakpoint.add', { location: LINE, log: 'call {calls}', hitCondition: '% 3' });
    await until(() => logged.length >= 3, 'three hits');
    const calls = logged.map((text) => Number(text.replace('call ', '')));
    assert.equal(
      calls.map((each) => each - (calls[0] ?? 0)),
      calls.map((_, i) => 3 * i),
    );
  }));

test('a condition that throws now and then stops where it holds', () =>
  withProgram(async ({ call, nextPause }) => {
    const stopped = nextPause();
    const { id } = await call(1, 'breakpoint.add', { location: LINE, condition: 'user.id > 0' });
    assert.equal((await stopped).hitBreakpoints, [id]);
    const again = nextPause();
    await call(1, 'execution.resume', {});
    await again;
    const { result } = await call(1, 'inspect.evaluate', { frame: 0, expression: 'user.id > 0' });
    assert.is(result.value, 'true');
  }));

test('another condition is tried anew, and its failure is its own', () =>
  withProgram(async ({ call, next }) => {
    const first = next(1, 'breakpoints', ({ view }) => /reading 'id'/.test(view?.statuses[0]?.reason ?? ''));
    const { id } = await call(1, 'breakpoint.add', { location: LINE, condition: 'user.id === -1' });
    await first;
    await call(1, 'breakpoint.enable', { breakpoint: id, enabled: false });
    const again = next(1, 'breakpoints', ({ view }) => /reading 'id'/.test(view?.statuses[0]?.reason ?? ''));
    await call(1, 'breakpoint.enable', { breakpoint: id, enabled: true });
    await again;
    await call(1, 'breakpoint.add', { location: LINE, condition: 'missing === 1' });
    await until(async () => {
      const { breakpoints } = await call(1, 'breakpoint.list', {});
      return breakpoints.some(({ statuses }) => /missing is not defined/.test(statuses[0]?.reason ?? ''));
    }, 'the second failure to be told');
  }));

test('a condition that throws behind a getter with an effect stops nothing either', () =>
  withWorkshop(async ({ write, run, call, next, engine }) => {
    write({
      'app.js': `let reads = 0;
const user = { get name() { reads += 1; return undefined; } };
function look(user) {
  return user;
}
setInterval(() => console.log(look(user), reads), 20);
`,
    });
    await run('app.js');
    let pauses = 0;
    engine(1).events.on('pauses', ({ pause }) => {
      if (pause !== null) pauses += 1;
    });
    const told = next(1, 'breakpoints', ({ view }) => /reading 'first'/.test(view?.statuses[0]?.reason ?? ''));
    await call(1, 'breakpoint.add', { location: 'app.js:4', condition: "user.name.first === 'Ann'" });
    await told;
    assert.is(pauses, 0);
  }));

test.run();
