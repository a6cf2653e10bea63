// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Bench,
  firstStop,
  NODE,
  nextAttached,
  type Program,
  type RunOptions,
  releaseAll,
  until,
  withBench,
  within,
} from './bench.ts';

const ANY_SCRIPT = `
  const chunks = [];
  process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    console.log(JSON.stringify({
      argv: process.argv.slice(2), execArgv: process.execArgv, cwd: process.cwd(), stdin: chunks.join(''),
      inspector: require('inspector').url() ?? null, exitListeners: process.listenerCount('exit'), debugPort: process.debugPort,
    }));
    console.error('to stderr');
  });
`;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function finish(program: Program): Promise<Ended> {
  const { code, signal } = await within(program.exit, 'the program ended');
  return { code, signal, stdout: program.stdout(), stderr: program.stderr() };
}

/** Runs a command line with and without sandmesh. */
async function both(bench: Bench, argv: string[], options: RunOptions = {}): Promise<{ under: Ended; bare: Ended }> {
  const off = releaseAll(bench);
  const under = await finish(bench.run(argv, options));
  off();
  return { under, bare: await finish(bench.run(argv, { ...options, bare: true })) };
}

test('a CommonJS program stops at its first line, with its own arguments and entry known', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `console.log('one');\nconsole.log('two');\n` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app', '--flag'], { env: { NODE_ENV: 'staging' } });
    const target = await attached;
    assert.is(target.held, true);
    assert.is(await firstStop(target, 'app\\.js$'), 1);
    assert.is(target.held, false);
    assert.is(program.stdout(), '');
    assert.is(target.pid, program.child.pid);
    assert.is(target.mode, 'harness');
    assert.is(target.nodeEnv, 'staging');
    assert.equal(target.argv.slice(2), ['--flag']);
    assert.match(target.entry ?? '', /app\.js$/);
    assert.match(target.runtime, /^node v\d+/);
    const exit = target.events.next('exit');
    await target.cdp.send('Debugger.resume');
    assert.equal(await finish(program), { code: 0, signal: null, stdout: 'one\ntwo\n', stderr: '' });
    assert.equal(await exit, { code: 0, signal: null, how: 'exit' });
  }));

test('an ES module stops at its first line', () =>
  withBench(async (bench) => {
    bench.write({ 'app.mjs': `const a = 1;\nawait 0;\nconsole.log(a);\n` });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.mjs']);
    const target = await attached;
    assert.is(await firstStop(target, 'app\\.mjs$'), 1);
    await target.cdp.send('Debugger.resume');
    assert.equal(await finish(program), { code: 0, signal: null, stdout: '1\n', stderr: '' });
  }));

test('arguments, input, folder and output are those of the bare program; no inspector is open', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': ANY_SCRIPT });
    const { under, bare } = await both(bench, [NODE, '--stack-size=900', 'app.js', 'a b', ''], { input: 'typed\n' });
    const [a, b] = [JSON.parse(under.stdout), JSON.parse(bare.stdout)];
    assert.is(a.inspector, null);
    assert.equal({ ...a, exitListeners: 0 }, { ...b, exitListeners: 0 });
    assert.is(under.stderr, bare.stderr);
    assert.is(under.code, 0);
  }));

const ENDINGS: Record<string, string> = {
  'process.exit(7)': 'process.exit(7)',
  'process.exitCode': 'process.exitCode = 3',
  'an uncaught error': `throw new Error('planted')`,
  'an unhandled rejection': `Promise.reject(new Error('planted'))`,
  'its own SIGKILL': `process.kill(process.pid, 'SIGKILL')`,
  'its own SIGTERM': `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`,
  'an exit listener that changes the code': `process.on('exit', () => { process.exitCode = 9; })`,
  abort: 'process.abort()',
};

for (const [name, code] of Object.entries(ENDINGS)) {
  test(`a program that ends by ${name} ends as without sandmesh`, () =>
    withBench(async (bench) => {
      bench.write({ 'app.cjs': `console.log('first');\n${code};\n`, 'app.mjs': `console.log('first');\n${code};\n` });
      for (const file of ['app.cjs', 'app.mjs']) {
        const { under, bare } = await both(bench, [NODE, file]);
        // a native stack of abort() names addresses; which of Node's own frames lead to the program varies with preloads
        const strip = (text: string): string => (name === 'abort' ? '' : text.replace(/\n +at .*node:internal.*/g, ''));
        assert.equal({ ...under, stderr: strip(under.stderr) }, { ...bare, stderr: strip(bare.stderr) });
      }
    }));
}

test('a session with the debugger on leaves nothing on stderr, however the program ends', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `if (process.argv[2] === 'exit') process.exit(4);\nif (process.argv[2] === 'throw') throw 1;\n`,
    });
    for (const [how, code] of [
      ['exit', 4],
      ['natural', 0],
    ] as const) {
      for (let round = 0; round < 5; round++) {
        const attached = nextAttached(bench);
        const program = bench.run([NODE, 'app.js', how]);
        const target = await attached;
        const exit = target.events.next('exit');
        await target.cdp.send('Runtime.enable');
        await target.cdp.send('Debugger.enable');
        await target.release();
        assert.equal(await finish(program), { code, signal: null, stdout: '', stderr: '' });
        assert.equal(await exit, { code, signal: null, how: 'exit' });
      }
    }
  }));

