import { closeSync, openSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '#client/cli/package-root.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { everything } from '../answers.ts';
import { SANDBOX, withFakeDaemon } from '../fake-daemon.ts';
import { opened, request, sandbox } from '../samples.ts';
import { runCli } from './run-cli.ts';

/** Command line → the catalogue command whose result `--json` prints. */
const jsonShapes: readonly (readonly [readonly string[], keyof typeof catalogue])[] = [
  [['open'], 'sandbox.open'],
  [['share', '--role', 'viewer'], 'sandbox.share'],
  [['join', 'sandmesh:#x'], 'sandbox.join'],
  [['leave', '--yes'], 'sandbox.leave'],
  [['members'], 'member.list'],
  [['members', '--sessions'], 'session.list'],
  [['invite', '--role', 'viewer', '--uses', '20', '--expires', '2h', '--allow-ip', '10.0.0.0/8'], 'invite.create'],
  [['invite', '--approve', 'no', '--admitter', 'bob'], 'invite.create'],
  [['invites'], 'invite.list'],
  [['revoke', 'bob'], 'member.revoke'],
  [['revoke', '3fa9c2d1'], 'invite.revoke'],
  [['role', 'bob', 'viewer'], 'member.role'],
  [['delegate', 'bob', '--role', 'viewer'], 'member.delegate'],
  [['delegate', 'bob', '--end'], 'member.delegate'],
  [['recover', '--yes'], 'sandbox.recover'],
  [['targets'], 'target.list'],
  [['attach'], 'target.candidates'],
  [['detach', 'shop'], 'target.detach'],
  [['log'], 'output.read'],
  [['requests'], 'request.list'],
  [['approve', 'carol'], 'request.approve'],
  [['deny', 'carol'], 'request.deny'],
  [['lease', 'take'], 'lease.take'],
  [['lease', 'release', '--to', 'bob'], 'lease.release'],
  [['chat', 'hello', 'all'], 'chat.send'],
  [['chat'], 'chat.list'],
  [['break', 'add', 'src/cart.ts:41'], 'breakpoint.add'],
  [['break', 'rm', 'src/cart.ts:41'], 'breakpoint.remove'],
  [['break', 'list'], 'breakpoint.list'],
  [['break'], 'breakpoint.list'],
  [['break', 'enable', '1.m2'], 'breakpoint.enable'],
  [['break', 'disable', 'cart.ts:41'], 'breakpoint.enable'],
  [['pause'], 'execution.pause'],
  [['resume', '-t', '4711'], 'execution.resume'],
  [['step', 'into'], 'execution.step'],
  [['stack'], 'inspect.stack'],
  [['scopes', '--frame', '1'], 'inspect.scopes'],
  [['eval', 'a', '+', 'b'], 'inspect.evaluate'],
  [['set', 'total', '0'], 'inspect.set'],
  [['source'], 'source.get'],
  [['source', '--list'], 'source.list'],
  [['audit', '--since', '2h', '-n', '5'], 'audit.list'],
  [['audit', '--verify'], 'audit.verify'],
  [['policy'], 'policy.show'],
  [['policy', 'set', 'production', 'code_execution', 'deny'], 'policy.set'],
  [['policy', 'level', 'shop', 'staging'], 'policy.level'],
  [['verify'], 'storage.verify'],
  [['export', 'shop.sandmesh', '--keys'], 'storage.export'],
  [['import', 'shop.sandmesh'], 'storage.import'],
  [['draft', 'open', 'src/cart.ts'], 'draft.open'],
  [['draft', 'list'], 'draft.list'],
  [['draft', 'show', 'src/cart.ts'], 'draft.show'],
  [['draft', 'edit', 'src/cart.ts', '--from', 'package.json'], 'draft.edit'],
  [['draft', 'discard', 'src/cart.ts', '--text', '1.0a0b0c0d'], 'draft.discard'],
  [['undo'], 'breakpoint.undo'],
  [['redo'], 'breakpoint.undo'],
  [['config', 'get', 'name'], 'config.get'],
  [['config', 'set', 'name', 'ada'], 'config.set'],
  [['config'], 'config.list'],
];

for (const [argv, command] of jsonShapes) {
  test(`"sandmesh ${argv.join(' ')} --json" prints the result of ${command} and nothing else`, async () => {
    await withFakeDaemon(everything, async ({ env }) => {
      const { code, stdout, stderr } = await runCli([...argv, '--json'], { env });
      assert.is(code, 0, stdout);
      assert.is(stderr, '');
      assert.is(stdout.trim().split('\n').length, 1);
      catalogue[command].result.parse(JSON.parse(stdout));
    });
  });
}

test('--set is no surprise to a daemon that runs with it, and an error with one that does not', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    assert.is((await runCli(['members', '--set', 'name=ada'], { env })).code, 0);
    const { code, stderr } = await runCli(['members', '--set', 'name=ada', '--set', 'name=bob'], { env });
    assert.is(code, 7);
    assert.is(
      stderr,
      'sandmesh: Cannot use --set name=bob: the daemon (pid 1) runs already, with name=ada\n' +
        'Stop it first with "sandmesh stop"; programs keep running. Or leave out --set.\n',
    );
    const before = calls.length;
    const wrong = await runCli(['members', '--set', 'name'], { env });
    assert.is(wrong.code, 2);
    assert.match(wrong.stderr, 'it is not key=value');
    assert.is(calls.length, before);
  });
});

