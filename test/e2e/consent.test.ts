// test: limit 120 s
/** What a host has allowed, and when that ends. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathsOf } from './bad-input/scene.ts';
import { type HostAndGuest, hostAndGuest } from './mesh/debugging.ts';
import { eventually, type Meeting, withMembers } from './mesh/members.ts';

/** A guest who was allowed to run code in the host's program. */
async function allowed(meeting: Meeting): Promise<HostAndGuest> {
  const { host, guest } = await hostAndGuest(meeting);
  const [{ result }] = await Promise.all([guest.ask('inspect.evaluate', 'eval', '1 + 1'), host.approveNext('consent')]);
  assert.is(result.value, '2');
  assert.is((await guest.ask('inspect.evaluate', 'eval', '2 + 2')).result.value, '4');
  return { host, guest };
}

/** The guest evaluates, the host is asked, and says no. */
async function askedAnew({ host, guest }: HostAndGuest): Promise<void> {
  const refusal = guest.refusal('eval', '3 + 3');
  const request = await eventually('the question', async () => {
    const { requests } = await host.see('request.list');
    return requests.find(({ kind }) => kind === 'consent');
  });
  await host.ask('request.deny', 'deny', request.id);
  assert.is(await refusal, 'CONSENT_DENIED');
}

test('a guest whose role was taken away and given back is asked for anew', () =>
  withMembers(async (meeting) => {
    const pair = await allowed(meeting);
    await pair.host.ask('member.role', 'role', 'alice', 'viewer');
    assert.is(await pair.guest.refusal('eval', '3 + 3'), 'FORBIDDEN');
    await pair.host.ask('member.role', 'role', 'alice', 'debugger');
    await eventually('the guest to hear of it', async () => {
      const { members } = await pair.guest.see('member.list');
      return members.some(({ self, role }) => self && role === 'debugger') ? true : undefined;
    });
    await askedAnew(pair);
  }));

test('a consent file that cannot be read: the sandbox opens, the file is kept aside, people are asked again', () =>
  withMembers(async (meeting) => {
    const pair = await allowed(meeting);
    const { host, guest } = pair;
    const { sandbox } = await host.ask('sandbox.open', 'open');
    const { dataDir, logFile } = pathsOf(host);
    const file = path.join(dataDir, 'sandboxes', sandbox.id, 'consents.json');
    const stored = readFileSync(file, 'utf8');
    await host.ask('daemon.stop', 'stop');
    writeFileSync(file, stored.slice(0, -20));
    assert.is((await host.ask('sandbox.open', 'open')).sandbox.id, sandbox.id);
    assert.is(readFileSync(`${file}.unusable`, 'utf8'), stored.slice(0, -20));
    assert.not(existsSync(file));
    assert.match(readFileSync(logFile, 'utf8'), 'Cannot use the consents');
    await eventually('the guest to see the program again', async () => {
      const { targets } = await guest.see('target.list');
      return targets.some(({ state }) => state === 'running') ? true : undefined;
    });
    await askedAnew(pair);
  }));

test.run();
