// test: alone
/** Steps that something else stops on their way: they end where they lead all the same. */

import { transformSync } from 'esbuild';
import { ScriptTarget, transpileModule } from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Pause } from '#shared/model/pause.ts';
import { until } from '#test/until.ts';
import { failure } from '../../../failure.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';

const STAY = 'setInterval(() => undefined, 1000);\n';

type Kind = 'over' | 'into' | 'out';

interface Walk {
  readonly workshop: Workshop;
  /** The stop at the `debugger` statement. */
  readonly first: Pause;
  /** @returns `file:line` of where the step ends */
  step(kind: Kind): Promise<string>;
}

const placeOf = (pause: Pause | null): string => {
  const frame = pause?.frames[0];
  return frame === undefined ? 'ran on' : `${frame.file?.path}:${frame.line}`;
};

/** Runs a program to its `debugger` statement while a breakpoint in the project waits for a file that never loads. */
function walk(files: Readonly<Record<string, string>>, use: (walk: Walk) => Promise<void>): Promise<void> {
  const debug = async (workshop: Workshop): Promise<void> => {
    const { write, call, run, nextPause } = workshop;
    write({ ...files, 'never.js': '' });
    await call(1, 'breakpoint.add', { location: 'never.js:1' });
    const stopped = nextPause();
    await run(Object.keys(files)[0] ?? '');
    const first = await stopped;
    await use({ workshop, first, step: async (kind) => placeOf((await call(1, 'execution.step', { kind })).pause) });
  };
  // A step into walks through a hundred statements of Node's, which this plain inspector socket answers in 40 ms each.
  return withWorkshop(debug, { engine: { limits: { stepWaitMs: 12_000 } } });
}

test('a step over nested requires ends at the next line, whatever the modules do at their start', () =>
  walk(
    {
      'app.js': `const begun = 1;\ndebugger;\nconst one = require('./one.js');\nconsole.log(one);\n${STAY}`,
      'one.js': `const two = require('./two.js');\nfor (const n of [1, 2]) require('./three.js')(n);\nmodule.exports = two;\n`,
      'two.js': `module.exports = 2;\n`,
      'three.js': `module.exports = function three(n) {\n  return n;\n};\n`,
    },
    async ({ step }) => {
      assert.is(await step('over'), 'app.js:3');
      assert.is(await step('over'), 'app.js:4');
      assert.is(await step('over'), 'app.js:5');
    },
  ));

test('a step over a statement with calls behind its require ends behind them all', () =>
  walk(
    {
      'app.js': `const begun = 1;\nfunction add(a, b) {\n  return a + b;\n}\ndebugger;\nconst sum = add(require('./one.js'), add(\n  1, 2));\nconsole.log(sum);\n${STAY}`,
      'one.js': `module.exports = 1;\n`,
    },
    async ({ step }) => {
      assert.is(await step('over'), 'app.js:6');
      assert.is(await step('over'), 'app.js:8');
    },
  ));

test('a step over the last line of a module comes back to whoever required it', () =>
  walk(
    {
      'app.js': `const begun = 1;\nconst one = require('./one.js');\nconsole.log(one);\n${STAY}`,
      'one.js': `const begun = 1;\ndebugger;\nmodule.exports = 1;\n`,
    },
    async ({ first, step }) => {
      assert.is(placeOf(first), 'one.js:2');
      assert.is(await step('over'), 'one.js:3');
      // V8 stops once more where the module's function returns.
      assert.is(await step('over'), 'one.js:3');
      assert.is(await step('over'), 'app.js:3');
    },
  ));

test('a step out of a function that requires ends in its caller', () =>
  walk(
    {
      'app.js': `const begun = 1;\nfunction load() {\n  debugger;\n  const one = require('./one.js');\n  return one;\n}\nconst got = load();\nconsole.log(got);\n${STAY}`,
      'one.js': `module.exports = 1;\n`,
    },
    async ({ step }) => assert.is(await step('out'), 'app.js:8'),
  ));

