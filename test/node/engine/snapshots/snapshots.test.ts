// test: limit 120 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PauseSnapshots } from '#node/engine/snapshots/pause-snapshots.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import { FakeTimers } from '#test/node/fake-timers.ts';
import { until } from '#test/until.ts';
import { failure } from '../../failure.ts';
import { withStudio } from './studio.ts';

/** Counts as long as it runs, so that a test sees whether it does. */
const CLOCK = `const cart = { items: [{ sku: 'tea', price: 3 }, { sku: 'cup', price: 5 }], meta: new Map([['k', { deep: [1, 2] }], ['password', 'hunter2hunter2']]) };
let ticks = 0;
function tick(cart) {
  const password = 'hunter2hunter2';
  ticks += 1;
  return [cart, password];
}
setInterval(() => tick(cart), 2);
`;
const STOPPER = CLOCK.replace('ticks += 1;', 'ticks += 1; if (ticks === 5) debugger;');
const IDLE = 'setTimeout(() => { globalThis.idle = true; }, 1);\nsetInterval(() => undefined, 100_000);\n';
const HUGE = `let chain = {};
for (let i = 0; i < 100_000; i++) chain = { chain };
const many = Array.from({ length: 200_000 }, (_, i) => ({ i, text: 'x'.repeat(200) }));
const map = new Map(many.map((each) => [each, { each }]));
let traps = 0;
const lazy = { get boom() { traps += 1; throw new Error('boom'); } };
const proxy = new Proxy({ a: 1 }, { ownKeys() { traps += 1; return []; }, get() { traps += 1; } });
function look(...all) {
  debugger;
  globalThis.trapsSprung = traps;
  return [chain, many, map, lazy, proxy, all];
}
setTimeout(() => look(chain, many), 1);
setInterval(() => undefined, 1000);
`;

test('a running program is looked at without anybody being told, and runs on', () =>
  withStudio(async ({ write, run, ask, engine, call }) => {
    write({ 'app.js': CLOCK });
    const { id } = await run('app.js');
    const told: unknown[] = [];
    engine(1).events.on('pauses', (event) => told.push(event));
    const taken = await ask('snapshot.take', { target: id, label: 'first' });
    assert.is(taken.cause, 'command');
    assert.is(taken.label, 'first');
    assert.is(taken.by, 1);
    assert.equal(told, [], 'no pause was shown');
    assert.is(engine(1).target(id)?.state, 'running');
    const ticks = async (): Promise<number> =>
      Number(
        (await call(1, 'inspect.evaluate', { target: id, expression: 'globalThis.process.uptime()' })).result.value,
      );
    const before = await ticks();
    assert.ok((await ticks()) > before, 'it goes on');
    const second = await ask('snapshot.take', { target: id });
    assert.equal(
      (await ask('snapshot.list', {})).snapshots.map((each) => each.id),
      [second.id, taken.id],
    );
  }));

