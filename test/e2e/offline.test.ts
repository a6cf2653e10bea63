// test: full
// test: limit 240 s
/** Work apart, and meeting again: real daemons, restarted meanwhile, one of them from an old copy of its home. */

import { cpSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from './mesh/members.ts';

/** Sets a breakpoint and writes a line to everybody; both are acknowledged, so neither may be lost. */
async function work(member: Member, file: string, text: string): Promise<string> {
  const { id } = await member.ask('breakpoint.add', 'break', 'add', `${file}:1`);
  await member.ask('chat.send', 'chat', text);
  return id;
}

const DRAFTED = 'cart.js';

async function drafted(member: Member): Promise<string> {
  return (await member.ask('draft.show', 'draft', 'show', DRAFTED)).content;
}

/** Puts a line before or after the one that says `beside`. */
async function draft(member: Member, line: string, beside: string, where: 'before' | 'after'): Promise<void> {
  const lines = (await drafted(member)).split('\n');
  const at = lines.indexOf(beside) + (where === 'after' ? 1 : 0);
  const edited = path.join(member.folder, 'edited.txt');
  writeFileSync(edited, lines.toSpliced(at, 0, line).join('\n'));
  await member.ask('draft.edit', 'draft', 'edit', DRAFTED, '--from', edited);
}

interface Seen {
  readonly breakpoints: readonly string[];
  readonly lines: readonly string[];
}

async function seenBy(member: Member): Promise<Seen> {
  const { breakpoints } = await member.see('breakpoint.list');
  const { lines } = await member.ask('chat.list', 'chat');
  return { breakpoints: breakpoints.map(({ id }) => id).sort(), lines: lines.map(({ text }) => text).sort() };
}

async function bothSee(members: readonly Member[], expected: Seen): Promise<void> {
  const wanted = JSON.stringify({ breakpoints: [...expected.breakpoints].sort(), lines: [...expected.lines].sort() });
  // At the same time: asking is what starts a daemon that was stopped.
  const sees = async (member: Member): Promise<true | undefined> =>
    JSON.stringify(await seenBy(member)) === wanted ? true : undefined;
  await Promise.all(
    members.map((member) => eventually(`everything at ${path.basename(member.home)}`, () => sees(member))),
  );
}

test('both sides work alone, restart meanwhile, and have everything of both when they meet', () =>
  withMembers(async ({ member }) => {
    const [host, guest] = [member('host', 'work'), member('guest', 'work')];
    const { link } = await host.ask('sandbox.open', 'open');
    await guest.join(link as string, host, 'guest');
    await host.ask('member.role', 'role', 'guest', 'editor');
    writeFileSync(path.join(host.folder, DRAFTED), 'first\nlast\n');
    await host.ask('draft.open', 'draft', 'open', DRAFTED);
    const breakpoints = [await work(host, 'shared.js', 'together')];
    const lines = ['together'];
    await bothSee([host, guest], { breakpoints, lines });
    await eventually('the guest to be an editor', async () => {
      const { members } = await guest.see('member.list');
      return members.find(({ self }) => self)?.role === 'editor' ? true : undefined;
    });
    await eventually('the draft at the guest', async () =>
      (await guest.refusal('draft', 'show', DRAFTED)) ? undefined : true,
    );
    await host.cli('stop');
    breakpoints.push(await work(guest, 'guest-1.js', 'guest, alone'));
    await draft(guest, 'guest, alone', 'last', 'before');
    await guest.cli('stop');
    breakpoints.push(await work(guest, 'guest-2.js', 'guest, restarted'));
    await draft(guest, 'guest, restarted', 'guest, alone', 'after');
    await guest.cli('stop');
    breakpoints.push(await work(host, 'host-1.js', 'host, alone'));
    await draft(host, 'host, alone', 'first', 'before');
    await host.cli('stop');
    breakpoints.push(await work(host, 'host-2.js', 'host, restarted'));
    await draft(host, 'host, restarted', 'host, alone', 'before');
    lines.push('guest, alone', 'guest, restarted', 'host, alone', 'host, restarted');
    await bothSee([host, guest], { breakpoints, lines });
    const merged = ['host, restarted', 'host, alone', 'first', 'guest, alone', 'guest, restarted', 'last', ''];
    for (const member of [host, guest]) {
      const text = await eventually('the draft of both', async () => {
        const now = await drafted(member);
        return now.length === merged.join('\n').length ? now : undefined;
      });
      assert.equal(text.split('\n'), merged);
    }
  }));

test('a home restored from an old copy gets back what it had written since, and loses nothing it writes before it meets anybody', () =>
  withMembers(async ({ base, member }) => {
    const [host, guest] = [member('host', 'work'), member('guest', 'work')];
    const { link } = await host.ask('sandbox.open', 'open');
    await guest.join(link as string, host, 'guest');
    const breakpoints = [await work(guest, 'before.js', 'before the copy')];
    await bothSee([host, guest], { breakpoints, lines: ['before the copy'] });
    await guest.cli('stop');
    const copy = path.join(base, 'copy');
    cpSync(path.join(guest.home, 'data'), copy, { recursive: true });
    breakpoints.push(await work(guest, 'since.js', 'since the copy'));
    await bothSee([host, guest], { breakpoints, lines: ['before the copy', 'since the copy'] });
    await guest.cli('stop');
    await host.cli('stop');
    rmSync(path.join(guest.home, 'data'), { recursive: true });
    cpSync(copy, path.join(guest.home, 'data'), { recursive: true });
    breakpoints.push(await work(guest, 'restored.js', 'from the old copy, alone'));
    const lines = ['before the copy', 'since the copy', 'from the old copy, alone'];
    await bothSee([host, guest], { breakpoints, lines });
    const { sandboxes } = await host.ask('storage.verify', 'verify');
    assert.equal(
      sandboxes.flatMap(({ problems }) => problems),
      [],
    );
  }));

test.run();
