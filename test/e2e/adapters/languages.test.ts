// test: full
// test: limit 300 s
/**
 * Programs in Python, Go and C, each by its own debugger, debugged by a guest's editor on another daemon and the host's
 * terminal together: a debugger that allows one client has several.
 */

import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { unless } from '#test/skip.ts';
import { Editor } from '../dap/editor.ts';
import { LINK } from '../mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { LANGUAGES, type Language } from './programs.ts';

const TOP = { threadId: 1 };

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  readonly program: Program;
  /** Path of the file in the guest's own checkout. */
  readonly file: string;
}

async function meet({ member }: Meeting, language: Language, ...options: string[]): Promise<Scene> {
  const host = member('host', 'work/orders');
  const guest = member('guest', 'elsewhere/orders');
  const command = language.make(host.folder);
  language.make(guest.folder);
  const program = host.start('run', '-q', ...options, '--adapter', language.adapter, '--', ...command);
  const link = await program.line(LINK);
  await program.line(/^ready$/, 60_000);
  await guest.join(link[0], host, 'guest');
  return { host, guest, program, file: path.join(guest.folder, language.file) };
}

/** One order: a line of so many letters on the program's own stdin. */
function order(program: Program, times: number): void {
  program.child.stdin?.write(`${'x'.repeat(times)}\n`);
}

function tells(language: Language): (meeting: Meeting) => Promise<void> {
  return async (meeting) => {
    const { host, guest, program, file } = await meet(meeting, language);
    const editor = await Editor.open(guest, {}, '--map', '/=.');
    await editor.attachTo({}, async () => {
      const [set] = await editor.setLines(file, language.line);
      assert.is(set?.line, language.line);
    });
    const armed = await eventually('the breakpoint to be armed', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') ? breakpoints : undefined;
    });
    assert.is(armed[0]?.writtenBy, 2);

    // The stop is everybody's.
    order(program, 3);
    const stop = await editor.stopped();
    assert.is(stop.reason, 'breakpoint');
    const stack = await editor.stack();
    assert.is(stack[0]?.name, language.add);
    assert.is(stack[0]?.line, language.line);
    assert.is(stack[0]?.source?.path, file);
    assert.ok(stack.length > 1);
    const seen = await host.ask('inspect.stack', 'stack');
    assert.is(seen.pause.frames[0]?.line, language.line);
    assert.equal(seen.pause.hitBreakpoints, [armed[0]?.id]);

    // Variables, in depth, of this frame and of the one that called it.
    const locals = await editor.locals(stack[0]?.id ?? 0);
    assert.is(locals.get('each')?.value, '3');
    const opened = await editor.opened(locals.get('order')?.variablesReference ?? 0);
    const members = new Map([...opened].map(([name, { value }]) => [name.toLowerCase(), value]));
    assert.is(members.get('times'), '3');
    assert.match(members.get('item') ?? '', /["']tea["']$/);
    const callers = await editor.locals(stack[1]?.id ?? 0);
    assert.not.ok(callers.has('each'));
    assert.is((await editor.locals(stack[0]?.id ?? 0)).get('each')?.value, '3');

    // Code runs once the host says so.
    const [product] = await Promise.all([editor.evaluate(language.product, stack[0]?.id), host.approveNext('consent')]);
    assert.is(product, '9');
    const broken = await editor.evaluate('each + nope', stack[0]?.id).then(
      () => '',
      (error: Error) => error.message,
    );
    assert.match(broken, /nope/);

    // The guest steps; the host follows, and looks at what came of it.
    await editor.nextRequest(TOP);
    assert.is((await editor.stopped()).reason, 'step');
    assert.is((await editor.top()).line, language.line + 1);
    const { result } = await host.ask('inspect.evaluate', 'eval', 'total');
    assert.is(result.value, '9');
    assert.is(await host.refusal('step', 'over'), 'LEASE_HELD');
    await editor.continueRequest(TOP);
    await program.line(/^total 9$/);

    // A condition in the program's language, by the host, at the same line: the guest's own is taken out.
    await editor.setLines(file);
    await host.ask('breakpoint.add', 'break', 'add', `${language.file}:${language.line}`, '--if', language.condition);
    order(program, 2);
    await program.line(/^total 6$/);
    order(program, 4);
    await editor.stopped();
    assert.is((await editor.top()).line, language.line);
    assert.is((await editor.locals((await editor.top()).id)).get('each')?.value, '3');
    await editor.continueRequest(TOP);
    await program.line(/^total 12$/);

    // Its end, as it was.
    program.child.stdin?.end();
    const exited = await editor.next('exited');
    assert.is(exited.body.exitCode, 7);
    assert.is(await program.exited(), 7);
    if (language.hearsOutput) {
      // By another way than its end, and so perhaps after it.
      await eventually('what it printed', () => {
        const said = editor.events.filter(({ event }) => event === 'output').map(({ body }) => String(body.output));
        return /^total 12$/m.test(said.join('')) || undefined;
      });
    }
    await editor.leave();
  };
}

for (const [language, obstacle] of LANGUAGES) {
  unless(
    test,
    obstacle,
    `a guest's editor debugs a program by ${language.adapter}, and the host's terminal with it`,
    () => withMembers(tells(language)),
  );
}

test.run();
