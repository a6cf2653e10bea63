import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { functionName } from '#client/cli/render/frames.ts';
import { SandboxError } from '#shared/errors.ts';
import { everything, line, variable } from '../answers.ts';
import { type FakeHandlers, until, withFakeDaemon } from '../fake-daemon.ts';
import { breakpoint, HASH, members, opened, request, sandbox, TARGET_ID } from '../samples.ts';
import { runCli } from './run-cli.ts';

test('open tells the link, what it gives and how to join; a QR code only where there is room', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    const plain = await runCli(['open'], { env });
    assert.match(plain.stdout, opened.link);
    assert.match(plain.stdout, /as debugger, valid for \d+ h/);
    assert.not.match(plain.stdout, '█');
    const large = await runCli(['open'], { env, tty: { columns: 120, rows: 50 } });
    assert.match(large.stdout, '█');
    const small = await runCli(['open'], { env, tty: { columns: 120, rows: 20 } });
    assert.not.match(small.stdout, '█');
  });
});

test('colours are for terminals, and for nobody with NO_COLOR', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    const { NO_COLOR: _set, ...rest } = env;
    const tty = { columns: 120, rows: 20 };
    const colored = async (extra: Record<string, string>, onTerminal: boolean): Promise<boolean> => {
      const { stdout } = await runCli(['members'], { env: { ...rest, ...extra }, ...(onTerminal ? { tty } : {}) });
      return stdout.includes('\u001b[');
    };
    assert.is(await colored({}, true), true);
    assert.is(await colored({}, false), false);
    assert.is(await colored({ NO_COLOR: '1' }, true), false);
    assert.is(await colored({ TERM: 'dumb' }, true), false);
    assert.is(await colored({ FORCE_COLOR: '1' }, false), true);
    assert.is(await colored({ FORCE_COLOR: '1', NO_COLOR: '1' }, true), false);
  });
});

test('a private sandbox has no link and says so', async () => {
  const { link: _link, ...rest } = opened;
  const privately = { 'sandbox.open': () => ({ ...rest, sandbox: { ...sandbox, reach: 'private' } }) };
  await withFakeDaemon(privately, async ({ env, calls }) => {
    const { stdout } = await runCli(['open', '--private'], { env });
    assert.match(stdout, 'nothing listens');
    assert.equal(calls[0]?.args, { folder: '/project', private: true });
  });
});

test('a frame is named like a call, unless it has no name to call', () => {
  const names = ['total', '(anonymous)', ''].map((name) => functionName({ functionName: name }));
  assert.equal(names, ['total()', '(anonymous)', '(top level)']);
});

test('stack shows reason, marked source and frames, without Node internals unless asked', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    const { stdout } = await runCli(['stack'], { env });
    assert.is(
      stdout,
      [
        'paused at a breakpoint in total() src/cart.ts:42:7',
        '  39 │ const line39 = 39;',
        '  40 │ const line40 = 40;',
        '  41 │ const line41 = 41;',
        '> 42 │ const line42 = 42;',
        '  43 │ const line43 = 43;',
        '  44 │ const line44 = 44;',
        '  45 │ const line45 = 45;',
        '',
        '> #0 total()      src/cart.ts:42:7',
        '  #1 (top level)  src/server.ts:9:1',
        '  … 1 of Node itself (--all), 9 more below',
        '',
      ].join('\n'),
    );
    const all = await runCli(['stack', '--all'], { env });
    assert.match(all.stdout, '#2 emit()');
  });
});

test('a source that its host refuses leaves the position and says why', async () => {
  const refuse = () => {
    throw new SandboxError('PATH_FORBIDDEN', 'Cannot read "src/cart.ts": it is in .sandmeshignore');
  };
  await withFakeDaemon({ ...everything, 'source.get': refuse }, async ({ env }) => {
    const { stdout, code } = await runCli(['stack'], { env });
    assert.is(code, 0);
    assert.match(stdout, 'src/cart.ts:42:7\n  (no source: Cannot read "src/cart.ts": it is in .sandmeshignore)');
  });
});

test('eval prints the value, and fails with exit code 1 when the expression throws', async () => {
  await withFakeDaemon(everything, async ({ env, calls, handlers }) => {
    const fine = await runCli(['eval', 'a +', 'b', '--frame', '2'], { env });
    assert.is(fine.stdout, '42\n');
    assert.equal(calls.at(-1)?.args, { expression: 'a + b', frame: 2 });
    handlers['inspect.evaluate'] = () => ({ result: { ...variable, value: 'TypeError: no' }, threw: true });
    const threw = await runCli(['eval', 'x.y'], { env });
    assert.equal([threw.code, threw.stdout, threw.stderr], [1, '', 'threw TypeError: no\n']);
  });
});

test('text from others cannot move the cursor, hide itself or pose as another line', async () => {
  const evil = '\u001b[2Jbob\u202e\nroot';
  const people = [{ ...members[1], name: evil }];
  const hostile: FakeHandlers = {
    ...everything,
    'member.list': () => ({ members: people }),
    'sandbox.get': () => ({ ...sandbox, name: evil, warnings: [evil] }),
    'inspect.evaluate': () => ({ result: { ...variable, value: evil }, threw: false }),
    'output.read': () => ({ lines: [line(1, `\u001b[31mred\u001b]0;title\u0007`)] }),
    'request.list': () => ({ requests: [{ ...request, name: evil, stake: evil }] }),
  };
  await withFakeDaemon(hostile, async ({ env }) => {
    for (const argv of [['members'], ['eval', 'x'], ['log'], ['requests'], ['approve', 'x', '--json']]) {
      const { stdout } = await runCli(argv, { env });
      assert.not.match(stdout, /[\u001b\u202e\u0007]/, argv.join(' '));
    }
    const listed = await runCli(['members'], { env });
    assert.match(listed.stdout, '\\x1b[2Jbob\\u202e\\nroot');
  });
});

