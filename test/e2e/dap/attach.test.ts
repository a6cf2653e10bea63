// test: full
// test: limit 180 s
// test: alone
/**
 * The ways of an editor to a program that runs already: by process, by inspector, by a link to somebody's sandbox; and the
 * client's way back out of what takes long.
 */

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { commitAll, git } from '#test/node/engine/source/temporary-folder.ts';
import { COUNTER, COUNTER_LINE, LINK, request } from '../mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const TOP = { threadId: 1 };

async function urlOf(program: Program): Promise<string> {
  const [port] = /\d+/.exec((await program.line(/^port \d+$/))[0]) ?? [];
  return `http://127.0.0.1:${port}/`;
}

function placed({ folder }: Member): string {
  const file = path.join(folder, 'server.js');
  writeFileSync(file, COUNTER);
  return file;
}

async function isArmed(member: Member): Promise<void> {
  await eventually('the breakpoint to be armed', async () => {
    const { breakpoints } = await member.see('breakpoint.list');
    return breakpoints.some(({ statuses }) => statuses.some(({ state }) => state === 'armed')) || undefined;
  });
}

/** A request stops, is looked at and goes on. */
async function debugs(editor: Editor, file: string, url: string): Promise<void> {
  const answer = request(url);
  assert.is((await editor.stopped()).reason, 'breakpoint');
  const top = await editor.top();
  assert.equal([top.source?.path, top.line], [file, COUNTER_LINE]);
  await editor.nextRequest(TOP);
  await editor.stopped();
  await editor.continueRequest(TOP);
  assert.ok(await answer);
}

for (const [title, args, options] of [
  ['pid', (program: Program) => ({ pid: program.pid }), []],
  // What VS Code's process picker puts there.
  ['processId in quotes', (program: Program) => ({ processId: String(program.pid) }), []],
  ['address', (program: Program) => ({ address: /127\.0\.0\.1:\d+/.exec(program.output)?.[0] }), ['--inspect=0']],
] as const) {
  test(`an editor attaches by ${title} to a program that sandmesh did not start, and leaves it running`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work');
      const file = placed(host);
      const program = host.spawn(process.execPath, [...options, 'server.js']);
      const url = await urlOf(program);
      const editor = await Editor.open(host);
      await editor.attachTo(args(program), () => editor.setLines(file, COUNTER_LINE));
      const { body } = await editor.next('process');
      assert.equal([body.systemProcessId, body.startMethod, body.isLocalProcess], [program.pid, 'attach', true]);
      await debugs(editor, file, url);
      // Another one comes to the same target by its process.
      const other = await Editor.open(host);
      await other.attachTo({ pid: program.pid });
      assert.is((await host.ask('target.list', 'targets')).targets.length, 1);
      const answer = request(url);
      await Promise.all([editor.stopped(), other.stopped()]);
      await editor.leave();
      await other.setLines(file);
      await other.continueRequest(TOP);
      assert.ok(await answer);
      await other.leave();
      assert.not(program.ended);
    }));
}

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  readonly link: string;
  readonly url: string;
}

async function meet({ member }: Meeting): Promise<Scene> {
  const host = member('host', 'work/counter');
  const guest = member('guest', 'elsewhere/counter');
  placed(host);
  // A clone of the same: nothing has to be said about whose path is which.
  commitAll(host.folder, 'counter');
  git(host.folder, 'clone', '-q', '.', guest.folder);
  const program = host.start('run', '-q', '--', 'node', 'server.js');
  const [link] = await program.line(LINK);
  return { host, guest, link, url: await urlOf(program) };
}

type Progress = DebugProtocol.ProgressStartEvent;

const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error: Error) => error.message,
  );

test('a link is all that an editor needs: it waits to be let in, shows that, and debugs', () =>
  withMembers(async (meeting) => {
    const { host, guest, link, url } = await meet(meeting);
    const file = path.join(guest.folder, 'server.js');
    const editor = await Editor.open(guest);
    const attached = editor.attachTo({ link }, () => editor.setLines(file, COUNTER_LINE));
    const { body: progress } = await editor.next<Progress>('progressStart');
    assert.match(progress.title, /waiting to be let in/);
    assert.is(editor.count('initialized'), 0);
    await host.approveNext('join');
    await attached;
    assert.is((await editor.next('progressEnd')).body.progressId, progress.progressId);
    assert.is((await editor.next('process')).body.isLocalProcess, false);
    await isArmed(host);
    await debugs(editor, file, url);
    await editor.leave();
  }));

test('what takes long is cancelled by its request or its progress, and nothing of it comes to pass later', () =>
  withMembers(async (meeting) => {
    const { host, guest, link, url } = await meet(meeting);
    const file = path.join(guest.folder, 'server.js');
    const editor = await Editor.open(guest);

    // Joining, by its request.
    const joining = refusal(editor.attachRequest({ link } as never));
    const { body: progress } = await editor.next<Progress>('progressStart');
    assert.is(progress.cancellable, true);
    await editor.customRequest('cancel', { requestId: progress.requestId });
    assert.is(await joining, 'cancelled');
    await editor.next('progressEnd');
    assert.is(editor.count('initialized'), 0);

    // The same editor may try again.
    const attached = editor.attachTo({ link }, () => editor.setLines(file, COUNTER_LINE));
    await editor.next<Progress>('progressStart');
    await host.approveNext('join');
    await attached;
    await isArmed(host);

    // An expression that the host is asked about, by its progress.
    const answer = request(url);
    await editor.stopped();
    const { id } = await editor.top();
    const evaluating = refusal(editor.evaluate('globalThis.touched = 1', id));
    const { body: waiting } = await editor.next<Progress>('progressStart');
    assert.match(waiting.title, /waiting for .* to allow evaluating/);
    await editor.customRequest('cancel', { progressId: waiting.progressId });
    assert.is(await evaluating, 'cancelled');
    // The question may stay open; an answer that comes after all runs nothing.
    const { requests } = await host.ask('request.list', 'requests');
    for (const open of requests) await host.ask('request.approve', 'approve', open.id);
    const { result } = await host.ask('inspect.evaluate', 'eval', 'typeof touched');
    assert.is(result.value, '"undefined"');

    // What is not there to cancel is no error.
    await editor.customRequest('cancel', { requestId: 99_999 });
    await editor.customRequest('cancel', { progressId: 'nonsense' });
    await editor.customRequest('cancel');
    await editor.continueRequest(TOP);
    assert.ok(await answer);
    await editor.leave();
  }));

test('a launch that is cancelled before it is configured starts nothing', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    writeFileSync(path.join(host.folder, 'writes.js'), "require('node:fs').writeFileSync('ran', '');\n");
    const editor = await Editor.open(host);
    const requestId = editor.nextSeq;
    const launching = refusal(editor.launchRequest({ program: 'writes.js', private: true } as never));
    await editor.next('initialized');
    await editor.customRequest('cancel', { requestId });
    assert.is(await launching, 'cancelled');
    await editor.configurationDoneRequest();
    // It answers, so what configuring would have led to has begun.
    assert.equal((await editor.threadsRequest()).body.threads, []);
    await editor.leave();
    assert.equal((await host.ask('target.list', 'targets')).targets, []);
    assert.not(existsSync(path.join(host.folder, 'ran')));
  }));

test.run();
