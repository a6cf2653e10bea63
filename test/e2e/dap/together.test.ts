// test: full
// test: limit 120 s
/**
 * Three people at one program: the host's editor, a guest's editor at another daemon, and the guest's terminal. All see
 * each stop, breakpoints have owners, one leaves while it stands and nothing moves.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTER, COUNTER_LINE, LINK, request } from '../mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { Editor, NOT_DECLARED } from './editor.ts';

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  /** Paths of the program's file, in the folders of each. */
  readonly files: { readonly host: string; readonly guest: string };
  readonly url: string;
}

/** The host runs the counter; the guest has joined, with a checkout of its own at another place. */
async function meet({ member }: Meeting): Promise<Scene> {
  const host = member('host', 'work/counter');
  const guest = member('guest', 'elsewhere/src/counter');
  const files = { host: path.join(host.folder, 'server.js'), guest: path.join(guest.folder, 'server.js') };
  for (const file of Object.values(files)) writeFileSync(file, COUNTER);
  const program = host.start('run', '-q', '--', 'node', 'server.js');
  const link = await program.line(LINK);
  const port = /\d+/.exec((await program.line(/^port \d+$/))[0])?.[0];
  await guest.join(link[0], host, 'guest');
  return { host, guest, files, url: `http://127.0.0.1:${port}/` };
}

/** The line that the guest's editor shows, as the host hears of it. */
const looksAt = (host: Member, line: number | undefined): Promise<unknown> =>
  eventually(`the guest to look at line ${line}`, async () => {
    const { members } = await host.see('member.list');
    const { presence } = members.find(({ self }) => !self) ?? {};
    return presence?.line === line && presence?.client === (line === undefined ? undefined : 'test') ? true : undefined;
  });

const both = <T>(editors: readonly Editor[], ask: (editor: Editor) => Promise<T>): Promise<T[]> =>
  Promise.all(editors.map(ask));

test('two editors at two daemons and a terminal debug one program', () =>
  withMembers(async (meeting) => {
    const { host, guest, files, url } = await meet(meeting);
    const mine = await Editor.open(host);
    const theirs = await Editor.open(guest, {}, '--map', '/=.');
    await mine.attachTo({}, async () => {
      const [set] = await mine.setLines(files.host, COUNTER_LINE);
      assert.is(set?.verified, true);
      assert.is(set?.line, COUNTER_LINE);
    });
    await theirs.attachTo({});

    // The host's breakpoint appears at the guest, in the guest's own checkout, with its owner.
    const shown = await theirs.next('breakpoint');
    assert.is(shown.body.reason, 'new');
    assert.is(shown.body.breakpoint.source.path, files.guest);
    assert.is(shown.body.breakpoint.line, COUNTER_LINE);
    assert.match(shown.body.breakpoint.message, /^Set by /);

    // What the guest sets in the same file is the guest's, and replaces nothing of the host's.
    const [, own] = await theirs.setLines(files.guest, COUNTER_LINE, 6);
    assert.is(own?.verified, true);
    const appeared = await mine.next('breakpoint', ({ body }) => body?.reason === 'new');
    assert.is(appeared.body.breakpoint.source.path, files.host);
    assert.is(appeared.body.breakpoint.line, 6);
    assert.match(appeared.body.breakpoint.message, /^Set by guest/);
    const { breakpoints } = await host.see('breakpoint.list');
    assert.equal(
      breakpoints.map(({ where, writtenBy }) => [where.kind === 'line' && where.line, writtenBy]),
      [
        [COUNTER_LINE, 1],
        [6, 2],
      ],
    );

    const answer = request(url);
    const stops = await both([mine, theirs], (editor) => editor.stopped());
    for (const stop of stops) {
      assert.is(stop.reason, 'breakpoint');
      assert.is(stop.allThreadsStopped, true);
    }
    const [top, same] = await both([mine, theirs], (editor) => editor.top());
    assert.is(top?.source?.path, files.host);
    assert.is(same?.source?.path, files.guest);
    assert.is(same?.line, COUNTER_LINE);
    assert.match((await theirs.locals(same?.id ?? 0)).get('body')?.value ?? '', NOT_DECLARED);
    await looksAt(host, COUNTER_LINE);

    // The guest steps: the free lease is its at once, and everybody follows.
    await theirs.nextRequest({ threadId: 1 });
    await both([mine, theirs], (editor) => editor.stopped());
    const lines = await both([mine, theirs], async (editor) => (await editor.top()).line);
    assert.equal(lines, [5, 5]);
    const { pause } = await guest.ask('inspect.stack', 'stack');
    assert.is(pause.frames[0]?.line, 5);

    // The host does not step on its toes, and is told whose turn it is.
    const refused = await mine.nextRequest({ threadId: 1 }).then(
      () => '',
      (error: Error) => error.message,
    );
    assert.match(refused, /guest drives this target/);
    assert.is((await theirs.top()).line, 5);

    // The terminal moves it, as the guest, who drives: both editors see where it went.
    await guest.ask('execution.step', 'step', 'over');
    const moved = await both([mine, theirs], (editor) => editor.stopped());
    assert.equal(
      moved.map(({ reason }) => reason),
      ['breakpoint', 'breakpoint'],
    );
    assert.match(moved[0]?.description ?? '', /set by guest/);

    // The guest's editor leaves while it stands: it goes on standing, and whoever stays may drive it.
    const stopsSeen = mine.count('stopped');
    const runsSeen = mine.count('continued');
    await theirs.leave();
    await looksAt(host, undefined);
    assert.is((await mine.top()).line, 6);
    assert.is(mine.count('stopped'), stopsSeen);
    assert.is(mine.count('continued'), runsSeen);
    await eventually('the lease to be free', async () => {
      const { targets } = await host.see('target.list');
      return targets[0]?.lease?.holder == null ? true : undefined;
    });
    await mine.nextRequest({ threadId: 1 });
    assert.is((await mine.stopped()).reason, 'step');

    // Its breakpoints stay: they are the sandbox's. The host's own list replaces the host's own only.
    await mine.setLines(files.host);
    const left = await host.see('breakpoint.list');
    assert.equal(
      left.breakpoints.map(({ writtenBy }) => writtenBy),
      [2],
    );
    await mine.continueRequest({ threadId: 1 });
    assert.equal(await answer, { count: 1, url: '/' });
    await mine.leave();
  }));

