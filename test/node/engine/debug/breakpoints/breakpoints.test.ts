// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../../until.ts';
import { failure } from '../../../failure.ts';
import { withWorkshop } from '../workshop.ts';

const COUNTER = `let total = 0;
function add(amount) {
  total += amount;
  return total;
}
// nothing here

setInterval(() => add(2), 20);
`;

test('a breakpoint hits in a running program, names the place and counts', () =>
  withWorkshop(async ({ write, run, call, nextPause, next }) => {
    write({ 'app.js': COUNTER });
    const { id } = await run('app.js');
    const paused = nextPause();
    const view = await call(1, 'breakpoint.add', { location: 'app.js:3' });
    const pause = await paused;
    assert.is(pause.reason, 'breakpoint');
    assert.equal(pause.hitBreakpoints, [view.id]);
    assert.is(pause.frames[0]?.functionName, 'add');
    assert.is(pause.frames[0]?.line, 3);
    assert.is(pause.frames[0]?.file?.path, 'app.js');
    const again = nextPause();
    await call(1, 'execution.resume', {});
    assert.is((await again).id, pause.id + 1);
    const status = async () => (await call(1, 'breakpoint.list', {})).breakpoints[0]?.statuses[0];
    // Told a moment after the stops.
    await until(async () => (await status())?.hits === 2, 'both hits to be told');
    assert.is((await status())?.state, 'armed');
    assert.is((await status())?.line, 3);
    const running = next(1, 'pauses', (event) => event.pause === null);
    await call(1, 'breakpoint.remove', { breakpoint: view.id });
    await call(1, 'execution.resume', { target: id });
    await running;
  }));

for (const [kind, entry, files, line] of [
  ['CommonJS', 'app.js', { 'app.js': `// first\nconst one = 1;\nconsole.log(one);\n` }, 2],
  ['ES', 'app.mjs', { 'app.mjs': `import './other.mjs';\nconst one = 1;\nconsole.log(one);\n`, 'other.mjs': '' }, 2],
  [
    'a CommonJS dependency',
    'app.js',
    { 'app.js': `require('./lib/dep.js');\n`, 'lib/dep.js': `\n\nexports.x = 1;\n` },
    3,
  ],
] as const) {
  test(`a breakpoint on the first line of ${kind} hits, set before the program starts`, () =>
    withWorkshop(async ({ write, run, call, nextPause }) => {
      write(files);
      const file = kind === 'a CommonJS dependency' ? 'lib/dep.js' : entry;
      const view = await call(2, 'breakpoint.add', { location: `${file}:${line}` });
      assert.equal(view.statuses, []);
      const paused = nextPause(2);
      const { program } = await run(entry);
      const pause = await paused;
      assert.is(pause.frames[0]?.line, line);
      assert.is(pause.frames[0]?.file?.path, file);
      assert.equal(pause.hitBreakpoints, [view.id]);
      assert.is(program.output, '');
      await call(1, 'execution.resume', {});
      await program.finish();
    }));
}

for (const type of ['commonjs', 'module']) {
  test(`a first-line breakpoint in TypeScript under tsx hits (${type})`, () =>
    withWorkshop(async ({ write, run, call, nextPause }) => {
      write({
        'package.json': JSON.stringify({ name: 'x', type }),
        'main.ts': `// a comment\nimport { add, type N } from './lib.ts';\n\ninterface X {\n  a: N;\n}\nconst x: X = { a: 1 };\nconsole.log(add(x.a, 2));\n`,
        'lib.ts': `export type N = number;\nexport function add(a: N, b: N): N {\n  return a + b;\n}\n`,
      });
      const first = await call(1, 'breakpoint.add', { location: 'main.ts:7' });
      const inner = await call(1, 'breakpoint.add', { location: 'lib.ts:3' });
      const paused = nextPause();
      const tsx = new URL('../../../../../node_modules/tsx/dist/', import.meta.url);
      const { program } = await run('main.ts', {
        execArgv: ['--require', new URL('preflight.cjs', tsx).pathname, '--import', new URL('loader.mjs', tsx).href],
      });
      const pause = await paused;
      assert.equal(pause.hitBreakpoints, [first.id]);
      assert.is(pause.frames[0]?.line, 7);
      assert.is(pause.frames[0]?.file?.path, 'main.ts');
      const second = nextPause();
      await call(1, 'execution.resume', {});
      const deeper = await second;
      assert.equal(deeper.hitBreakpoints, [inner.id]);
      assert.equal(
        deeper.frames.slice(0, 2).map(({ file, line }) => `${file?.path}:${line}`),
        ['lib.ts:3', 'main.ts:8'],
      );
      await call(1, 'execution.resume', {});
      await program.finish();
      assert.is(program.output, '3\n');
    }));
}