test('break list shows where each is armed and why not', async () => {
  const views = [
    breakpoint,
    { ...breakpoint, id: '1.aaaa', where: { kind: 'exception', filter: 'uncaught' }, statuses: [] },
    { ...breakpoint, id: '1.bbbb', enabled: false },
  ];
  await withFakeDaemon({ ...everything, 'breakpoint.list': () => ({ breakpoints: views }) }, async ({ env }) => {
    const { stdout } = await runCli(['break'], { env });
    assert.match(
      stdout,
      /src\/cart\.ts:41\s+bob\s+armed in shop at line 42:5 \(moved to the next line with code\), hit 3 times/,
    );
    assert.match(stdout, /uncaught exceptions\s+bob\s+waits for a program that runs it/);
    assert.match(stdout, /1\.bbbb\s+src\/cart\.ts:41\s+bob\s+off/);
  });
});

test('share says where the link opens anything: on the network, or nowhere but here', async () => {
  const shared = { ...opened, sandbox: { ...sandbox, reach: 'lan' } };
  const reached = { ...shared, addresses: ['/ip4/10.0.0.7/tcp/4001', '/ip4/127.0.0.1/tcp/4001'] };
  const results = [reached, shared];
  await withFakeDaemon({ 'sandbox.share': () => results.shift() }, async ({ env }) => {
    assert.match((await runCli(['share'], { env })).stdout, 'is open on your network.');
    assert.match(
      (await runCli(['share'], { env })).stdout,
      'this machine alone, which has no IPv4 address on a network',
    );
  });
});

test('join tells what it waits for while it waits', async () => {
  let admit = (): void => undefined;
  const wait = () => new Promise((resolve) => (admit = () => resolve({ sandbox, bound: false })));
  await withFakeDaemon({ 'sandbox.join': wait }, async (daemon) => {
    let seen = '';
    const joining = runCli(['join', 'sandmesh:#x'], { env: daemon.env }, (_, stderr) => (seen = stderr));
    await until(() => daemon.calls.length === 1);
    daemon.broadcast('notices', { level: 'info', text: 'Waiting for ada to say yes' });
    await until(() => seen.includes('Waiting for ada to say yes'));
    admit();
    const { code, stdout } = await joining;
    assert.is(code, 0);
    assert.match(stdout, 'You are in shop as owner');
  });
});

test('log --follow goes on with new lines, once each, until the daemon stops it', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    let seen = '';
    const following = runCli(['log', '-f'], { env: daemon.env }, (stdout) => (seen = stdout));
    await until(() => seen.includes('oops'));
    const fresh = (sequence: number, text: string) => ({ lines: [{ ...line(sequence, text), target: TARGET_ID }] });
    daemon.broadcast('output', fresh(2, 'oops') as never);
    daemon.broadcast('output', fresh(3, 'third') as never);
    await until(() => seen.includes('third'));
    process.emit('SIGINT', 'SIGINT');
    const { stdout, code } = await following;
    assert.is(stdout, 'hello\noops\nthird\n');
    assert.is(code, 0);
  });
});

test('log --follow waits for a program where there is none', async () => {
  const none = () => {
    throw new SandboxError('TARGET_UNKNOWN', 'Cannot do that: no program is attached in this sandbox');
  };
  await withFakeDaemon({ ...everything, 'output.read': none }, async (daemon) => {
    assert.is((await runCli(['log'], { env: daemon.env })).code, 5);
    let [seen, said] = ['', ''];
    const following = runCli(['log', '-f'], { env: daemon.env }, (...texts) => ([seen, said] = texts));
    await Promise.race([until(() => said.includes('waiting for what one writes')), following]);
    daemon.broadcast('output', { lines: [{ ...line(1, 'first'), target: TARGET_ID }] } as never);
    await Promise.race([until(() => seen.includes('first')), following]);
    process.emit('SIGINT', 'SIGINT');
    const { stdout, code } = await following;
    assert.equal([stdout, code], ['first\n', 0]);
  });
});

test('watch without a terminal prints one line per event', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    let seen = '';
    const watching = runCli(['watch'], { env: daemon.env }, (stdout) => (seen = stdout));
    await until(() => daemon.calls.some((call) => call.command === 'output.read'));
    const say = (): void => {
      daemon.broadcast('pauses', { target: TARGET_ID as never, pause: null });
      daemon.broadcast('requests', { request: request as never, outcome: 'pending' });
    };
    say();
    await until(() => seen.includes('carol'));
    process.emit('SIGINT', 'SIGINT');
    await watching;
    assert.match(seen, 'shop runs\n');
    assert.match(seen, 'carol (0011 2233 4455 6677) wants to join as debugger\n');
  });
});

test('source finds a file by the end of its path and shows the lines around the given one', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const { stdout } = await runCli(['source', 'cart.ts:30', '-n', '3'], { env });
    assert.is(
      stdout,
      [
        'src/cart.ts 60 lines',
        '  29 │ const line29 = 29;',
        '> 30 │ const line30 = 30;',
        '  31 │ const line31 = 31;',
        '',
      ].join('\n'),
    );
    await runCli(['source', '--json'], { env });
    assert.is(calls.at(-1)?.args['source'], HASH);
  });
});

test.run();