test('what a program says right before process.exit() arrives', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `for (let i = 0; i < 150; i++) console.log({ i }); process.exit(0);` });
    for (let round = 0; round < 5; round++) {
      const attached = nextAttached(bench);
      bench.run([NODE, 'app.js']);
      const target = await attached;
      const said: unknown[] = [];
      target.cdp.on('Runtime.consoleAPICalled', ({ args }) => said.push(args[0]?.type));
      const exit = target.events.next('exit');
      await target.cdp.send('Runtime.enable');
      await target.release();
      await within(exit, 'exit');
      assert.is(said.length, 150);
    }
  }));

test('a signal from outside reaches the program, and its death is seen', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `process.on('SIGINT', () => { console.log('caught'); process.exit(12); }); console.log('ready'); setInterval(() => {}, 1000);`,
    });
    const off = releaseAll(bench);
    const program = bench.run([NODE, 'app.js']);
    await until(() => program.stdout().includes('ready'), 'ready');
    process.kill(program.child.pid ?? 0, 'SIGINT');
    assert.equal(await finish(program), { code: 12, signal: null, stdout: 'ready\ncaught\n', stderr: '' });
    off();
    const attached = nextAttached(bench);
    const second = bench.run([NODE, 'app.js']);
    const target = await attached;
    await target.release();
    await until(() => second.stdout().includes('ready'), 'ready');
    const exit = target.events.next('exit');
    process.kill(target.pid, 'SIGKILL');
    assert.equal(await within(exit, 'exit'), { code: null, signal: null, how: 'exit' });
  }));

test("the person's own NODE_OPTIONS and --inspect keep working", () =>
  withBench(async (bench) => {
    bench.write({
      'own preload.cjs': `globalThis.own = 'loaded';`,
      'app.js': `console.log(globalThis.own, process.title);`,
    });
    const preload = `--require "${bench.folder}/own preload.cjs" --title=mine`;
    const { under, bare } = await both(bench, [NODE, 'app.js'], { env: { NODE_OPTIONS: preload } });
    assert.equal(under, bare);
    assert.is(under.stdout, 'loaded mine\n');
    const off = releaseAll(bench);
    const inspected = await finish(bench.run([NODE, '--inspect=0', 'app.js']));
    off();
    assert.is(inspected.code, 0);
    assert.match(inspected.stderr, /^Debugger listening on/);
    assert.not.match(inspected.stderr, /Waiting for the debugger/);
  }));

test('worker threads and their numbers of targets: one per process, children included', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `
        const { Worker, isMainThread } = require('worker_threads');
        if (isMainThread) {
          new Worker(__filename).on('exit', () => {
            require('child_process').fork(__dirname + '/child.js').on('exit', (code) => console.log('child', code));
          });
        } else console.log('in worker');`,
      'child.js': `process.exit(6);`,
    });
    const seen: { pid: number }[] = [];
    const off = releaseAll(bench, seen as never);
    const { code, stdout, stderr } = await finish(bench.run([NODE, 'app.js']));
    off();
    assert.equal({ code, stdout, stderr }, { code: 0, stdout: 'in worker\nchild 6\n', stderr: '' });
    assert.is(seen.length, 2);
    assert.is(new Set(seen.map(({ pid }) => pid)).size, 2);
  }));

test('a program that signals itself and lives on is offered again', () =>
  withBench(async (bench) => {
    bench.write({
      'app.js': `process.kill(process.pid, 'SIGCONT'); console.log('on'); setInterval(() => {}, 1000);`,
    });
    const attached = nextAttached(bench);
    const program = bench.run([NODE, 'app.js']);
    const first = await attached;
    const again = nextAttached(bench);
    await first.release();
    const second = await again;
    assert.is(second.pid, first.pid);
    assert.is(second.startedAt, first.startedAt);
    assert.is(second.held, false);
    assert.is((await second.cdp.send('Runtime.evaluate', { expression: '1+1' })).result.value, 2);
    await until(() => program.stdout() === 'on\n', 'on');
    assert.is(program.stderr(), '');
  }));

test('the harness shows neither its scripts nor its thread to the daemon', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => {}, 1000);` });
    const attached = nextAttached(bench);
    bench.run([NODE, 'app.js']);
    const target = await attached;
    const urls: string[] = [];
    target.cdp.on('Debugger.scriptParsed', ({ url }) => urls.push(url));
    await target.cdp.send('Debugger.enable');
    await target.release();
    await until(() => urls.some((url) => url.endsWith('app.js')), 'app.js parsed');
    assert.equal(
      urls.filter((url) => url.includes('harness')),
      [],
    );
  }));

test('a refused evaluation and a throwing one carry their text', () =>
  withBench(async (bench) => {
    bench.write({ 'app.js': `setInterval(() => {}, 1000);` });
    const attached = nextAttached(bench);
    bench.run([NODE, 'app.js']);
    const target = await attached;
    await target.release();
    const refused = await target.cdp.send('Debugger.resume').catch((error) => error);
    assert.is(refused.code, 'EVALUATION_FAILED');
    assert.is(refused.message, 'Can only perform operation while paused.');
  }));

test.run();
