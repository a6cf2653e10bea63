// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failure } from '../../../failure.ts';
import { withWorkshop } from '../workshop.ts';

// Something before the debugger statement: Node's own stop at the first line must not be taken for it.
const STEPS = `const begun = 1; function inner(n) {
  const twice = n * 2;
  return twice;
}
function outer() {
  const a = inner(1);
  const b = inner(2);
  return a + b;
}
debugger;
outer();
setInterval(() => undefined, 1000);
`;

const at = (pause: { frames: readonly { line: number }[] } | null): number | undefined => pause?.frames[0]?.line;

test('a debugger statement stops, and steps over, into and out arrive where they lead', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': STEPS });
    const first = nextPause();
    await run('app.js');
    const pause = await first;
    assert.is(pause.reason, 'debugger-statement');
    assert.is(at(pause), 10);
    const step = async (kind: 'over' | 'into' | 'out'): Promise<number | undefined> => {
      const result = await call(1, 'execution.step', { kind });
      assert.is(result.pause?.reason, 'step');
      return at(result.pause);
    };
    assert.is(await step('over'), 11);
    assert.is(await step('into'), 6);
    assert.is(await step('over'), 7);
    assert.is(await step('into'), 2);
    // V8 stops behind the call, where nothing of the statement is left to do.
    assert.is(await step('out'), 8);
  }));

test('a step that meets a module with a pending breakpoint still ends where it leads', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({
      'app.js': `const begun = 1;\ndebugger;\nconst dep = require('./dep.js');\nconsole.log(dep);\nsetInterval(() => undefined, 1000);\n`,
      'dep.js': `const deeper = require('./deeper.js');\nmodule.exports = deeper + 1;\n`,
      'deeper.js': `module.exports = 1;\n`,
      'never.js': '',
    });
    await call(1, 'breakpoint.add', { location: 'never.js:1' });
    const first = nextPause();
    await run('app.js');
    await first;
    assert.is(at((await call(1, 'execution.step', { kind: 'over' })).pause), 3);
    assert.is(at((await call(1, 'execution.step', { kind: 'over' })).pause), 4);
  }));

test('a step into the event loop gives null in bounded time', () =>
  withWorkshop(
    async ({ write, run, call, nextPause, next }) => {
      write({ 'app.js': `setTimeout(() => {\n  debugger;\n}, 10);\nsetInterval(() => undefined, 100000);\n` });
      const first = nextPause();
      await run('app.js');
      await first;
      const running = next(2, 'pauses', ({ pause }) => pause === null);
      await call(1, 'execution.step', { kind: 'out' });
      await running;
    },
    { engine: { limits: { stepWaitMs: 200 } } },
  ));

test('pause stops a running program at its next statement, and stepping leaves node internals out', () =>
  withWorkshop(async ({ write, run, call, nextPause, next }) => {
    write({
      'app.js': `console.log('up');\nfunction tick() {\n  return 1;\n}\nsetInterval(() => {\n  tick();\n}, 10);\n`,
    });
    const up = next(1, 'output');
    const { id } = await run('app.js');
    await up;
    const paused = nextPause();
    await call(1, 'execution.pause', { target: id });
    const pause = await paused;
    assert.is(pause.reason, 'pause-command');
    assert.is(pause.frames[0]?.file?.path, 'app.js');
    assert.ok(pause.frames.some(({ internal }) => internal));
    const { pause: stack } = await call(2, 'inspect.stack', {});
    assert.is(stack.frames.length, pause.totalFrames);
  }));

