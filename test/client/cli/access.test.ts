import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLifetime } from '#client/cli/commands/access.ts';
import { SandboxError } from '#shared/errors.ts';
import { everything } from '../answers.ts';
import { withFakeDaemon } from '../fake-daemon.ts';
import { runCli } from './run-cli.ts';

test('a lifetime is minutes, hours or days, from one minute to a year', () => {
  assert.equal(
    ['1m', '30m', '2h', '7d', '365d'].map(parseLifetime),
    [60_000, 1_800_000, 7_200_000, 604_800_000, 31_536_000_000],
  );
  assert.is(parseLifetime(undefined), undefined);
  for (const bad of ['', '0m', '2', 'h', '2w', '-1h', '1.5h', '366d', '2h30m']) {
    assert.throws(
      () => parseLifetime(bad),
      (error: unknown) => error instanceof SandboxError && error.code === 'BAD_ARGUMENT',
      bad,
    );
  }
});

test('invite sends what was asked for, and nothing else', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const flags = ['--role', 'viewer', '--uses', '3', '--expires', '2h', '--approve', 'no'];
    const ranges = ['--allow-ip', '10.0.0.0/8', '--allow-ip', 'fd00::/8'];
    const { code, stdout } = await runCli(['invite', ...flags, ...ranges, '--admitter', 'bob'], { env });
    assert.is(code, 0, stdout);
    assert.equal(calls.find(({ command }) => command === 'invite.create')?.args, {
      role: 'viewer',
      uses: 3,
      expiresMs: 7_200_000,
      approval: false,
      addresses: ['10.0.0.0/8', 'fd00::/8'],
      admitter: 2,
    });
    assert.match(stdout, 'good for 20');
    assert.match(stdout, 'bob decides');
    calls.splice(0);
    await runCli(['invite'], { env });
    assert.equal(calls.find(({ command }) => command === 'invite.create')?.args, {});
  });
});

test('revoke takes a member by name and an invite by its id, and says what it did', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    assert.match((await runCli(['revoke', 'bob'], { env })).stdout, 'Removed bob');
    assert.equal(calls.at(-1)?.args, { member: 2 });
    assert.match((await runCli(['revoke', '3fa9c2d1'], { env })).stdout, 'lets nobody in any more');
    assert.equal(calls.at(-1)?.args, { invite: '3fa9c2d1' });
    const nobody = await runCli(['revoke', 'nobody'], { env });
    assert.is(nobody.code, 5);
    assert.match(nobody.stderr, 'there is no such member');
  });
});

test('a passphrase comes from the environment or a terminal, never from the command line', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const none = await runCli(['key', 'protect'], { env });
    assert.is(none.code, 2);
    assert.match(none.stderr, 'SANDMESH_NEW_PASSPHRASE');
    const short = await runCli(['key', 'protect'], { env: { ...env, SANDMESH_NEW_PASSPHRASE: 'short' } });
    assert.match(short.stderr, 'shorter than 8 characters');
    await runCli(['key', 'protect'], { env: { ...env, SANDMESH_NEW_PASSPHRASE: 'long enough' } });
    assert.equal(calls.at(-1)?.args, { next: 'long enough' });
    await runCli(['key', 'protect', '--off'], { env: { ...env, SANDMESH_PASSPHRASE: 'long enough' } });
    assert.equal(calls.at(-1)?.args, { passphrase: 'long enough' });
    await runCli(['key', 'unlock'], { env: { ...env, SANDMESH_PASSPHRASE: 'long enough' } });
    assert.equal(calls.at(-1)?.args, { passphrase: 'long enough' });
    assert.is((await runCli(['key', 'unlock', 'secret'], { env })).code, 2);
  });
});

test('recover asks first', async () => {
  await withFakeDaemon(everything, async ({ env, calls }) => {
    const refused = await runCli(['recover'], { env });
    assert.is(refused.code, 2);
    assert.not(calls.some(({ command }) => command === 'sandbox.recover'));
    const { stdout } = await runCli(['recover', '--yes', '--branch', 'none'], { env });
    assert.match(stdout, '/h/recovery.key');
    assert.equal(calls.at(-1)?.args, { branch: 'none' });
  });
});

test.run();