test('a command is about the current folder, or about --sandbox by name or start of its id', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    await runCli(['members'], { env, cwd: '/some/where' });
    assert.is(calls.at(-1)?.folder, '/some/where');
    for (const wanted of ['shop', 'abab', SANDBOX]) {
      await runCli(['members', '--sandbox', wanted], { env });
      assert.is(calls.at(-1)?.sandbox, SANDBOX);
      assert.is(calls.at(-1)?.folder, undefined);
    }
    const unknown = await runCli(['members', '--sandbox', 'other'], { env });
    assert.is(unknown.code, 5);
    assert.match(unknown.stderr, 'Known: shop (abababab)');
  });
});

test('-q prints only the link', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    for (const command of ['open', 'share']) {
      const { stdout, stderr } = await runCli([command, '-q'], { env });
      assert.is(stdout, `${opened.link}\n`);
      assert.is(stderr, '');
    }
  });
});

test('open --role asks for a fresh link with that role without widening the reach', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    await runCli(['open', '--role', 'viewer', '-q'], { env });
    assert.equal(calls.at(-1)?.args, { role: 'viewer', reach: 'loopback' });
  });
});

test('errors are message and hint on stderr, data on stdout with --json, and an exit code by kind', async () => {
  const refuse = () => {
    throw new SandboxError('LEASE_HELD', 'Cannot step "shop": bob drives', { hint: 'Ask for it: sandmesh lease take' });
  };
  await withFakeDaemon({ ...everything, 'execution.step': refuse }, async ({ env }) => {
    const plain = await runCli(['step'], { env });
    assert.is(plain.code, 7);
    assert.is(plain.stdout, '');
    assert.is(plain.stderr, 'sandmesh: Cannot step "shop": bob drives\nAsk for it: sandmesh lease take\n');
    const json = await runCli(['step', '--json'], { env });
    assert.is(json.code, 7);
    assert.is(json.stderr, '');
    assert.equal(JSON.parse(json.stdout), {
      error: { code: 'LEASE_HELD', message: 'Cannot step "shop": bob drives', hint: 'Ask for it: sandmesh lease take' },
    });
  });
});

test('leave says what follows for the others when their owner goes, before and after', async () => {
  const asked = { ...everything, 'sandbox.leave': () => ({ left: SANDBOX, stay: ['bob', 'carol'] }) };
  await withFakeDaemon(asked, async ({ env }) => {
    const before = await runCli(['leave'], { env });
    assert.is(before.code, 2);
    assert.match(before.stderr, '1 other member would stay without an owner');
    assert.match(before.stderr, /--archive keeps the keys, --destroy ends it .*Add --yes\./);
    assert.not.match((await runCli(['leave', '--archive'], { env })).stderr, 'without an owner');
    const after = await runCli(['leave', '--yes'], { env });
    assert.is(after.code, 0);
    assert.match(after.stdout, 'nobody can remove bob, carol or change a role there any more');
  });
  await withFakeDaemon({ ...everything, 'sandbox.get': () => ({ ...sandbox, role: 'editor' }) }, async ({ env }) => {
    const { stderr } = await runCli(['leave'], { env });
    assert.is(stderr, 'sandmesh: Cannot leave without asking you\nAdd --yes.\n');
  });
});

test('status tells of a sandbox that cannot be opened, also in the folder of that one', async () => {
  const why = 'Cannot open sandbox cdcd: its log tells of nobody';
  const damaged = {
    ...everything,
    'sandbox.list': () => ({ sandboxes: [sandbox], unopened: [{ id: 'cd'.repeat(20), why }] }),
    'target.list': () => {
      throw new SandboxError('STORAGE_CORRUPT', why);
    },
  };
  await withFakeDaemon(damaged, async ({ env }) => {
    const { code, stdout } = await runCli(['status'], { env });
    assert.is(code, 0);
    assert.match(stdout, `! cdcdcdcd cannot be opened: ${why}. See "sandmesh verify".`);
    assert.equal(JSON.parse((await runCli(['status', '--json'], { env })).stdout).unopened[0].why, why);
  });
});

