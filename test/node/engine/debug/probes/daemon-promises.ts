/** What the daemon promises a program that it puts probes into. */

import * as assert from 'uvu/assert';
import { RUNTIME_LIMITS } from '#node/engine/debug/probes/probe-runtime.ts';
import { type WatchedLog, type WatchedProgram, watchedProgram } from './probed-program.ts';
import { type KeptPromise, times } from './runtime-promises.ts';

const { everyMs, perTick, burst, urgent } = RUNTIME_LIMITS;

const APP = `// größer – \u{1F600}
function visit(user) {
  let size = 2;
  return size + user;
}
`;
const SIZED = 3;

/** Lets everything that is ready run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hits a logpoint that is a condition, as V8 would. */
async function hitting(watched: WatchedProgram, log: WatchedLog) {
  const { conditions } = await watched.arm({ line: SIZED, ...log });
  const code = conditions[0]?.code ?? 'unarmed';
  return () => watched.program.run(code);
}

/** A logpoint that has become code. */
async function promoted(watched: WatchedProgram, log: WatchedLog): Promise<void> {
  const hit = await hitting(watched, log);
  times(urgent, hit);
  await watched.arm({ line: SIZED, ...log });
  assert.is.not(watched.text(), APP, 'its code is in the script');
  // What it had left is renewed.
  watched.program.timers.pass(2 * everyMs);
  watched.hits.length = 0;
}