test('a pause is browsed after the program went on, frame by frame, masked', () =>
  withStudio(async ({ write, run, ask, nextPause, call, snapshots }) => {
    write({ 'app.js': STOPPER });
    const paused = nextPause();
    const { id } = await run('app.js');
    const pause = await paused;
    const { captured } = await snapshots.read(pause);
    assert.not.match(JSON.stringify(captured), 'hunter2');
    await snapshots.store({ pause, cause: 'pause', captured });
    await call(1, 'execution.resume', { target: id });

    const [listed] = (await ask('snapshot.list', { target: id })).snapshots;
    assert.is(listed?.values, 'all');
    assert.is(listed?.top?.functionName, 'tick');
    const shown = await ask('snapshot.show', { snapshot: (listed as Snapshot).id });
    assert.equal(shown.pause.frames[0]?.line, 5);
    assert.match(shown.excerpt?.lines.join('\n') ?? '', 'if (ticks === 5) debugger');
    const local = shown.scopes.find(({ type }) => type === 'local');
    assert.is(local?.variables.find(({ name }) => name === 'password')?.value, '•••• (masked)');
    assert.not.match(JSON.stringify(shown.scopes), 'hunter2');
    const cart = local?.variables.find(({ name }) => name === 'cart');
    const open = async (handle: string | undefined) =>
      (await ask('snapshot.variables', { snapshot: shown.snapshot.id, handle: handle ?? '' })).variables;
    const items = (await open(cart?.handle)).find(({ name }) => name === 'items');
    const second = (await open(items?.handle)).find(({ name }) => name === '1');
    assert.equal(
      (await open(second?.handle)).map(({ name, value }) => [name, value]),
      [
        ['sku', '"cup"'],
        ['price', '5'],
      ],
    );
    const caller = await ask('snapshot.show', { snapshot: shown.snapshot.id, frame: 1 });
    assert.ok(caller.scopes.some(({ variables }) => variables.some(({ name }) => name === 'cart')));
    const wrong = await failure(() => ask('snapshot.variables', { snapshot: shown.snapshot.id, handle: 'n9999' }));
    assert.is(wrong.code, 'HANDLE_STALE');
  }));

test('what was set where the program stands is in a snapshot taken afterwards, and not in one taken before', () =>
  withStudio(async ({ write, run, ask, nextPause, call, snapshots }) => {
    write({ 'app.js': STOPPER });
    const paused = nextPause();
    const { id } = await run('app.js');
    const pause = await paused;
    const shown = async (snapshot: Snapshot) => {
      const { scopes } = await ask('snapshot.show', { snapshot: snapshot.id });
      const variables = scopes.flatMap((scope) => scope.variables);
      return ['ticks', 'cart'].map((name) => variables.find((each) => each.name === name)?.value);
    };
    const before = await ask('snapshot.take', { target: id });
    await call(1, 'inspect.set', { target: id, name: 'ticks', expression: '40 + 2' });
    await call(1, 'inspect.evaluate', { target: id, expression: 'cart = "emptied"' });
    const after = await ask('snapshot.take', { target: id });
    const read = await snapshots.read(pause);
    const kept = await snapshots.store({ pause, cause: 'pause', captured: read.captured });
    assert.is((await shown(before))[0], '5');
    assert.match((await shown(before))[1] ?? '', 'items');
    assert.equal(await shown(after), ['42', '"emptied"']);
    assert.equal(await shown(kept), ['42', '"emptied"']);
  }));

test('a program that runs no code of its own is not left standing', () =>
  withStudio(async ({ write, run, ask, engine, call }) => {
    write({ 'app.js': IDLE });
    const { id } = await run('app.js');
    const isIdle = () => call(1, 'inspect.evaluate', { target: id, expression: 'globalThis.idle' });
    await until(async () => (await isIdle()).result.value === 'true', 'it to wait');
    const error = await failure(() => ask('snapshot.take', { target: id }));
    assert.is(error.code, 'NOT_PAUSED');
    assert.match(error.message, 'runs no code of its own');
    assert.is(engine(1).pauseOf(id), undefined);
    const { result } = await call(1, 'inspect.evaluate', { target: id, expression: '6 * 7' });
    assert.is(result.value, '42', 'it answers, and no stop was left to come');
    assert.is(engine(1).pauseOf(id), undefined);
  }));

test('whatever hangs on the scopes, a snapshot is bounded and springs no trap', () =>
  withStudio(async ({ write, run, ask, nextPause, call }) => {
    write({ 'app.js': HUGE });
    const paused = nextPause();
    const { id } = await run('app.js');
    await paused;
    const taken = await ask('snapshot.take', { target: id });
    assert.is(taken.values, 'part');
    assert.ok(taken.bytes < 512 * 1024, `${taken.bytes} bytes`);
    const { scopes } = await ask('snapshot.show', { snapshot: taken.id });
    const module = scopes.flatMap(({ variables }) => variables);
    assert.is(module.find(({ name }) => name === 'many')?.size, 200_000);
    await call(1, 'execution.resume', { target: id });
    // What is evaluated right after may come before its next statement.
    const sprung = await until(async () => {
      const { result } = await call(1, 'inspect.evaluate', { target: id, expression: 'globalThis.trapsSprung' });
      return result.value === 'undefined' ? undefined : result.value;
    }, 'it to run on');
    assert.is(sprung, '0');
  }));