test('a step over a require that throws ends in the handler, of this function or of a caller', () =>
  walk(
    {
      'app.js': `const begun = 1;\nfunction load() {\n  debugger;\n  try {\n    require('./bad.js');\n  } catch {\n    console.log('caught');\n  }\n  require('./worse.js');\n}\ntry {\n  load();\n} catch {\n  console.log('caught');\n}\n${STAY}`,
      'bad.js': `throw new Error('bad');\n`,
      'worse.js': `throw new Error('worse');\n`,
    },
    async ({ step }) => {
      assert.is(await step('over'), 'app.js:5');
      assert.is(await step('over'), 'app.js:7');
      assert.is(await step('over'), 'app.js:9');
      assert.is(await step('over'), 'app.js:14');
    },
  ));

test('a step over an awaited import ends at the next line', () =>
  walk(
    {
      'app.mjs': `const begun = 1;\ndebugger;\nconst one = await import('./one.mjs');\nconsole.log(one.default);\n${STAY}`,
      'one.mjs': `import two from './two.mjs';\nawait undefined;\nexport default two;\n`,
      'two.mjs': `const two = 2;\nexport default two;\n`,
    },
    async ({ step }) => {
      assert.is(await step('over'), 'app.mjs:3');
      assert.is(await step('over'), 'app.mjs:4');
    },
  ));

test("another member's breakpoint inside a step ends it there, and a condition found false does not", () =>
  walk(
    {
      'app.js': `const begun = 1;\nfunction inner(n) {\n  return n * 2;\n}\ndebugger;\ninner(1);\ninner(2);\ninner(3);\n${STAY}`,
    },
    async ({ workshop: { call, consented, nextPause }, step }) => {
      consented.add(2);
      const { id } = await call(2, 'breakpoint.add', { location: 'app.js:3', condition: 'n === 2' });
      assert.is(await step('over'), 'app.js:6');
      assert.is(await step('over'), 'app.js:7');
      const stopped = nextPause();
      assert.is(await step('over'), 'app.js:3');
      assert.equal((await stopped).hitBreakpoints, [id]);
      assert.is(await step('out'), 'app.js:8');
      assert.is(await step('over'), 'app.js:9');
    },
  ));

test('a step into a module that is being loaded stops at its first line', () =>
  walk(
    {
      'app.js': `const begun = 1;\ndebugger;\nconst one = require('./one.js');\nconsole.log(one);\n${STAY}`,
      'one.js': `module.exports = 1;\n`,
    },
    async ({ step }) => {
      assert.is(await step('over'), 'app.js:3');
      assert.is(await step('into'), 'one.js:1');
      assert.is(await step('out'), 'app.js:4');
    },
  ));

test('steps pass by what a compiler added to the code, unless they begin in it', () => {
  const source = `const begun = 1;
async function load(id) {
  await undefined;
  return id;
}
async function main() {
  debugger;
  const one = await load(1);
  const two = await load(one);
  return two;
}
main();
${STAY}`;
  const built = transformSync(source, { target: 'es2016', sourcemap: 'inline', sourcefile: 'app.ts' }).code;
  return walk({ 'app.js': built }, async ({ workshop, first, step }) => {
    assert.is(placeOf(first), 'app.ts:7');
    assert.is(await step('over'), 'app.ts:8');
    assert.is(await step('into'), 'app.ts:2', 'where load() begins');
    assert.is(await step('into'), 'app.ts:3', 'its own code, through the helper that runs it');
    assert.is(await step('out'), 'app.ts:5', 'where load() returns');
    assert.is(await step('over'), 'app.ts:9');

    const helper = 1 + built.split('\n').findIndex((line) => line.includes('step(generator.next(value))'));
    await workshop.call(1, 'breakpoint.add', { location: `app.js:${helper}` });
    const inHelper = workshop.nextPause();
    await workshop.call(1, 'execution.resume', {});
    assert.is(placeOf(await inHelper), `app.js:${helper}`);
    assert.match(await step('over'), 'app.js:');
  });
});

