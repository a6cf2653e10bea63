// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemTimers } from '#node/engine/debug/timers.ts';
import { HOLD_LIMIT_MS } from '#shared/model/pause.ts';
import { until } from '#test/until.ts';
import { withStudio } from '../../snapshots/studio.ts';
import { withWorkshop } from '../workshop.ts';

const APP = `let n = 0;
function inner(x) {
  const doubled = x * 2;
  return doubled;
}
function outer() {
  n += 1;
  const a = inner(n);
  return a + 1;
}
setInterval(outer, 20);
`;

test('a snapshot breakpoint leaves snapshots, and nobody sees the program stop', () =>
  withStudio(async ({ write, run, call, engine, ask }) => {
    write({ 'app.js': APP });
    await run('app.js');
    let pauses = 0;
    engine(1).events.on('pauses', ({ pause }) => {
      if (pause !== null) pauses += 1;
    });
    const view = await call(2, 'breakpoint.add', { location: 'app.js:4', kind: 'snapshot' });
    assert.is(view.kind, 'snapshot');
    const taken = await until(async () => {
      const { snapshots } = await ask('snapshot.list', {});
      return snapshots.length >= 2 ? snapshots : undefined;
    }, 'two snapshots');
    const last = taken.at(-1);
    assert.is(last?.cause, 'breakpoint');
    assert.is(last?.by, 2);
    assert.is(last?.top?.functionName, 'inner');
    const shown = await ask('snapshot.show', { snapshot: last?.id ?? '' });
    assert.equal(shown.pause.hitBreakpoints, [view.id]);
    assert.ok(shown.scopes[0]?.variables.some(({ name }) => name === 'doubled'));
    assert.is(pauses, 0);
    const { breakpoints } = await call(1, 'breakpoint.list', {});
    assert.ok((breakpoints[0]?.statuses[0]?.hits ?? 0) >= 2);
  }));

test('a snapshot breakpoint in what is stepped over leaves its snapshot, and the step ends where it would', () =>
  withStudio(async ({ write, run, call, nextPause, ask }) => {
    // Slow enough that none has to rest.
    write({ 'app.js': APP.replace('20', '200') });
    const { id } = await run('app.js');
    const view = await call(2, 'breakpoint.add', { location: 'app.js:4', kind: 'snapshot' });
    const hits = async () => {
      const { breakpoints } = await call(1, 'breakpoint.list', {});
      return breakpoints.find((each) => each.id === view.id)?.statuses[0]?.hits ?? 0;
    };
    await until(async () => (await hits()) > 1, 'hits while nobody steps');
    const paused = nextPause();
    const outer = await call(1, 'breakpoint.add', { location: 'app.js:8' });
    await paused;
    await call(1, 'breakpoint.remove', { breakpoint: outer.id });
    const before = await hits();
    const { pause } = await call(1, 'execution.step', { target: id, kind: 'over', waitMs: 10_000 });
    assert.equal([pause?.frames[0]?.functionName, pause?.frames[0]?.line], ['outer', 9]);
    assert.is(await hits(), before + 1);
    // Read like all others, and with nobody stepping any more passed in one go again.
    await call(1, 'execution.resume', { target: id });
    await until(async () => (await hits()) > before + 2, 'hits after the step');
    const { snapshots } = await ask('snapshot.list', {});
    assert.ok(snapshots.every(({ values, cause }) => values === 'all' && cause === 'breakpoint'));
  }));

test('one of my own stops the program for me, and anybody may release it', () =>
  withWorkshop(async ({ write, run, call, nextPause, next }) => {
    write({ 'app.js': APP });
    const { id } = await run('app.js');
    const paused = nextPause();
    await call(2, 'breakpoint.add', { location: 'app.js:4', kind: 'mine' });
    const pause = await paused;
    assert.is(pause.heldBy, 2);
    // Its author drives; what nobody else set holds it for nobody else.
    await call(2, 'lease.take', { target: id });
    const runs = next(1, 'pauses', (event) => event.pause === null);
    await call(3, 'execution.resume', { target: id });
    await runs;
  }));

test("one of another's never fires into my step, and leaves a snapshot instead", () =>
  withStudio(async ({ write, run, call, nextPause, ask, engine }) => {
    write({ 'app.js': APP });
    const { id } = await run('app.js');
    const paused = nextPause();
    await call(1, 'breakpoint.add', { location: 'app.js:8' });
    await paused;
    await call(1, 'lease.take', { target: id });
    await call(2, 'breakpoint.add', { location: 'app.js:4', kind: 'mine' });
    const { pause } = await call(1, 'execution.step', { target: id, kind: 'over', waitMs: 10_000 });
    assert.is(pause?.frames[0]?.functionName, 'outer');
    assert.is(pause?.frames[0]?.line, 9);
    assert.is(pause?.heldBy, undefined);
    const { snapshots } = await until(async () => {
      const found = await ask('snapshot.list', {});
      return found.snapshots.some(({ cause }) => cause === 'breakpoint') ? found : undefined;
    }, 'a snapshot');
    assert.is(snapshots.find(({ cause }) => cause === 'breakpoint')?.top?.line, 4);
    assert.is(engine(1).leaseOf(id)?.holder, 1);
  }));

test('one of my own holds the program for ten seconds at most', () => {
  const asked: number[] = [];
  const timers = {
    now: systemTimers.now,
    after: (delayMs: number, task: () => void) => {
      asked.push(delayMs);
      return systemTimers.after(delayMs === HOLD_LIMIT_MS ? 50 : delayMs, task);
    },
  };
  return withWorkshop(
    async ({ write, run, call, nextPause, next }) => {
      write({ 'app.js': APP });
      await run('app.js');
      const paused = nextPause();
      const running = next(1, 'pauses', (event) => event.pause === null);
      const view = await call(2, 'breakpoint.add', { location: 'app.js:4', kind: 'mine' });
      assert.is((await paused).heldBy, 2);
      await running;
      assert.ok(asked.includes(10_000));
      await call(2, 'breakpoint.remove', { breakpoint: view.id });
      const { lines } = await call(1, 'output.read', {});
      assert.ok(lines.some(({ text }) => /Resumed: a breakpoint of .* held the program for 10 s/.test(text)));
    },
    { engine: { timers } },
  );
});

test.run();