test('where policy lets no member look, frames are all there is', () =>
  withStudio(
    async ({ write, run, ask }) => {
      write({ 'app.js': CLOCK });
      const { id } = await run('app.js');
      const taken = await ask('snapshot.take', { target: id });
      assert.is(taken.values, 'none');
      assert.match(taken.why ?? '', 'policy');
      assert.ok(taken.frames > 0);
      const shown = await ask('snapshot.show', { snapshot: taken.id });
      assert.not.match(JSON.stringify(shown.scopes), 'tea');
    },
    { sharesValues: () => false },
  ));

test('the oldest make room, on disk too', () =>
  withStudio(
    async ({ write, run, ask, blobs }) => {
      write({ 'app.js': CLOCK });
      const { id } = await run('app.js');
      const taken: string[] = [];
      for (let n = 0; n < 5; n++) taken.push((await ask('snapshot.take', { target: id, label: `${n}` })).id);
      const { snapshots } = await ask('snapshot.list', {});
      assert.equal(
        snapshots.map((each) => each.id),
        taken.slice(-3).reverse(),
      );
      await until(() => blobs.list().length === 3, 'blobs that nobody names to go');
      assert.is((await failure(() => ask('snapshot.show', { snapshot: taken[0] as never }))).code, 'SNAPSHOT_UNKNOWN');
      await ask('snapshot.remove', { snapshot: taken[4] as never });
      await until(() => blobs.list().length === 2, 'its blob to go');
    },
    { kept: 3 },
  ));

test('a pause that lasts is read once it settled; one that is over at once leaves its frames', () =>
  withStudio(async ({ write, run, nextPause, engine, snapshots, call }) => {
    const timers = new FakeTimers();
    const reads: number[] = [];
    const spied = {
      read: (pause: Parameters<typeof snapshots.read>[0]) => {
        reads.push(pause.id);
        return snapshots.read(pause);
      },
      store: snapshots.store.bind(snapshots),
    };
    const stop = new PauseSnapshots(engine(1), spied, {
      timers,
      onError: (error) => assert.unreachable(String(error)),
    }).start(1);
    write({ 'app.js': STOPPER.replace('ticks === 5', 'ticks >= 5') });
    const first = nextPause();
    const { id } = await run('app.js');
    await first;
    assert.equal(reads, [], 'clients come first');
    timers.pass(39);
    assert.equal(reads, []);
    timers.pass(1);
    await until(() => snapshots.list().length === 1, 'the first snapshot');
    assert.is(snapshots.list()[0]?.values, 'all');
    // Resumed and stopped again with no time in between.
    const second = nextPause();
    await call(1, 'execution.resume', { target: id });
    await second;
    const third = nextPause();
    await call(1, 'execution.resume', { target: id });
    await third;
    await until(() => snapshots.list().length === 2, 'the frames of the second');
    const hurried = snapshots.list().find(({ values }) => values === 'none');
    assert.match(hurried?.why ?? '', 'ran on');
    assert.is(reads.length, 1);
    // Ten at once and no more until time passes; those left out are counted.
    for (let n = 0; n < 15; n++) {
      const next = nextPause();
      await call(1, 'execution.resume', { target: id });
      await next;
    }
    await until(() => snapshots.list().length === 10, 'as many as may come at once');
    timers.pass(1000);
    const last = nextPause();
    await call(1, 'execution.resume', { target: id });
    await last;
    timers.pass(40);
    await until(() => snapshots.list().some(({ passedOver }) => passedOver === 8), 'those left out to be counted');
    stop();
  }));

test.run();
