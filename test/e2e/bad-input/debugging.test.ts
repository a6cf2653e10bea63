// test: full
// test: limit 240 s
/** Breakpoints where nothing can stop, and expressions that mean harm: a person at the CLI, a real program. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { request } from '../mesh/debugging.ts';
import { eventually } from '../mesh/members.ts';
import { refuses, type Scene, withScene } from './scene.ts';

const APP = `// a comment
//
const http = require('node:http');

let count = 0;
/* more
   comment */
function handle(request, response) {
  count += 1;

  // nothing here
  const body = { count, url: request.url };
  response.end(JSON.stringify(body));
}
http.createServer(handle).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
`;

interface Running {
  readonly run: Program;
  readonly url: string;
}

async function app({ host, file }: Scene): Promise<Running> {
  const run = host.start('run', '--private', '--', process.execPath, file('app.js', APP));
  const [, port] = await run.line(/^port (\d+)$/);
  return { run, url: `http://127.0.0.1:${port}/` };
}

async function answers({ url }: Running): Promise<void> {
  assert.is(((await request(url)) as { url: string }).url, '/');
}

test('a file that no program has: kept as pending, and why; it arms when a program comes that has it', () =>
  withScene(async (scene) => {
    const { host, file } = scene;
    const running = await app(scene);
    const { code, stdout } = await host.cli('break', 'add', 'later.js:2');
    assert.is(code, 0);
    assert.match(stdout, /pending in trial \(Nothing that this target has loaded contains later\.js yet\)/);
    await answers(running);
    file('later.js', 'let n = 0;\nsetInterval(() => {\n  n += 1;\n}, 1000);\n');
    host.start('run', '--private', '--', process.execPath, 'later.js');
    await eventually('it to be armed', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') ? true : undefined;
    });
  }));

test('a line without code slides to the next that has some, and says so', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const running = await app(scene);
    for (const [line, stopsAt] of [
      [1, 3],
      [6, 9],
      [11, 12],
    ]) {
      const { statuses } = await host.ask('breakpoint.add', 'break', 'add', `app.js:${line}`);
      assert.equal([statuses[0]?.state, statuses[0]?.line], ['armed', stopsAt]);
      assert.is(statuses[0]?.reason, `Line ${line} has no code: stops at line ${stopsAt}`);
    }
    const { stdout } = await host.cli('break', 'add', 'app.js:99');
    assert.match(stdout, 'refused in trial (app.js has no code at line 99 or soon after it)');
    await host.cli('break', 'rm', '--all');
    await answers(running);
  }));

test('a location that is none is refused, and how to write one', () =>
  withScene(async (scene) => {
    await app(scene);
    for (const [location, why] of [
      ['app.js', 'it has no line number'],
      ['app.js:0', 'lines count from 1'],
      ['app.js:99999999999999', 'is beyond'],
    ] as const) {
      await refuses(scene.host, ['break', 'add', location], {
        exit: 2,
        code: 'BAD_ARGUMENT',
        says: [`"${location}"`, why, 'file:line'],
      });
    }
    await refuses(scene.host, ['break', 'add', 'app.js:9', '--if', 'count ='], {
      exit: 2,
      code: 'BAD_ARGUMENT',
      says: ['"count ="'],
    });
  }));

test('an expression that throws: what it threw, exit code 1; one that is no JavaScript likewise', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const running = await app(scene);
    for (const [expression, thrown] of [
      ['null.x', 'TypeError: Cannot read properties of null'],
      ['throw new Error("on purpose")', 'Error: on purpose'],
      ['((', 'SyntaxError'],
      ['(() => { throw 1 })()', '1'],
    ] as const) {
      const { code, stdout, stderr } = await host.cli('eval', expression);
      assert.equal([code, stdout], [1, '']);
      assert.match(stderr, `threw ${thrown}`);
    }
    await answers(running);
  }));

test('an expression that never ends is stopped, whether it is busy or only waits, and the program goes on', () =>
  withScene(async (scene) => {
    const running = await app(scene);
    for (const [expression, why] of [
      ['while (true) {}', 'it ran longer than 500 ms and was stopped'],
      ['await new Promise(() => {})', 'its promise was not settled after 500 ms'],
    ] as const) {
      await refuses(scene.host, ['eval', '--timeout', '500', expression], {
        exit: 6,
        code: 'TIMEOUT',
        says: [`Cannot evaluate "${expression}": ${why}`, '--timeout, at most 10 s'],
      });
    }
    await answers(running);
  }));

test('an expression that gives 50 MB: a bounded view that says how much there is', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const running = await app(scene);
    for (const [expression, view] of [
      ['"x".repeat(50e6)', /^"x{100,1000}…" \(50000000 characters\)$/m],
      ['new Array(5e6).fill("0123456789")', /… 4999980 more\]$/m],
      ['Buffer.alloc(50e6)', /^Buffer\(50000000\) \[0, .*… 49999980 more\]$/m],
    ] as const) {
      const { code, stdout } = await host.cli('eval', '--timeout', '10000', expression);
      assert.is(code, 0);
      assert.match(stdout, view);
      assert.ok(stdout.length < 10_000, `${stdout.length} characters`);
    }
    const { result } = await host.ask('inspect.evaluate', 'eval', 'Buffer.alloc(50e6)');
    assert.ok(result.handle !== undefined);
    await answers(running);
  }));

test('a value that fights back (getters that hang, a toString that throws, a proxy) is shown without being run', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const running = await app(scene);
    for (const [expression, view] of [
      ['({ get trap() { while (true) {} }, toString() { throw 1 } })', '{trap: (getter)'],
      ['new Proxy({}, { ownKeys() { while (true) {} }, get() { while (true) {} } })', 'Proxy {…}'],
      ['Object.defineProperty({}, Symbol.toStringTag, { get() { while (true) {} } })', '{'],
      ['(() => { const a = []; a[0] = a; return a; })()', '['],
    ] as const) {
      const { code, stdout, stderr } = await host.cli('eval', expression);
      assert.is(code, 0, stderr);
      assert.match(stdout, view);
    }
    await answers(running);
  }));

test('looking into a program that runs: it is not paused, and how to pause it', () =>
  withScene(async (scene) => {
    await app(scene);
    for (const command of [['stack'], ['scopes'], ['step'], ['resume'], ['set', 'count', '1']]) {
      await refuses(scene.host, command, { exit: 7, code: 'NOT_PAUSED', says: ['sandmesh pause'] });
    }
    await refuses(scene.host, ['stack', '-t', 'nothing'], {
      exit: 5,
      code: 'TARGET_UNKNOWN',
      says: ['"nothing"', 'trial'],
    });
    await refuses(scene.host, ['break', 'rm', 'nothing.js:1'], {
      exit: 5,
      code: 'BREAKPOINT_UNKNOWN',
      says: ['"nothing.js:1"'],
    });
    await refuses(scene.host, ['source', 'nothing.js'], { exit: 5, code: 'SOURCE_UNKNOWN', says: ['source --list'] });
  }));

test.run();
