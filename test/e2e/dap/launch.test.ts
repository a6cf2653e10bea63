// test: full
// test: limit 180 s
/** What an editor launches: at its first line where it wants that, in the editor's own terminal where there is one, ended with it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isAlive } from '#test/is-alive.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const TOP = { threadId: 1 };

/** Adds up what it reads, line by line; ends with the sum as its exit code. */
const ADDING = `let sum = 0;
console.log('ready', process.argv[2], process.env.GREETING);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    sum += Number(line);
    console.log('sum', sum);
  })
  .on('close', () => process.exit(sum));
`;
const ADDER = {
  'adder.cjs': `const { createInterface } = require('node:readline');\n${ADDING}`,
  'adder.mjs': `// An ES module, whose first statement comes after its imports.
import { createInterface } from 'node:readline';

${ADDING}`,
};
const SUM_LINE = 6;
/** Says who it is, and stays. */
const STAYS = "console.log('pid', process.pid); setInterval(() => {}, 1000);\n";

function placed({ folder }: Member, name: keyof typeof ADDER): string {
  const file = path.join(folder, name);
  writeFileSync(file, ADDER[name]);
  return file;
}

/** A program that stays, launched by an editor of its own, once it has said its pid. */
async function launchStaying(host: Member, more: object = {}): Promise<{ editor: Editor; pid: number }> {
  writeFileSync(path.join(host.folder, 'stays.js'), STAYS);
  const editor = await Editor.open(host);
  await editor.launchWith({ program: 'stays.js', private: true, ...more });
  const pid = await eventually('its output', () => /^pid (\d+)$/m.exec(editor.printed('stdout'))?.[1]);
  return { editor, pid: Number(pid) };
}

for (const [name, firstLine] of [
  ['adder.cjs', 1],
  ['adder.mjs', 4],
] as const) {
  test(`${name} stops at its first statement where that is wanted, with everything yet to come`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work');
      const program = placed(host, name);
      const editor = await Editor.open(host);
      const env = { GREETING: 'hello' };
      await editor.launchWith({ program, args: ['now'], env, stopOnEntry: true, private: true });
      const stop = await editor.stopped();
      assert.is(stop.reason, 'entry');
      const top = await editor.top();
      assert.equal([top.source?.path, top.line], [program, firstLine]);
      assert.is(editor.printed('stdout'), '');
      // Its first statement is yet to run.
      await editor.nextRequest(TOP);
      assert.is((await editor.stopped()).reason, 'step');
      assert.ok((await editor.top()).line > firstLine);
      await editor.continueRequest(TOP);
      assert.is((await editor.next('exited')).body.exitCode, 0);
      assert.is(editor.printed('stdout'), 'ready now hello\n');
      await editor.leave();
    }));
}

test('a program runs in the terminal of the editor, which is its own: what is typed there reaches it', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const file = placed(host, 'adder.cjs');
    const editor = await Editor.open(host, { supportsRunInTerminalRequest: true });
    const wanted = { program: 'adder.cjs', args: ['now'], env: { GREETING: 'hi' }, private: true };
    await editor.launchWith({ ...wanted, console: 'integratedTerminal' }, () => editor.setLines(file, SUM_LINE));
    const [terminal] = editor.terminals;
    assert.is(terminal?.asked.kind, 'integrated');
    assert.is(terminal?.asked.cwd, host.folder);
    assert.equal(terminal?.asked.args, ['node', 'adder.cjs', 'now']);
    const program = terminal?.program as NonNullable<typeof terminal>['program'];
    await program.line(/^ready now hi$/);
    program.child.stdin?.write('3\n');
    assert.is((await editor.stopped()).reason, 'breakpoint');
    assert.is(await editor.evaluate('line', (await editor.top()).id), '"3"');
    await editor.continueRequest(TOP);
    await program.line(/^sum 3$/);
    await editor.setLines(file);
    program.child.stdin?.end('4\n');
    assert.is((await editor.next('exited')).body.exitCode, 7);
    assert.is(await program.exited(), 7);
    await editor.leave();
  }));