test('breakpoints of several members on one line share a stop that names them all, and leave one by one', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': COUNTER });
    const one = await call(1, 'breakpoint.add', { location: 'app.js:4', settleMs: 0 });
    const two = await call(2, 'breakpoint.add', { location: 'app.js:4', settleMs: 0 });
    assert.is(two.writtenBy, 2);
    const paused = nextPause(3);
    await run('app.js');
    assert.equal((await paused).hitBreakpoints.sort(), [one.id, two.id].sort());
    await call(1, 'breakpoint.remove', { breakpoint: one.id });
    const again = nextPause();
    await call(1, 'execution.resume', {});
    assert.equal((await again).hitBreakpoints, [two.id]);
  }));

test('a line without code slides to the next one, and says so; a line beyond the end is refused', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': COUNTER });
    await call(1, 'breakpoint.add', { location: 'app.js:6' });
    await call(1, 'breakpoint.add', { location: 'app.js:900' });
    const paused = nextPause();
    await run('app.js');
    assert.is((await paused).frames[0]?.line, 8);
    const [slid, beyond] = (await call(1, 'breakpoint.list', {})).breakpoints;
    assert.is(slid?.statuses[0]?.reason, 'Line 6 has no code: stops at line 8');
    assert.is(beyond?.statuses[0]?.state, 'refused');
    assert.is(beyond?.statuses[0]?.reason, 'app.js has no code at line 900 or soon after it');
  }));

test('a file that differs from the one the target runs is refused with the reason', () =>
  withWorkshop(async ({ write, run, call, mesh, next }) => {
    write({ 'app.js': COUNTER });
    const { id } = await run('app.js');
    const answered = next(1, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
    const file = { path: 'app.js', sha256: '0'.repeat(64) };
    await mesh.replica(2).edit('debug', (doc) => {
      const record = { id: '2.abcd', author: 2, enabled: true, createdAt: 1, where: { kind: 'line', file, line: 3 } };
      doc.getMap('breakpoints').set('2.abcd', record);
    });
    const { view } = await answered;
    assert.match(view?.statuses[0]?.reason ?? '', 'differs from the file that this target runs');
    assert.is(view?.writtenBy, 2);
    assert.is((await call(1, 'target.list', {})).targets.find((target) => target.id === id)?.state, 'running');
  }));

test('a disabled breakpoint does not stop, and stops again when enabled by another member', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': COUNTER });
    const view = await call(1, 'breakpoint.add', { location: 'app.js:3' });
    await call(2, 'breakpoint.enable', { breakpoint: view.id, enabled: false });
    const { program } = await run('app.js');
    assert.equal((await call(1, 'breakpoint.list', {})).breakpoints[0]?.statuses, []);
    assert.is(program.held, false);
    const paused = nextPause();
    await call(2, 'breakpoint.enable', { breakpoint: view.id, enabled: true });
    assert.is((await paused).frames[0]?.line, 3);
  }));