test('what one changes in a stopped program, the other’s editor is told to read again', () =>
  withMembers(async (meeting) => {
    const { host, guest, files, url } = await meet(meeting);
    const mine = await Editor.open(host);
    const theirs = await Editor.open(guest, { supportsInvalidatedEvent: true }, '--map', '/=.');
    await mine.attachTo({}, async () => void (await mine.setLines(files.host, COUNTER_LINE)));
    await theirs.attachTo({});
    const answer = request(url);
    await both([mine, theirs], (editor) => editor.stopped());
    const at = { mine: (await mine.top()).id, theirs: (await theirs.top()).id };
    const { body: shown } = await theirs.scopesRequest({ frameId: at.theirs });
    const reference = shown.scopes[0]?.variablesReference ?? 0;
    assert.is((await theirs.opened(reference)).get('request')?.type, 'IncomingMessage');

    assert.is(await mine.evaluate('request = 7', at.mine), '7');
    const told = await theirs.next('invalidated');
    assert.equal(told.body, { areas: ['variables'], threadId: 1 });
    assert.is((await theirs.locals(at.theirs)).get('request')?.value, '7');
    assert.is((await theirs.opened(reference)).get('request')?.value, '7');

    // A watch asks again whenever it is told to: two editors that watch would never come to rest.
    assert.is(await mine.evaluate('request = 8', at.mine, 'watch'), '8');
    await host.ask('inspect.set', 'set', 'request', '9');
    await theirs.next('invalidated');
    assert.is(theirs.count('invalidated'), 2);
    assert.is((await theirs.locals(at.theirs)).get('request')?.value, '9');
    // It never said that it takes them.
    assert.is(mine.count('invalidated'), 0);
    assert.is((await mine.locals(at.mine)).get('request')?.value, '9');
    // Looking is no change.
    await mine.evaluate('request', at.mine, 'hover');
    await theirs.evaluate('request', at.theirs, 'watch');
    await mine.setLines(files.host);
    await mine.continueRequest({ threadId: 1 });
    assert.equal(await answer, { count: 1 });
    await theirs.next('continued');
    assert.is(theirs.count('invalidated'), 2);
    await both([mine, theirs], (editor) => editor.leave());
  }));

test('an editor that comes late sees the stop; one that vanishes resumes nothing', () =>
  withMembers(async (meeting) => {
    const { host, guest, files, url } = await meet(meeting);
    const first = await Editor.open(host);
    await first.attachTo({}, () => first.setLines(files.host, COUNTER_LINE));
    const answer = request(url);
    await first.stopped();

    const late = await Editor.open(guest);
    await late.attachTo({});
    assert.is((await late.stopped()).reason, 'breakpoint');
    assert.is((await late.top()).line, COUNTER_LINE);

    first.adapter.child.kill('SIGKILL');
    await first.adapter.exited();
    const clients = await eventually('the daemon to notice', async () => {
      const { daemon } = JSON.parse((await host.cli('status', '--json')).stdout);
      return daemon.clients <= 2 ? daemon.clients : undefined;
    });
    assert.ok(clients >= 0);
    assert.is(late.count('continued'), 0);
    assert.is((await late.top()).line, COUNTER_LINE);
    await late.continueRequest({ threadId: 1 });
    assert.equal(await answer, { count: 1, url: '/' });
    await late.leave();
  }));

test.run();
