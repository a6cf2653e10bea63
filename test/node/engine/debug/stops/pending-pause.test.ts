// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../../until.ts';
import { failure } from '../../../failure.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';

const WAITING = `let asked = 0;
process.on('SIGUSR2', () => {
  asked += 1;
  if (asked === 3) {
    debugger;
  }
  console.log('answer', asked);
});
setInterval(() => undefined, 1e9);
console.log('up');
`;

/** A program that waits for a signal. @returns sends one and gives what it answers, once it does */
async function wait({ write, run, next }: Workshop): Promise<() => Promise<string | undefined>> {
  write({ 'app.js': WAITING });
  const up = next(1, 'output');
  const { program } = await run('app.js');
  await up;
  return async () => {
    const answer = next(1, 'output', ({ lines }) => lines.some(({ text }) => text.startsWith('answer')));
    process.kill(program.pid, 'SIGUSR2');
    return (await answer).lines[0]?.text;
  };
}

test('what is evaluated meanwhile is answered, and the pause comes all the same', () =>
  withWorkshop(async (workshop) => {
    const { call, nextPause } = workshop;
    const ask = await wait(workshop);
    await call(1, 'execution.pause', {});
    const evaluated = await Promise.all(
      ['1 + 1', 'process.pid > 0', '[...Array(3).keys()]'].map((expression) =>
        call(1, 'inspect.evaluate', { expression }),
      ),
    );
    assert.equal(
      evaluated.map(({ result }) => result.value),
      ['2', 'true', '[0, 1, 2]'],
    );
    const stopped = nextPause();
    const answer = ask();
    assert.is((await stopped).frames[0]?.line, 3);
    await call(1, 'execution.resume', {});
    assert.is(await answer, 'answer 1');
  }));

test('a pause that is yet to come is taken back by resuming: the program goes on as if nothing had been asked', () =>
  withWorkshop(async (workshop) => {
    const { call, nextPause } = workshop;
    const ask = await wait(workshop);
    await call(1, 'execution.pause', {});
    await call(1, 'execution.resume', {});
    assert.is(await ask(), 'answer 1');
    assert.is((await failure(() => call(1, 'execution.resume', {}))).code, 'NOT_PAUSED');
    assert.is(await ask(), 'answer 2');
    const stopped = nextPause();
    const answer = ask();
    assert.is((await stopped).reason, 'debugger-statement', 'nothing is left that would hide another stop');
    await call(1, 'execution.resume', {});
    assert.is(await answer, 'answer 3');
  }));

test('a condition that is set meanwhile is armed, and the pause comes', () =>
  withWorkshop(async (workshop) => {
    const { call, nextPause } = workshop;
    const ask = await wait(workshop);
    await call(1, 'execution.pause', {});
    await call(1, 'breakpoint.add', { location: 'app.js:7', condition: 'asked > 100' });
    await call(1, 'breakpoint.add', { location: 'app.js:3', log: '{asked}' });
    const armed = async (): Promise<boolean> => {
      const { breakpoints } = await call(1, 'breakpoint.list', {});
      return breakpoints.every(({ statuses }) => statuses[0]?.state === 'armed');
    };
    await until(armed, 'both are armed');
    const stopped = nextPause();
    const answer = ask();
    const { reason, frames } = await stopped;
    assert.equal([reason, frames[0]?.line], ['pause-command', 3]);
    await call(1, 'execution.resume', {});
    assert.is(await answer, 'answer 1');
  }));

test.run();