test('a condition stops only when it holds; one that throws hides no other on the same line', () =>
  withWorkshop(async ({ write, run, call, nextPause, engine }) => {
    write({ 'app.js': COUNTER });
    const throwing = await call(1, 'breakpoint.add', { location: 'app.js:3', condition: 'nowhere.to.be.found' });
    const holding = await call(1, 'breakpoint.add', { location: 'app.js:3', condition: 'total === 10 // at ten' });
    const paused = nextPause();
    const { id } = await run('app.js');
    const pause = await paused;
    assert.equal(pause.hitBreakpoints, [holding.id]);
    assert.is((await call(1, 'inspect.evaluate', { expression: 'total' })).result.value, '10');
    assert.is(engine(1).hosted(id).statuses.get(throwing.id)?.hits, 0);
  }));

test("a condition of a guest is armed only with the host's consent, and disarmed when that ends", () =>
  withWorkshop(async ({ write, run, call, nextPause, next, engine, consented, mesh }) => {
    write({ 'app.js': COUNTER });
    await run('app.js');
    const view = await call(2, 'breakpoint.add', { location: 'app.js:3', condition: 'total > 0', settleMs: 2000 });
    assert.is(view.statuses[0]?.state, 'refused');
    assert.match(view.statuses[0]?.reason ?? '', 'has not allowed member-2 to run code here');
    const paused = nextPause(2);
    consented.add(2);
    engine(1).recheckConsent();
    assert.equal((await paused).hitBreakpoints, [view.id]);
    const disarmed = next(1, 'breakpoints', (event) => event.view?.statuses[0]?.state === 'refused');
    mesh.setRole(2, 'viewer');
    await disarmed;
  }));

test('a condition that is more than one expression is refused when set, and ignored when smuggled in', () =>
  withWorkshop(async ({ write, call, mesh, engine }) => {
    write({ 'app.js': COUNTER });
    const error = await failure(() =>
      call(1, 'breakpoint.add', { location: 'app.js:3', condition: '1); process.exit(' }),
    );
    assert.is(error.code, 'BAD_ARGUMENT');
    await mesh.replica(2).edit('debug', (doc) => {
      const where = { kind: 'line', file: { path: 'app.js' }, line: 3 };
      const record = { id: '2.evil', author: 2, enabled: true, createdAt: 1, where, condition: 'process.exit()' };
      doc.getMap('breakpoints').set('2.evil', record);
    });
    assert.equal(engine(1).breakpoints(), []);
  }));

test('a function breakpoint stops in a function or method of that name, also in a module not loaded yet', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({
      'app.js': `const { Cart } = require('./cart.js');\nfunction start() {\n  return new Cart().total(3);\n}\nstart();\n`,
      'cart.js': `class Other { total() { return 0; } }\nclass Cart {\n  total(n) {\n    return n * 2;\n  }\n}\nnew Other().total();\nmodule.exports = { Cart };\n`,
    });
    const method = await call(1, 'breakpoint.add', { function: 'Cart.total' });
    const plain = await call(1, 'breakpoint.add', { function: 'start' });
    const first = nextPause();
    const { program } = await run('app.js');
    const started = await first;
    assert.equal(started.hitBreakpoints, [plain.id]);
    assert.is(started.frames[0]?.line, 3);
    const second = nextPause();
    await call(1, 'execution.resume', {});
    const inMethod = await second;
    assert.equal(inMethod.hitBreakpoints, [method.id]);
    assert.is(inMethod.frames[0]?.line, 4);
    await call(1, 'execution.resume', {});
    await program.finish();
  }));

test('exception breakpoints of several members merge, and each stop names the ones that asked for it', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({
      'app.js': `function risky() {\n  throw new TypeError('no password=hunter22 here');\n}\ntry { risky(); } catch {}\nrisky();\n`,
    });
    const caught = await call(1, 'breakpoint.add', { exception: 'caught' });
    const uncaught = await call(2, 'breakpoint.add', { exception: 'uncaught' });
    const first = nextPause();
    const { program } = await run('app.js');
    const pause = await first;
    assert.is(pause.reason, 'exception');
    assert.equal(pause.hitBreakpoints, [caught.id]);
    assert.match(pause.detail ?? '', 'TypeError: no');
    assert.not.match(pause.detail ?? '', 'hunter22');
    const second = nextPause();
    await call(1, 'execution.resume', {});
    assert.equal((await second).hitBreakpoints, [uncaught.id]);
    await call(1, 'execution.resume', {});
    await program.finish();
  }));

