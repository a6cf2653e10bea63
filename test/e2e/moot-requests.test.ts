// test: limit 180 s
/** Requests that something else has settled while the host thought about them: nobody can say yes to those any more. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PendingRequest } from '#shared/model/member.ts';
import { hostAndGuest } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

async function linkFor(owner: Member, role: string): Promise<string> {
  return (await owner.ask('invite.create', 'invite', '--role', role, '--approve', 'yes')).link ?? '';
}

/** What waits at the host once it is such; the very same list is then what it sees. */
function requestsOnceAs(host: Member, what: string, right: (requests: PendingRequest[]) => boolean) {
  return eventually(what, async () => {
    const { requests } = await host.see('request.list');
    return right(requests) ? requests : undefined;
  });
}

test('a link that is withdrawn ends the wait of who came with it, and the question', () =>
  withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await owner.ask('sandbox.open', 'open');
    const refusal = bob.refusal('join', await linkFor(owner, 'debugger'), '--name', 'bob');
    await requestsOnceAs(owner, 'the question', (requests) => requests.length === 1);
    const { invites } = await owner.ask('invite.list', 'invites');
    await owner.ask('invite.revoke', 'revoke', invites.at(-1)?.id ?? '');
    assert.is(await refusal, 'INVITE_REVOKED');
    assert.equal((await owner.ask('request.list', 'requests')).requests, []);
    assert.is(await owner.refusal('approve', 'bob'), 'REQUEST_UNKNOWN');
  }));

test('a yes is to the role that was shown: whoever comes again with another link is asked about anew', () =>
  withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await owner.ask('sandbox.open', 'open');
    const [viewer, editor] = [await linkFor(owner, 'viewer'), await linkFor(owner, 'editor')];
    const waiting = bob.start('join', viewer, '--name', 'bob');
    const [first] = await requestsOnceAs(owner, 'the question', (requests) => requests.length === 1);
    assert.is(first?.role, 'viewer');
    await waiting.stop();
    const joining = bob.ask('sandbox.join', 'join', editor, '--name', 'bob');
    const [second] = await requestsOnceAs(owner, 'another question', ([request]) => request?.role === 'editor');
    assert.is(await owner.refusal('approve', first?.id ?? ''), 'REQUEST_UNKNOWN');
    await owner.ask('request.approve', 'approve', second?.id ?? '');
    assert.is((await joining).sandbox.role, 'editor');
  }));

const asked = ({ kind }: PendingRequest): boolean => kind === 'consent';

test('a member who was removed is not asked about any more, though its logpoint is still there', () =>
  withMembers(async (meeting) => {
    const { host, guest } = await hostAndGuest(meeting);
    await guest.ask('breakpoint.add', 'break', 'add', 'app.js:1', '--log', 'here');
    await requestsOnceAs(host, 'the question', (open) => open.some(asked));
    await host.ask('member.revoke', 'revoke', 'alice');
    await eventually('the logpoint to be refused', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return /may not/.test(JSON.stringify(breakpoints)) ? true : undefined;
    });
    assert.equal((await host.ask('request.list', 'requests')).requests, []);
  }));

test('what a member asked before its role was taken away gives it nothing when the role comes back', () =>
  withMembers(async (meeting) => {
    const { host, guest } = await hostAndGuest(meeting);
    const refusal = guest.refusal('eval', '1 + 1');
    const requests = await requestsOnceAs(host, 'the question', (open) => open.some(asked));
    await host.ask('member.role', 'role', 'alice', 'viewer');
    assert.is(await refusal, 'FORBIDDEN');
    assert.is(await host.refusal('approve', requests.find(asked)?.id ?? ''), 'REQUEST_UNKNOWN');
  }));

test.run();
