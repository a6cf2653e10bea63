// test: full
// test: limit 120 s
/**
 * Answers that are given at the editor's side: repeated while nothing has changed, and never after somebody changed
 * something, whoever it was. Two daemons, editors over stdio and over a port, and what the daemon says on its own socket.
 */

import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { homePaths } from '#protocol/home-paths.ts';
import { COUNTER, COUNTER_LINE, LINK, request } from '../mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const TOP = { threadId: 1 };

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  /** Runs into the breakpoint. */
  readonly ask: () => Promise<unknown>;
}

async function meet({ member }: Meeting): Promise<Scene> {
  const host = member('host', 'work/counter');
  const guest = member('guest', 'elsewhere/counter');
  const file = path.join(host.folder, 'server.js');
  writeFileSync(file, COUNTER);
  const program = host.start('run', '-q', '--', 'node', 'server.js');
  const [link] = await program.line(LINK);
  const port = /\d+/.exec((await program.line(/^port \d+$/))[0])?.[0];
  await guest.join(link, host, 'guest');
  await host.ask('breakpoint.add', 'break', 'add', `server.js:${COUNTER_LINE}`);
  await eventually('the breakpoint to be armed', async () => {
    const { breakpoints } = await host.see('breakpoint.list');
    return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') || undefined;
  });
  return { host, guest, ask: () => request(`http://127.0.0.1:${port}/`) };
}

/** The daemon gives a frame a new number whenever it is asked: the same one again comes from the editor's side. */
const topId = async (editor: Editor): Promise<number> => (await editor.top()).id;

async function readsAnew(editor: Editor, wanted: string): Promise<void> {
  assert.is((await editor.locals(await topId(editor))).get('request')?.value, wanted);
}

