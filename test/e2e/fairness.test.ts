// test: full
// test: limit 180 s
/** What keeps one member from having the program, the lease or the chat for itself, and a name from passing for another. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { SandboxError } from '#shared/errors.ts';
import { COUNTER, COUNTER_LINE, LINK, request } from './mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from './mesh/members.ts';

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  readonly clients: { readonly host: SandmeshClient; readonly guest: SandmeshClient };
  readonly url: string;
}

/** A host with a setting of its own runs the counter; a guest has joined. */
async function meet({ member }: Meeting, setting: string, value: string): Promise<Scene> {
  const [host, guest] = [member('host', 'work'), member('guest', 'elsewhere')];
  writeFileSync(path.join(host.folder, 'server.js'), COUNTER);
  await host.ask('config.set', 'config', 'set', setting, value);
  const program = host.start('run', '-q', '--', 'node', 'server.js');
  const link = await program.line(LINK);
  const port = /\d+/.exec((await program.line(/^port \d+$/))[0])?.[0];
  await guest.join(link[0], host, 'guest');
  const clients = { host: await host.client(), guest: await guest.client() };
  return { host, guest, clients, url: `http://127.0.0.1:${port}/` };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => SandboxError.from(error).code,
  );
}

function standing(client: SandmeshClient): Promise<{ id: string; line: number }> {
  return eventually('a pause', async () => {
    const { targets } = await client.call('target.list', {});
    const pause = targets[0]?.pause;
    const line = pause?.frames[0]?.line;
    return pause == null || line === undefined ? undefined : { id: String(pause.id), line };
  });
}

test('a guest whose time is up holds the program no longer, and others still stop it', () =>
  withMembers(async (meeting) => {
    const { host, guest, clients, url } = await meet(meeting, 'debug.pauseLimitMs', '1000');
    const { id } = await guest.ask('breakpoint.add', 'break', 'add', `server.js:${COUNTER_LINE}`);
    await eventually('the breakpoint to be armed', async () => {
      const { breakpoints } = await guest.see('breakpoint.list');
      return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') || undefined;
    });
    const answer = request(url);
    assert.is((await standing(clients.guest)).line, COUNTER_LINE);
    // Nobody resumes it: it is let go by itself.
    assert.equal(await answer, { count: 1, url: '/' });
    const { stdout } = await guest.cli('log');
    assert.match(stdout, 'Resumed: guest held the program for 1 s in all');
    // Its time comes back soon, and so would its breakpoint.
    await guest.ask('breakpoint.remove', 'break', 'rm', id);
    assert.equal(await request(url), { count: 2, url: '/' });

    await host.ask('breakpoint.add', 'break', 'add', `server.js:${COUNTER_LINE + 1}`);
    await eventually('the host’s to be armed', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      const own = breakpoints.find(({ writtenBy }) => writtenBy === 1);
      return own?.statuses.some(({ state }) => state === 'armed') || undefined;
    });
    const third = request(url);
    assert.is((await standing(clients.host)).line, COUNTER_LINE + 1);
    await clients.host.call('execution.resume', {});
    assert.is(((await third) as { count: number }).count, 3);
  }));

test('however busily one steps, the lease passes on to whoever asked for it', () =>
  withMembers(async (meeting) => {
    const { host, clients, url } = await meet(meeting, 'debug.leaseTurnMs', '1000');
    await host.ask('breakpoint.add', 'break', 'add', `server.js:${COUNTER_LINE}`);
    await eventually('the breakpoint to be armed', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') || undefined;
    });
    const answer = request(url);
    await standing(clients.guest);
    assert.is((await clients.guest.call('lease.take', {})).held, true);
    assert.is((await clients.host.call('lease.take', {})).held, false);
    // Each of these is a sign that the guest is at work, and none of them keeps the others waiting.
    const refused = await eventually('the guest’s turn to be over', async () => {
      const code = await codeOf(clients.guest.call('execution.restart', { frame: 0 }));
      return code === 'done' ? undefined : code;
    });
    assert.is(refused, 'LEASE_HELD');
    const { targets } = await clients.guest.call('target.list', {});
    assert.is(targets[0]?.lease?.holder, 1);
    await clients.host.call('execution.step', { kind: 'over' });
    await clients.host.call('execution.resume', {});
    await answer;
  }));

test('a flood of chat lines is refused to its author and does not reach the others', () =>
  withMembers(async (meeting) => {
    const { host, clients } = await meet(meeting, 'name', 'ada');
    const codes = await Promise.all(
      Array.from({ length: 60 }, (_, i) => codeOf(clients.guest.call('chat.send', { text: `line ${i}` }))),
    );
    const sent = codes.filter((code) => code === 'done').length;
    assert.ok(sent >= 20 && sent < 40, `${sent} of 60 lines were taken`);
    assert.equal([...new Set(codes)].sort(), ['LIMIT_EXCEEDED', 'done']);
    const { lines } = await eventually('the lines at the host', async () => {
      const list = await host.ask('chat.list', 'chat', '-n', '100');
      return list.lines.length >= sent ? list : undefined;
    });
    assert.is(lines.length, sent);
  }));

test('who asks to come in under a name that reads like another’s is shown with a warning and a fingerprint', () =>
  withMembers(async (meeting) => {
    const { host, guest } = await meet(meeting, 'name', 'ada');
    const { link = '' } = await host.ask('invite.create', 'invite', '--approve', 'yes');
    const other = meeting.member('other', 'far');
    // The first letter is Cyrillic.
    const joining = other.start('join', link, '--name', 'аda');
    const asked = await eventually('the request', async () => {
      const { requests } = await host.see('request.list');
      return requests.find(({ kind }) => kind === 'join');
    });
    assert.match(asked.warning ?? '', 'ada');
    assert.ok(asked.fingerprint.length >= 8, asked.fingerprint);
    const { stdout } = await host.cli('requests');
    assert.match(stdout, asked.warning ?? 'a warning');
    assert.match(stdout, asked.fingerprint);
    await host.ask('request.deny', 'deny', asked.id);
    assert.not.equal(await joining.exited(), 0);
    const { members } = await guest.ask('member.list', 'members');
    assert.equal(members.map(({ name }) => name).sort(), ['ada', 'guest']);
  }));

test.run();