for (const target of [ScriptTarget.ES2016, ScriptTarget.ES5]) {
  test(`an async function compiled for ${ScriptTarget[target]} is stopped in by its name, and stepped through`, () => {
    const source = `async function load(id: number) {
  const more = await later(id);
  const again = await later(more);
  return again;
}
async function main() {
  const one = await load(1);
  const two = await load(one);
  return two;
}
const later = (n: number) => new Promise<number>((done) => setTimeout(() => done(n + 1), 1));
setTimeout(main, 10);
${STAY}`;
    const options = { target, inlineSourceMap: true, inlineSources: true };
    const built = transpileModule(source, { fileName: 'app.ts', compilerOptions: options }).outputText;
    return withWorkshop(async ({ write, run, call, nextPause }) => {
      write({ 'app.js': built });
      const { id } = await call(1, 'breakpoint.add', { function: 'load' });
      const stopped = nextPause();
      await run('app.js');
      const step = async (kind: Kind) => placeOf((await call(1, 'execution.step', { kind })).pause);
      assert.is(placeOf(await stopped), 'app.ts:2', 'where its own code begins');
      assert.is(await step('over'), 'app.ts:3', 'once what it awaits is there');
      await call(1, 'breakpoint.remove', { breakpoint: id });
      assert.is(await step('over'), 'app.ts:4', 'resumed once more');
    });
  });
}

for (const [change, kind, end] of [
  ['comes', 'over', 'app.js:5'],
  ['goes', 'over', 'app.js:5'],
  ['comes', 'out', 'app.js:10'],
  ['goes', 'out', 'app.js:10'],
] as const) {
  test(`a step ${kind} stays one when somebody's breakpoint in the function ${change} meanwhile`, () => {
    const source = `const { existsSync } = require('node:fs');
function wait() { while (!existsSync('go')); }
function load() {
  wait();
  let sum = 1;
  sum += 1;
  return sum;
}
setTimeout(() => { load();
  console.log('loaded'); });
${STAY}`;
    const use = async ({ write, run, call, nextPause }: Workshop): Promise<void> => {
      write({ 'app.js': source });
      const { id } = await call(1, 'breakpoint.add', { location: 'app.js:4' });
      const stopped = nextPause();
      await run('app.js');
      await stopped;
      const ended = call(1, 'execution.step', { kind });
      if (change === 'goes') await call(2, 'breakpoint.remove', { breakpoint: id });
      // What goes is gone from V8 once what came after it is armed.
      const location = change === 'goes' ? 'app.js:1' : 'app.js:7';
      const { id: another } = await call(2, 'breakpoint.add', { location, kind: 'mine' });
      await until(async () => {
        const { breakpoints } = await call(1, 'breakpoint.list', {});
        return breakpoints.find((each) => each.id === another)?.statuses.some(({ state }) => state === 'armed');
      }, 'the other breakpoint is armed');
      write({ go: '' });
      assert.is(placeOf((await ended).pause), end);
    };
    return withWorkshop(use, { engine: { limits: { stepWaitMs: 12_000 } } });
  });
}

test('a frame runs again unless it stands on code of Node, whose books would stay open', () =>
  withWorkshop(async ({ write, run, call, next, nextPause }) => {
    write({
      'app.js': `const begun = 1; function tick() {
  inner();
}
function inner() {
  debugger;
}
setTimeout(tick, 1);
setInterval(() => console.log('alive'), 5);
`,
    });
    const first = nextPause();
    await run('app.js');
    const { frames, totalFrames } = await first;
    const nodes = frames.findIndex(({ internal }) => internal === true);
    assert.is(nodes, 2, 'inner, tick, then the timers of Node');
    for (const frame of [nodes, totalFrames - 1]) {
      const error = await failure(() => call(1, 'execution.restart', { frame }));
      assert.is(error.code, 'EVALUATION_FAILED');
      assert.match(error.message, "is Node's own");
      assert.is(error.hint, 'Restart a frame before frame 2.');
    }
    assert.is((await failure(() => call(1, 'execution.restart', { frame: totalFrames }))).code, 'BAD_ARGUMENT');
    // The innermost, then its caller: both run anew, and the program goes on afterwards.
    for (const [frame, line] of [
      [0, 5],
      [1, 2],
    ] as const) {
      const again = nextPause();
      assert.equal(await call(1, 'execution.restart', { frame }), { restarted: true });
      assert.is((await again).frames[0]?.line, line);
    }
    const stops = nextPause();
    await call(1, 'execution.resume', {});
    assert.is((await stops).frames[0]?.line, 5);
    const alive = next(1, 'output', ({ lines }) => lines.some(({ text }) => text.includes('alive')));
    await call(1, 'execution.resume', {});
    await alive;
  }));

test.run();
