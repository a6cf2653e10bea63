// test: full
// test: limit 240 s
/** A program in another language goes on without its daemon, however that ends: from where it stood, undebugged, to its own exit code. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { LANGUAGES, type Language } from './programs.ts';

const WAYS: readonly (readonly [string, (host: Member) => Promise<unknown>])[] = [
  ['is killed', async (host) => process.kill(await host.daemonPid(), 'SIGKILL')],
  ['is stopped', (host) => host.ask('daemon.stop', 'stop')],
];

function goesOn(language: Language, leave: (host: Member) => Promise<unknown>): (meeting: Meeting) => Promise<void> {
  return async ({ member }) => {
    const host = member('host', 'work/orders');
    const command = language.make(host.folder);
    const program = host.start('run', '-q', '--private', '--adapter', language.adapter, '--', ...command);
    await program.line(/^ready$/, 60_000);
    await host.ask('breakpoint.add', 'break', 'add', `${language.file}:${language.line}`);
    await eventually('the breakpoint to be armed', async () => {
      const { breakpoints } = await host.see('breakpoint.list');
      return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') ? true : undefined;
    });
    program.child.stdin?.write('xxx\n');
    await eventually('the stop', async () => {
      const { targets } = await host.see('target.list');
      return targets[0]?.state === 'paused' ? true : undefined;
    });
    await leave(host);
    await program.line(/^total 9$/);
    // Nobody would resume it at a breakpoint now.
    program.child.stdin?.end('xxxx\n');
    await program.line(/^total 12$/);
    assert.is(await program.exited(), 7);
    await host.settled();
  };
}

for (const [language, obstacle] of LANGUAGES) {
  for (const [how, leave] of WAYS) {
    unless(test, obstacle, `a program under ${language.adapter} runs on when its daemon ${how}`, () =>
      withMembers(goesOn(language, leave)),
    );
  }
}

test.run();