test('policy says that a rule is for no program that there is', async () => {
  const missed = {
    ...everything,
    'policy.set': () => ({ rule: 'evaluate', verdict: 'deny', where: 'shpo, on this host', programsHere: ['shop'] }),
  } as const;
  await withFakeDaemon(missed, async ({ env }) => {
    const { code, stdout } = await runCli(['policy', 'set', 'shpo', 'evaluate', 'deny'], { env });
    assert.is(code, 0);
    assert.match(
      stdout,
      'No program of yours in this sandbox has that name now; the rule holds once one has. There is: shop.',
    );
  });
});

test('eval takes an expression that starts with a dash after --', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    await runCli(['eval', '--', '-total'], { env });
    assert.equal(calls.at(-1)?.args, { expression: '-total' });
  });
});

test('a request of a member whose name is no plain word is answered by its id', async () => {
  const tricky = { ...request, name: 'x; rm -rf ~' };
  await withFakeDaemon({ 'request.list': () => ({ requests: [tricky] }) }, async ({ env }) => {
    const { stdout } = await runCli(['requests'], { env });
    assert.match(stdout, 'sandmesh approve f00dcafe');
  });
});

test('approve without an argument and without a person names what is open', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    const { code, stderr } = await runCli(['approve'], { env });
    assert.is(code, 2);
    assert.match(stderr, 'Open: f00dcafe (carol).');
  });
});

test('break rm touches nothing when one of its arguments is wrong', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const { code, stderr } = await runCli(['break', 'rm', 'src/cart.ts:41', 'nowhere.ts:1'], { env });
    assert.is(code, 5);
    assert.match(stderr, '"nowhere.ts:1"');
    assert.not(calls.some((call) => call.command === 'breakpoint.remove'));
  });
});

test('join reads the link from stdin with -, so that it is in no command line', async () => {
  const { spawn } = await import('node:child_process');
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'client/cli/main.ts', 'join', '-', '--json'], {
      env: { ...process.env, ...env },
    });
    child.stdin.end('  sandmesh:#secret \n');
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.is(code, 0, out);
    const join = calls.find((call) => call.command === 'sandbox.join');
    assert.is(join?.args['link'], 'sandmesh:#secret');
  });
});

test('join says that a name is for who joins anew', async () => {
  await withFakeDaemon(everything, async ({ env }) => {
    const kept = await runCli(['join', 'sandmesh:#x', '--name', 'somebody else'], { env });
    assert.is(kept.code, 0);
    assert.match(kept.stderr, 'You are in it as "ada" already and stay so; "somebody else" is for');
    assert.not.match((await runCli(['join', 'sandmesh:#x', '--name', 'ada'], { env })).stderr, 'already');
  });
});

test('output that finds no room is said in a line, not in a stack of calls', async () => {
  const { spawnSync } = await import('node:child_process');
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'client/cli/main.ts', '--help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    assert.is(status, 1);
    assert.match(stderr, /^sandmesh: Cannot write the output: ENOSPC[^\n]*\n$/);
  } finally {
    closeSync(full);
  }
});

test('status of a daemon in no sandbox here still shows the daemon', async () => {
  const nowhere = () => {
    throw new SandboxError('SANDBOX_UNKNOWN', 'No sandbox is bound to "/project"');
  };
  const handlers = { ...everything, 'target.list': nowhere, 'member.list': nowhere };
  await withFakeDaemon(handlers, async ({ env }) => {
    const { code, stdout } = await runCli(['status'], { env });
    assert.is(code, 0);
    assert.match(stdout, 'listens on nothing');
  });
});

test('status says so when the daemon is of another version than the command', async () => {
  await withFakeDaemon(everything, async ({ env, handlers }) => {
    const original = handlers['daemon.status'];
    const { version } = packageRoot();
    handlers['daemon.status'] = (args, call) => ({ ...(original?.(args, call) as object), version });
    assert.not.match((await runCli(['status'], { env })).stdout, 'This command is');
    handlers['daemon.status'] = (args, call) => ({ ...(original?.(args, call) as object), version: '9.9.9' });
    assert.match((await runCli(['status'], { env })).stdout, `! This command is ${version}: "sandmesh stop"`);
  });
});

test.run();