test('a program that starts again keeps its target and its breakpoints, and is armed before its first line', () =>
  withWorkshop(async ({ write, run, call, nextPause, next }) => {
    write({ 'app.js': `const started = 1;\nsetInterval(() => started, 1000);\n` });
    const view = await call(2, 'breakpoint.add', { location: 'app.js:1' });
    const first = nextPause();
    const before = await run('app.js');
    await first;
    const exited = next(2, 'targets', ({ target }) => target.state === 'exited');
    before.program.child.kill('SIGKILL');
    const { target } = await exited;
    assert.is(target.exitSignal, 'SIGKILL');
    const second = nextPause(2);
    const after = await run('app.js');
    const pause = await second;
    assert.is(after.id, before.id);
    assert.is(pause.id, 2);
    assert.equal(pause.hitBreakpoints, [view.id]);
    const [restarted] = (await call(2, 'target.list', {})).targets;
    assert.is(restarted?.restarts, 1);
    assert.is(restarted?.state, 'paused');
    assert.is(restarted?.exitSignal, undefined);
  }));

test('with wait the program starts when the wait is over, not before', () =>
  withWorkshop(async ({ write, run, call, engine }) => {
    write({ 'app.js': `console.log('started');\n` });
    let join: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      join = resolve;
    });
    const { program, id } = await run('app.js', { wait });
    assert.is(engine(1).target(id)?.held, true);
    assert.is(program.output, '');
    const exited = engine(2).events.next('targets', { test: ({ target }) => target.state === 'exited' });
    join();
    await program.finish();
    await exited;
    assert.is(program.output, 'started\n');
    const error = await failure(() => call(1, 'execution.pause', { target: id }));
    assert.is(error.code, 'TARGET_GONE');
  }));

test('whoever resumes a program that waits at its first line lets it go', () =>
  withWorkshop(async ({ write, run, call }) => {
    write({ 'app.js': `console.log('started');\n` });
    const { program, id } = await run('app.js', { wait: new Promise(() => undefined) });
    await call(2, 'execution.resume', { target: id });
    await program.finish();
    assert.is(program.output, 'started\n');
  }));

test('a file that no target has is set all the same and waits', () =>
  withWorkshop(async ({ write, run, call }) => {
    write({ 'app.js': COUNTER, 'never.js': 'exports.x = 1;\n' });
    const { id } = await run('app.js');
    const view = await call(1, 'breakpoint.add', { location: 'never.js:1', settleMs: 2000 });
    assert.equal(
      view.statuses.map(({ target, state, reason }) => ({ target, state, reason })),
      [{ target: id, state: 'pending', reason: 'Nothing that this target has loaded contains never.js yet' }],
    );
  }));

test('one member’s breakpoints are bounded, and leave room for those of the others', () =>
  withWorkshop(async ({ write, call, engine, mesh }) => {
    write({ 'app.js': 'let a = 1;\n' });
    const view = await call(2, 'breakpoint.add', { location: 'app.js:1', settleMs: 0 });
    const { statuses: _statuses, writtenBy: _writtenBy, ...record } = view;
    await mesh.replica(2).edit('debug', (doc) => {
      for (let i = 0; i < 1500; i++) {
        const id = `2.${(10 ** 6 + i).toString(36)}`;
        doc.getMap('breakpoints').set(id, { ...record, id });
      }
    });
    const error = await failure(() => call(2, 'breakpoint.add', { location: 'app.js:1', settleMs: 0 }));
    assert.equal([error.code, error.hint?.includes('break rm')], ['LIMIT_EXCEEDED', true]);
    const { id } = await call(1, 'breakpoint.add', { location: 'app.js:1', settleMs: 0 });
    assert.is(engine(1).breakpoint(id)?.author, 1);
    assert.is(engine(1).breakpoints().length, 1001);
  }));

test.run();