test('without a terminal a program runs all the same, its output as events; the editor that leaves ends it', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    for (const leave of ['terminate', 'disconnect', 'kill'] as const) {
      const { editor, pid } = await launchStaying(host, { console: 'integratedTerminal' });
      assert.equal(editor.terminals, []);
      if (leave === 'terminate') {
        await editor.terminateRequest();
        await editor.next('terminated');
        await editor.leave();
      } else if (leave === 'disconnect') await editor.leave();
      else editor.adapter.child.kill('SIGKILL');
      await eventually(`the program to be gone (${leave})`, () => (isAlive(pid) ? undefined : true));
    }
  }));

test('a program of which the editor lets go before it leaves runs on', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const { editor, pid } = await launchStaying(host);
    await editor.disconnectRequest({ terminateDebuggee: false });
    await editor.adapter.exited();
    const { targets } = await host.ask('target.list', 'targets');
    assert.equal([targets[0]?.pid, targets[0]?.state], [pid, 'running']);
    process.kill(pid, 'SIGKILL');
    await eventually('the end to be noticed', async () => {
      const { targets: left } = await host.see('target.list');
      return left[0]?.state === 'exited' || undefined;
    });
  }));

test('a program that is killed is not said to have ended well', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    writeFileSync(path.join(host.folder, 'stays.js'), STAYS);
    const program = host.start('run', '-q', '--private', '--', 'node', 'stays.js');
    const [, pid] = await program.line(/^pid (\d+)$/);
    const editor = await Editor.open(host);
    await editor.attachTo({});
    process.kill(Number(pid), 'SIGKILL');
    await editor.next('terminated');
    assert.is(editor.count('exited'), 0);
    await editor.leave();
  }));

test('a breakpoint whose line stays where it is goes along with its edited file, in one session and from one to the next', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const file = path.join(host.folder, 'edited.js');
    const edit = (version: number) =>
      writeFileSync(file, `const here = 1;\nconsole.log(here);\nsetInterval(() => {}, 1000);\n// ${version}\n`);
    edit(1);
    for (const version of [2, 3]) {
      const editor = await Editor.open(host);
      const set = async () => {
        const [breakpoint] = await editor.setLines(file, 2);
        assert.equal(breakpoint?.source, { name: 'edited.js', path: file });
      };
      await editor.launchWith({ program: 'edited.js', private: true }, set);
      await editor.stopped();
      assert.is((await editor.top()).line, 2);
      // What runs is the version before; the one that is set now is for the next run.
      edit(version);
      await set();
      assert.is((await host.ask('breakpoint.list', 'break', 'list')).breakpoints.length, 1);
      await editor.leave();
    }
  }));

test('without debugging a program is what it is without sandmesh', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const program = 'plain.js';
    writeFileSync(
      path.join(host.folder, program),
      'debugger; console.log(process.env.NODE_OPTIONS); process.exit(3);\n',
    );
    const editor = await Editor.open(host);
    await editor.launchWith({ program, noDebug: true, stopOnEntry: true, private: true });
    assert.is((await editor.next('exited')).body.exitCode, 3);
    assert.is(editor.printed('stdout'), 'undefined\n');
    assert.is(editor.count('stopped'), 0);
    assert.equal((await host.ask('target.list', 'targets')).targets, []);
    await editor.leave();
  }));

test('what runs in the terminal and is no program of sandmesh is left to it: the session ends and says so', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    writeFileSync(path.join(host.folder, 'stays.js'), STAYS);
    const inTerminal = { console: 'integratedTerminal', private: true };
    const open = () => Editor.open(host, { supportsRunInTerminalRequest: true });

    const plain = await open();
    await plain.launchWith({ ...inTerminal, program: 'stays.js', noDebug: true });
    await plain.next('terminated');
    assert.match(plain.printed('console'), /without sandmesh/);
    await plain.leave();

    const foreign = await open();
    await foreign.launchWith({ ...inTerminal, command: ['sleep', '1000'] });
    assert.is(foreign.count('terminated'), 0);
    await foreign.customRequest('terminate', {});
    await foreign.next('terminated');
    const told = foreign.events.find(({ event, body }) => event === 'output' && body.category === 'important');
    assert.match(told?.body.output, /Cannot end what runs in the terminal.*Ctrl-C/);
    await foreign.leave();
    for (const { terminals } of [plain, foreign]) assert.ok(isAlive(terminals[0]?.program.pid ?? 0));
  }));

test.run();
