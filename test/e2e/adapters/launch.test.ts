// test: full
// test: limit 300 s
/** Programs in Python, Go and C that an editor launches by their own debuggers: in its terminal, or where it has none. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { Editor } from '../dap/editor.ts';
import { eventually, withMembers } from '../mesh/members.ts';
import { LANGUAGES, type Language, NO_DEBUGPY, PYTHON } from './programs.ts';

const TOP = { threadId: 1 };

/** As a launch configuration has it: an interpreter is the runtime. */
function configuration(language: Language, folder: string): Record<string, unknown> {
  const words = language.make(folder);
  const program = words.at(-1);
  const runtime = words.length > 1 ? { runtimeExecutable: words[0] } : {};
  return { adapter: language.adapter, program, ...runtime, private: true };
}

for (const [language, obstacle] of LANGUAGES) {
  unless(test, obstacle, `an editor launches a program by ${language.adapter} in its terminal`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work/orders');
      const launch = configuration(language, host.folder);
      const file = path.join(host.folder, language.file);
      const editor = await Editor.open(host, { supportsRunInTerminalRequest: true });
      await editor.launchWith({ ...launch, console: 'integratedTerminal' }, () => editor.setLines(file, language.line));
      const program = editor.terminals[0]?.program;
      if (program === undefined) throw new Error('Nothing was asked to run in the terminal');
      await program.line(/^ready$/, 60_000);
      program.child.stdin?.write('xxx\n');

      assert.is((await editor.stopped()).reason, 'breakpoint');
      const top = await editor.top();
      assert.equal([top.name, top.line, top.source?.path], [language.add, language.line, file]);
      assert.is((await editor.locals(top.id)).get('each')?.value, '3');
      assert.is(await editor.evaluate(language.product, top.id), '9');
      await editor.nextRequest(TOP);
      assert.is((await editor.stopped()).reason, 'step');
      assert.is((await editor.top()).line, language.line + 1);
      await editor.continueRequest(TOP);
      await program.line(/^total 9$/);
      program.child.stdin?.end();
      assert.is((await editor.next('exited')).body.exitCode, 7);
      assert.is(await program.exited(), 7);
      await editor.leave();
    }),
  );
}

for (const [language, obstacle] of LANGUAGES) {
  unless(test, obstacle, `a program by ${language.adapter} stops where it begins, without a terminal too`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work/orders');
      const launch = configuration(language, host.folder);
      const editor = await Editor.open(host);
      await editor.launchWith({ ...launch, stopOnEntry: true });
      assert.is((await editor.stopped()).reason, 'entry');
      const top = await editor.top();
      assert.equal([top.name, top.source?.path], [language.main, path.join(host.folder, language.file)]);
      assert.is(editor.printed('stdout'), '');
      const seen = await host.ask('inspect.stack', 'stack');
      assert.is(seen.pause.reason, 'entry');
      await editor.continueRequest(TOP);
      const { exitCode } = (await editor.next('exited')).body;
      assert.is(exitCode, 7, `it ended with ${exitCode}: ${editor.printed('stderr')}`);
      await eventually('what it printed', () => (/^ready$/m.test(editor.printed('stdout')) ? true : undefined));
      await editor.leave();
    }),
  );
}

unless(test, NO_DEBUGPY, 'an editor that leaves ends the program it launched, and its adapter with it', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work/orders');
    const launch = configuration(PYTHON, host.folder);
    for (const console of ['internalConsole', 'integratedTerminal']) {
      const editor = await Editor.open(host, { supportsRunInTerminalRequest: true });
      await editor.launchWith({ ...launch, console, stopOnEntry: true });
      await editor.stopped();
      await editor.leave();
      await editor.terminals[0]?.program.exited();
      await eventually('the end of the target', async () => {
        const { targets } = await host.see('target.list');
        return targets.every(({ state }) => state === 'exited') || undefined;
      });
    }
  }),
);

test('an adapter that is none, or not installed, ends the launch and says so', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const launch = (args: object, exitCode = 127): Promise<string> =>
      Editor.open(host).then(async (editor) => {
        const failure = await editor.launchWith({ program: 'x', private: true, ...args }).then(
          () => undefined,
          (error: Error) => error.message,
        );
        if (failure !== undefined) return failure;
        assert.is((await editor.next('exited')).body.exitCode, exitCode);
        await editor.leave();
        return editor.printed('stderr');
      });
    assert.match(await launch({ adapter: 'nope' }), /there is no such adapter.*Known are debugpy/);
    assert.match(await launch({ adapter: 'debugpy', noDebug: true }), /Cannot launch without debugging/);
    const missing = await launch({ adapter: 'debugpy', runtimeExecutable: './python3' });
    assert.match(missing, /Cannot start debugpy: there is no such command/);
    // An interpreter without it.
    writeFileSync(path.join(host.folder, 'python3'), '#!/bin/sh\necho "No module named debugpy" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const silent = await launch({ adapter: 'debugpy', runtimeExecutable: './python3' }, 1);
    assert.match(silent, /No module named debugpy[\s\S]*debugpy ended before it said anything/);
    assert.match(silent, 'Is it installed where "./python3 -m debugpy.adapter" looks for it?');
  }));

test.run();