for (const way of ['stdio', 'a port'] as const) {
  test(`over ${way}, a guest's editor has its answers repeated, and none from before a change`, () =>
    withMembers(async (meeting) => {
      const { host, guest, ask } = await meet(meeting);
      const open = async (): Promise<Editor> => {
        if (way === 'stdio') return Editor.open(guest);
        const listening = guest.start('dap', '--port', '0', '--json');
        return Editor.connectTo(JSON.parse((await listening.line(/^\{"host".*/))[0]).port);
      };
      const editor = await open();
      await editor.attachTo({});
      const answer = ask();
      await editor.stopped();
      const first = await topId(editor);
      assert.is(await topId(editor), first);
      const { body: scopes } = await editor.scopesRequest({ frameId: first });
      const { body: again } = await editor.scopesRequest({ frameId: first });
      assert.equal(again, scopes);
      await editor.locals(first);
      // Looking at an expression changes nothing; what may change something, whoever does it, does.
      await editor.evaluate('request.url', first, 'hover');
      assert.is(await topId(editor), first);
      await host.ask('inspect.set', 'set', 'request', '5');
      await eventually('the guest to hear of it', async () => ((await topId(editor)) === first ? undefined : true));
      await readsAnew(editor, '5');
      await Promise.all([editor.evaluate('request = 6', await topId(editor)), host.approveNext('consent')]);
      await readsAnew(editor, '6');
      // Another stop, another stack; and none once it runs.
      await editor.nextRequest(TOP);
      await editor.stopped();
      assert.is((await editor.top()).line, COUNTER_LINE + 1);
      await editor.continueRequest(TOP);
      await answer;
      const refused = await editor.stackTraceRequest(TOP).then(
        () => 'answered',
        (error: Error) => error.message,
      );
      assert.is(refused, 'notStopped');
      await editor.disconnectRequest();
    }));
}

interface Told {
  readonly type: string;
  readonly event?: string;
  readonly request_seq?: number;
  readonly known?: boolean;
  readonly success?: boolean;
  readonly body?: { readonly command?: string; readonly [field: string]: unknown };
}

/** What carries an editor's bytes, as the daemon sees it. */
class Carrier {
  readonly told: Told[] = [];
  readonly #socket: Socket;
  #seq = 0;

  constructor(member: Member, repeats: boolean) {
    const env = { SANDMESH_HOME: member.home };
    const { dapSocket } = homePaths({ env, platform: process.platform, homedir: homedir() });
    this.#socket = connect(dapSocket);
    const decoder = new DapDecoder();
    this.#socket.on('data', (chunk) => this.told.push(...(decoder.push(chunk) as Told[])));
    const body = { folder: member.folder, repeats };
    this.#socket.write(encodeDapMessage({ type: 'event', event: 'sandmesh.client', body }));
  }

  async ask(command: string, args: object = {}): Promise<Told> {
    this.#seq += 1;
    const seq = this.#seq;
    this.#socket.write(encodeDapMessage({ seq, type: 'request', command, arguments: args }));
    return eventually(`the answer to ${command}`, () => this.told.find(({ request_seq }) => request_seq === seq));
  }

  event(name: string, from = 0): Promise<Told> {
    return eventually(name, () => this.told.slice(from).find(({ event }) => event === name));
  }

  count(name: string): number {
    return this.told.filter(({ event }) => event === name).length;
  }

  close(): void {
    this.#socket.destroy();
  }
}

const FORGET = 'sandmesh.forget';
const KNOWN = 'sandmesh.known';

test('the daemon takes back what it told where something may have changed, and not for a hover that only reads', () =>
  withMembers(async (meeting) => {
    const { host, ask } = await meet(meeting);
    const carrier = new Carrier(host, true);
    const plain = new Carrier(host, false);
    for (const each of [carrier, plain]) {
      await each.ask('initialize', { clientID: 'test' });
      await each.ask('attach');
      await each.ask('configurationDone');
    }
    const answer = ask();
    await Promise.all([carrier.event('stopped'), plain.event('stopped')]);
    const frameId = async (): Promise<number> => {
      const { known, body = {} } = await carrier.ask('stackTrace', TOP);
      assert.is(known, true);
      const [frame] = body['stackFrames'] as { id: number }[];
      return frame?.id ?? 0;
    };
    const evaluate = (expression: string, context: string, at: number): Promise<Told> =>
      carrier.ask('evaluate', { expression, context, frameId: at });
    const top = await frameId();
    const scopes = await carrier.ask('scopes', { frameId: top });
    assert.is(scopes.known, true);
    const { body: found = {} } = scopes;
    const [local] = found['scopes'] as { variablesReference: number }[];
    const wanted = { variablesReference: local?.variablesReference };
    assert.is((await carrier.ask('variables', wanted)).known, true);
    assert.is((await plain.ask('stackTrace', TOP)).known, undefined);

    // One is looked up, one is code held to reading, and one is kept from what it would change.
    assert.is((await evaluate('request.url', 'hover', top)).success, true);
    assert.is((await evaluate('count + 1', 'hover', top)).success, true);
    assert.is((await evaluate('count += 1', 'hover', top)).success, false);
    assert.is(carrier.count(FORGET), 0);
    assert.is((await evaluate('count += 1', 'watch', top)).success, true);
    assert.is(carrier.count(FORGET), 1);
    await frameId();
    assert.is((await carrier.ask('setVariable', { ...wanted, name: 'body', value: '8' })).success, true);
    assert.is(carrier.count(FORGET), 2);
    await frameId();
    await host.ask('inspect.set', 'set', 'count', '9');
    await eventually('the change to be heard of', () => (carrier.count(FORGET) === 3 ? true : undefined));

    // At the next stop the same questions are answered before they are asked, for whoever takes that.
    const from = carrier.told.length;
    await carrier.ask('next', TOP);
    await carrier.event('stopped', from);
    const told = await eventually('all of it', () => {
      const known = carrier.told.slice(from).filter(({ event }) => event === KNOWN);
      return known.some(({ body }) => body?.command === 'variables') ? known : undefined;
    });
    assert.equal(
      told.slice(0, 3).map(({ body }) => body?.command),
      ['stackTrace', 'scopes', 'variables'],
    );
    const events = carrier.told.slice(from).flatMap(({ event }) => event ?? []);
    assert.ok(events.indexOf('stopped') < events.indexOf(KNOWN), events.join(' '));
    const { body: ahead = {} } = told[0] ?? {};
    const { stackFrames } = ahead['body'] as { stackFrames: { line: number }[] };
    assert.is(stackFrames[0]?.line, COUNTER_LINE + 1);
    await carrier.ask('continue', TOP);
    await answer;
    assert.is(plain.count(FORGET) + plain.count(KNOWN), 0);
    for (const each of [carrier, plain]) each.close();
  }));

test.run();
