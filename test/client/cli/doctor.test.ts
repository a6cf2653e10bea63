import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CliContext } from '#client/cli/context.ts';
import { runCheck } from '#client/cli/doctor/check.ts';
import { checkNode } from '#client/cli/doctor/checks.ts';
import { currentHome } from '#client/cli/home.ts';
import { Output } from '#client/cli/output.ts';
import { everything } from '../answers.ts';
import { type FakeDaemon, withFakeDaemon } from '../fake-daemon.ts';
import { runCli } from './run-cli.ts';

interface Result {
  readonly name: string;
  readonly state: string;
  readonly detail: string;
  readonly advice?: string;
}

async function check(daemon: FakeDaemon, name: string): Promise<Result | undefined> {
  const { stdout } = await runCli(['doctor', '--json'], { env: daemon.env });
  return (JSON.parse(stdout).checks as Result[]).find((result) => result.name === name);
}

function context(): CliContext {
  const sink = { write: () => true };
  const output = new Output({ stdout: sink, stderr: sink, env: {}, json: false, quiet: false });
  return new CliContext({ output, env: {}, cwd: '/', sandbox: undefined, stdin: () => process.stdin });
}

test('doctor reports every check in plain words, without starting a daemon', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    const { stdout, stderr } = await runCli(['doctor'], { env: daemon.env });
    assert.is(stderr, '');
    for (const name of ['Node', 'Home', 'Daemon', 'Attaching', 'Network', 'Clock']) assert.match(stdout, name);
    await daemon.stop();
    assert.match((await check(daemon, 'Daemon'))?.detail ?? '', 'not running');
    await daemon.listen();
  });
});

test('a key that the daemon would refuse is a problem, with the command that mends it', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    assert.is((await check(daemon, 'Keys'))?.state, 'ok');
    const { keysDir } = currentHome(daemon.env);
    mkdirSync(keysDir, { recursive: true });
    const file = join(keysDir, 'device.key');
    writeFileSync(file, 'x', { mode: 0o644 });
    const result = await check(daemon, 'Keys');
    assert.is(result?.state, 'problem');
    assert.is(result?.advice, `If nobody did: chmod 600 ${file}`);
    chmodSync(file, 0o600);
    assert.is((await check(daemon, 'Keys'))?.state, 'ok');
  });
});

test('a daemon of another version is a warning that says how to restart it', async () => {
  await withFakeDaemon({ ...everything }, async (daemon) => {
    const original = daemon.handlers['daemon.status'];
    daemon.handlers['daemon.status'] = (args, call) => ({ ...(original?.(args, call) as object), version: '9.9.9' });
    const result = await check(daemon, 'Daemon');
    assert.is(result?.state, 'warning');
    assert.match(result?.advice ?? '', 'sandmesh stop');
  });
});

test('a daemon without its local API is a warning that says why, and status says so, too', async () => {
  await withFakeDaemon({ ...everything }, async (daemon) => {
    const original = daemon.handlers['daemon.status'];
    const apiTrouble = { message: 'Cannot serve it: the port is taken', hint: 'Change "api.port".' };
    daemon.handlers['daemon.status'] = (args, call) => ({ ...(original?.(args, call) as object), apiTrouble });
    const result = await check(daemon, 'Daemon');
    assert.is(result?.state, 'warning');
    assert.match(result?.detail ?? '', 'the port is taken');
    assert.is(result?.advice, 'Change "api.port".');
    const { stdout } = await runCli(['status'], { env: daemon.env });
    assert.match(stdout, '! Cannot serve it: the port is taken\n  Change "api.port".');
  });
});

test('a home that others may enter is a warning with the command that mends it', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    mkdirSync(`${daemon.home}/data`, { mode: 0o755 });
    const result = await check(daemon, 'Home');
    assert.is(result?.state, 'warning');
    assert.is(result?.advice, `chmod 700 ${daemon.home}/data`);
  });
});

test('a home that every user may write to is a problem: the daemon does not start on it', async () => {
  await withFakeDaemon(everything, async (daemon) => {
    mkdirSync(`${daemon.home}/data`, { mode: 0o700 });
    chmodSync(daemon.home, 0o757);
    const result = await check(daemon, 'Home');
    assert.is(result?.state, 'problem');
    assert.is(result?.advice, `chmod o-w ${daemon.home}`);
    chmodSync(daemon.home, 0o700);
  });
});

test('a taken inspector port is a warning', async () => {
  const holder = createServer();
  const taken = await new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(true));
    holder.listen(9229, '127.0.0.1', () => resolve(true));
  });
  assert.ok(taken);
  await withFakeDaemon(everything, async (daemon) => {
    assert.is((await check(daemon, 'Inspector port'))?.state, 'warning');
  });
  holder.close();
});

test('a check that hangs or throws is itself the finding', async () => {
  const hanging = await runCheck({ name: 'x', run: () => new Promise(() => undefined) }, context(), 20);
  assert.equal([hanging.state, hanging.detail], ['problem', 'did not finish within 0.02 s']);
  const throwing = await runCheck({ name: 'x', run: () => Promise.reject(new Error('no')) }, context());
  assert.equal([throwing.state, throwing.detail], ['problem', 'no']);
});

test('the supported versions of Node are told from the others', () => {
  for (const version of ['20.19.0', '22.0.0', '24.1.0']) assert.is(checkNode(version).state, 'ok', version);
  for (const version of ['18.20.0', '20.18.9', '16.0.0']) assert.is(checkNode(version).state, 'problem', version);
});

test.run();