test('the first step takes the lease; another member is told who drives, waits, and gets it on release', () =>
  withWorkshop(async ({ write, run, call, nextPause, next }) => {
    write({ 'app.js': STEPS });
    const first = nextPause();
    const { id } = await run('app.js');
    await first;
    const taken = next(1, 'leases');
    await call(2, 'execution.step', { kind: 'over' });
    assert.is((await taken).lease.holder, 2);
    const refused = await failure(() => call(3, 'execution.step', { kind: 'over' }));
    assert.is(refused.code, 'LEASE_HELD');
    assert.match(refused.message, 'member-2 drives this target');
    assert.match(refused.hint ?? '', 'lease take');
    assert.is((await failure(() => call(3, 'execution.resume', {}))).code, 'LEASE_HELD');
    assert.equal(await call(3, 'lease.take', {}), { held: false, holder: 2 });
    assert.equal(await call(2, 'lease.release', {}), { held: false, holder: 3 });
    await call(3, 'execution.step', { kind: 'over' });
    const [target] = (await call(2, 'target.list', {})).targets;
    assert.is(target?.lease?.holder, 3);
    assert.is(target?.id, id);
  }));

test('anybody may resume what nobody drives, and a driver who leaves frees the lease', () =>
  withWorkshop(async ({ write, run, call, nextPause, mesh, next }) => {
    write({ 'app.js': STEPS });
    const first = nextPause();
    await run('app.js');
    await first;
    await call(2, 'execution.step', { kind: 'over' });
    const freed = next(1, 'leases', ({ lease }) => lease.holder === null);
    mesh.disconnect(2);
    await freed;
    await call(3, 'execution.resume', {});
    assert.is((await failure(() => call(3, 'execution.resume', {}))).code, 'NOT_PAUSED');
  }));

test('a stop that a guest caused ends by itself after the limit, and the console says so', () =>
  withWorkshop(
    async ({ write, run, call, nextPause, next }) => {
      write({ 'app.js': `console.log('up');\nfunction tick() {\n  return 1;\n}\nsetInterval(tick, 10);\n` });
      await call(2, 'breakpoint.add', { location: 'app.js:2' });
      const first = nextPause();
      await run('app.js');
      await first;
      const said = next(1, 'output', ({ lines }) => lines.some(({ stream }) => stream === 'system'));
      await next(1, 'pauses', ({ pause }) => pause === null);
      assert.match((await said).lines[0]?.text ?? '', 'member-2 held the program');
    },
    { engine: { limits: { pauseLimitMs: 300 } } },
  ));

test('a daemon that starts anew marks the targets of its former run as detached', () =>
  withWorkshop(async ({ write, run, call, engine, nextPause, mesh }) => {
    write({ 'app.js': STEPS });
    await call(1, 'breakpoint.add', { location: 'app.js:2' });
    const first = nextPause();
    const { id } = await run('app.js');
    await first;
    const registers = mesh.registersOf('host', 1 as never);
    const left = new Map(registers);
    await engine(1).stop();
    for (const [key, value] of left) registers.set(key, value);
    engine(1).start();
    assert.is((registers.get(`target/${id}`) as { state: string }).state, 'detached');
    assert.equal(
      [...registers.keys()].filter((key) => !key.startsWith('target/')),
      [],
    );
    assert.is(engine(2).pauseOf(id), undefined);
  }));

test('console calls arrive in order with their stream, on demand and by subscription', () =>
  withWorkshop(async ({ write, run, call, next }) => {
    write({
      'app.js': `console.log('%s has %d', 'cart', 3, { a: 1 });\nconsole.warn([1, 'two']);\nsetTimeout(() => { throw new RangeError('late'); }, 1);\n`,
    });
    const seen = next(1, 'output', ({ lines }) => lines.some(({ text }) => text.includes('late')));
    const { program, id } = await run('app.js');
    await seen;
    await program.finish();
    const { lines } = await call(1, 'output.read', { target: id });
    assert.equal(
      lines.slice(0, 2).map(({ stream, text }) => [stream, text]),
      [
        ['log', 'cart has 3 { a: 1 }'],
        ['warn', `[ 1, 'two' ]`],
      ],
    );
    assert.match(lines[2]?.text ?? '', 'RangeError: late');
  }));

test.run();
