// test: full
// test: limit 180 s
/**
 * A snapshot outlives the pause, and the presence of whoever took it: a guest browses it with the host's daemon gone,
 * and another member has it from the guest.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { SandboxError } from '#shared/errors.ts';
import type { SnapshotId, TargetId } from '#shared/ids.ts';
import { armed, COUNTER, COUNTER_LINE, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, withMembers } from './mesh/members.ts';

const PROGRAM = COUNTER.replace('  const body', "  const password = 'hunter2hunter2';\n  const body");

/** Values of the innermost scope, by name. */
async function locals(client: SandmeshClient, snapshot: SnapshotId): Promise<Record<string, string>> {
  const { scopes } = await client.call('snapshot.show', { snapshot });
  const variables = scopes.find(({ type }) => type === 'local')?.variables ?? [];
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

/** A slow machine may give the program no request for so long that it seems to wait. */
function takenOf(client: SandmeshClient, target: TargetId): Promise<CommandResult<'snapshot.take'> | undefined> {
  return client.call('snapshot.take', { target, label: 'by the guest' }).catch((error: SandboxError) => {
    if (error.code === 'NOT_PAUSED') return undefined;
    throw error;
  });
}

test('every pause leaves a snapshot that members browse later, also when its host is gone', () =>
  withMembers(async ({ member }) => {
    const [host, guest, third] = [member('h', 'project'), member('g', 'elsewhere'), member('t', 'third')];
    writeFileSync(path.join(host.folder, 'counter.js'), PROGRAM);
    const { link = '' } = await host.ask('sandbox.open', 'open');
    const run = host.start('run', '-q', '--', 'node', 'counter.js');
    const [, port] = await run.line(/^port (\d+)$/);
    await guest.join(link, host, 'alice');
    const { link: another = '' } = await host.ask('sandbox.open', 'open');
    const [atHost, atGuest] = [await host.client(), await guest.client()];
    const target = await targetSeenBy(atGuest);
    const { id: breakpoint } = await atGuest.call('breakpoint.add', { location: `counter.js:${COUNTER_LINE + 3}` });
    await armed(atGuest, breakpoint);

    const answer = request(`http://127.0.0.1:${port}/a`);
    await pauseSeenBy(atGuest, target.id);
    const left = await eventually('the snapshot of the pause', async () => {
      const { snapshots } = await atGuest.call('snapshot.list', {});
      return snapshots.find(({ values }) => values !== 'none');
    });
    assert.is(left.cause, 'pause');
    await atGuest.call('breakpoint.remove', { breakpoint });
    await atGuest.call('execution.resume', { target: target.id });
    await answer;

    // Of the running program: nobody sees a stop, and it answers on.
    const busy = setInterval(() => void request(`http://127.0.0.1:${port}/b`), 20);
    const taken = await eventually('a look into running code', () => takenOf(atGuest, target.id));
    clearInterval(busy);
    assert.is(taken.by, 2);
    assert.is((await targetSeenBy(atHost)).pause, null);
    assert.equal(await request(`http://127.0.0.1:${port}/c`).then((body) => (body as { url: string }).url), '/c');
    await eventually('both at the guest', async () => {
      const { snapshots } = await atGuest.call('snapshot.list', {});
      return snapshots.length >= 2 ? true : undefined;
    });
    const expected = { request: /IncomingMessage/, password: /^•••• \(masked\)$/, body: /count: 1/ };
    assert.match((await locals(atGuest, left.id))['request'] ?? '', expected.request);

    // The third knows only the guest once the host is gone.
    await third.join(another, host, 'bob');
    const atThird = await third.client();
    await eventually('the list at the third', async () => {
      const { snapshots } = await atThird.call('snapshot.list', {});
      return snapshots.length >= 2 ? true : undefined;
    });
    await run.stop();
    await host.cli('stop');
    for (const client of [atGuest, atThird]) {
      const shown = await locals(client, left.id);
      assert.match(shown['request'] ?? '', expected.request);
      assert.match(shown['password'] ?? '', expected.password);
      const whole = await client.call('snapshot.show', { snapshot: left.id });
      assert.match(whole.excerpt?.lines.join('\n') ?? '', 'response.end');
      assert.not.match(JSON.stringify(whole.scopes), 'hunter2');
    }
    assert.is(await guest.refusal('snapshot', 'rm', left.id), 'FORBIDDEN');

    // And the host finds them again.
    await host.ask('sandbox.open', 'open');
    const { snapshots } = await host.ask('snapshot.list', 'snapshot', 'list');
    assert.ok(snapshots.some(({ id }) => id === left.id));
    const shown = await host.cli('snapshot', 'show', left.id);
    assert.match(shown.stdout, /request += IncomingMessage/);
  }));

test.run();