export const DAEMON_PROMISES: readonly KeptPromise[] = [
  {
    title: 'a logpoint that is hit fifty times in a second becomes code, one that is hit less often does not',
    check: async () => {
      const watched = watchedProgram(APP);
      const hit = await hitting(watched, { log: '{size}' });
      for (let second = 0; second < 3; second++) {
        times(urgent - 1, hit);
        watched.program.timers.pass(1_001);
      }
      await settled();
      assert.is(watched.changes(), 0);
      times(urgent / 2, hit);
      watched.program.timers.pass(everyMs);
      times(urgent / 2, hit);
      watched.program.timers.pass(everyMs);
      await settled();
      assert.is(watched.changes(), 1);
      assert.equal((await watched.arm({ line: SIZED, log: '{size}' })).conditions, []);
      assert.is.not(watched.text(), APP);
      assert.is(watched.counted(), 4 * urgent - 3);
    },
  },
  {
    title: 'a condition that is asked fifty times in a second becomes code too; where it cannot it stays what it is',
    check: async () => {
      const wanted = { log: '{size}', condition: 'user === 7' };
      const watched = watchedProgram(APP);
      watched.program.run('var user = 1, size = 2;');
      times(urgent, await hitting(watched, wanted));
      await settled();
      assert.is(watched.changes(), 1);
      assert.is(watched.counted(), 0);
      assert.equal((await watched.arm({ line: SIZED, ...wanted })).conditions, []);
      watched.program.timers.pass(everyMs);
      for (const user of [6, 7]) watched.program.run(`visit(${user})`);
      watched.program.timers.pass(everyMs);
      assert.equal(
        watched.hits.map(({ text }) => text),
        ['2'],
      );
      const top = watchedProgram(`${APP}var size = 2, user = 1;\n`);
      const { conditions } = await top.arm({ line: SIZED + 2, ...wanted });
      const ask = () => top.program.run(conditions[0]?.code ?? 'unarmed');
      times(urgent, ask);
      const { conditions: kept, states } = await top.arm({ line: SIZED + 2, ...wanted });
      assert.equal([kept.length, [...states.values()]], [1, [{ state: 'armed' }]]);
      times(2 * urgent, ask);
      await settled();
      assert.is(top.changes(), 1, 'it is not tried again');
    },
  },
  {
    title: 'code that was put in is taken out, and the text is what it was, byte for byte',
    check: async () => {
      const watched = watchedProgram(APP);
      await promoted(watched, { log: '{size}' });
      assert.is(watched.text().split('\n').length, APP.split('\n').length);
      await watched.arm();
      assert.is(watched.text(), APP);
    },
  },
  {
    title: 'a condition decides, as a condition and as code, and one that throws harms nothing',
    check: async () => {
      const even = watchedProgram(APP);
      even.program.run('var user = 1, size = 2;');
      const hit = await hitting(even, { log: '{user}', condition: 'user % 2 === 0' });
      assert.is(hit(), false);
      even.program.run('user = 2;');
      assert.is(hit(), false, 'nor does it stop where it holds');
      even.program.timers.pass(everyMs);
      assert.equal([even.counted(), even.hits.map(({ text }) => text)], [1, ['2']]);
      await promoted(even, { log: '{user}', condition: 'user % 2 === 0' });
      for (const user of [1, 2, 3]) assert.is(even.program.run(`visit(${user})`), user + 2);
      even.program.timers.pass(everyMs);
      assert.equal(
        even.hits.map(({ text }) => text),
        ['2'],
      );
      const throwing = watchedProgram(APP);
      throwing.program.run('var user = { deep: { at: 1 } };');
      await promoted(throwing, { log: '{size}', condition: 'user.deep.at === 1' });
      assert.is(throwing.program.run('visit(1)'), 3);
    },
  },
  {
    title: 'what a condition throws is told once, as a condition and as code',
    check: async () => {
      const wanted = { log: '{size}', condition: 'user.deep.at === 1' };
      const watched = watchedProgram(APP);
      watched.program.run('var user = 1, size = 2;');
      const hit = await hitting(watched, wanted);
      for (let tick = 0; tick < 3; tick++) {
        times(3, () => assert.is(hit(), false));
        watched.program.timers.pass(everyMs);
      }
      assert.equal(watched.failed, ["TypeError: Cannot read properties of undefined (reading 'at')"]);
      const asCode = watchedProgram(APP);
      asCode.program.run('var user = { deep: { at: 1 } }, size = 2;');
      await promoted(asCode, wanted);
      times(3, () => asCode.program.run('visit(1)'));
      asCode.program.timers.pass(everyMs);
      assert.equal(asCode.failed, watched.failed);
    },
  },
  {
    title: 'a hit condition picks among the hits that the condition lets through, as a condition and as code',
    check: async () => {
      const watched = watchedProgram(APP);
      watched.program.run('var user = 0, size = 2;');
      const hit = await hitting(watched, { log: '{user}', condition: 'user > 2', hitCondition: '% 3' });
      for (let user = 1; user <= 9; user++) {
        watched.program.run(`user = ${user};`);
        assert.is(hit(), false);
      }
      watched.program.timers.pass(everyMs);
      const texts = () => watched.hits.map(({ text }) => text);
      assert.equal([watched.counted(), texts()], [2, ['5', '8']]);
      await promoted(watched, { log: '{user}', hitCondition: '>= 2' });
      for (const user of [1, 2, 3]) assert.is(watched.program.run(`visit(${user})`), user + 2);
      watched.program.timers.pass(everyMs);
      assert.equal(texts(), ['1', '2', '3'], 'it was hit often before');
      await watched.arm();
      watched.hits.length = 0;
      await promoted(watched, { log: '{user}', hitCondition: '< 53' });
      for (const user of [1, 2, 3, 4]) assert.is(watched.program.run(`visit(${user})`), user + 2);
      watched.program.timers.pass(everyMs);
      assert.equal(texts(), ['1', '2'], 'it goes on counting where it was as a condition');
    },
  },
  {
    title: 'hits are numbered in the order they come, and tell how many were left out before',
    check: async () => {
      const watched = watchedProgram(APP);
      watched.program.run('var size = 2;');
      const hit = await hitting(watched, { log: '{size}' });
      for (let tick = 0; tick < 3; tick++) {
        times(2 * burst, hit);
        watched.program.timers.pass(2 * everyMs);
      }
      assert.equal(
        watched.hits.map(({ sequence }) => sequence),
        watched.hits.map((_, i) => i + 1),
      );
      const left = watched.hits.reduce((sum, { passedOver = 0 }) => sum + passedOver, 0);
      const lastLeftOut = 2 * burst - 2 * perTick;
      assert.is(left + watched.hits.length + lastLeftOut, 6 * burst, 'the last are told with the next');
    },
  },
];
