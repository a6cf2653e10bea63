// test: full
// test: limit 180 s
/** Exceptions and crashes, through each debugger: who asked to stop at them does, with what was thrown, and no sooner. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { Editor } from '../dap/editor.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { LANGUAGES, NO_DEBUGPY, PYTHON } from './programs.ts';

const TOP = { threadId: 1 };
const PROGRAM = `import sys

def check(text):
    if text == 'bad':
        raise ValueError('no order: ' + text)
    return len(text)

print('ready', flush=True)
for number, line in enumerate(sys.stdin):
    try:
        print('length', check(line.strip()), flush=True)
    except ValueError as error:
        print('refused', number, error, flush=True)
check('bad')
`;
const RAISE_LINE = 5;

unless(test, NO_DEBUGPY, 'debugpy stops at what is raised, or at what nobody catches, as an editor asks', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    writeFileSync(path.join(host.folder, 'check.py'), PROGRAM);
    const [command = 'python3'] = PYTHON.make(host.folder);
    const program = host.start('run', '-q', '--private', '--adapter', 'debugpy', '--', command, 'check.py');
    await program.line(/^ready$/, 60_000);
    const editor = await Editor.open(host);
    await editor.attachTo({}, () => editor.setExceptionBreakpointsRequest({ filters: ['caught'] }));

    program.child.stdin?.write('fine\nbad\n');
    await program.line(/^length 4$/);
    assert.is((await editor.stopped()).reason, 'exception');
    assert.is((await editor.top()).line, RAISE_LINE);
    const { body: caught } = await editor.exceptionInfoRequest(TOP);
    assert.match(caught.exceptionId, 'ValueError');
    assert.match(caught.description ?? '', 'no order: bad');
    assert.is((await editor.locals((await editor.top()).id)).get('text')?.value, "'bad'");

    // Only what nobody catches from now on.
    await editor.setExceptionBreakpointsRequest({ filters: ['uncaught'] });
    await editor.continueRequest(TOP);
    await program.line(/^refused 1 no order: bad$/);
    const seen = editor.count('stopped');
    program.child.stdin?.write('bad\n');
    await program.line(/^refused 2 no order: bad$/);
    assert.is(editor.count('stopped'), seen);
    program.child.stdin?.end();
    assert.is((await editor.stopped()).reason, 'exception');
    const { body: uncaught } = await editor.exceptionInfoRequest(TOP);
    assert.is(uncaught.breakMode, 'unhandled');
    assert.match(uncaught.description ?? '', 'no order: bad');
    await editor.continueRequest(TOP);
    assert.is(await program.exited(), 1);
    await editor.leave();
  }),
);

interface Crash {
  readonly file: string;
  readonly text: string;
  readonly line: number;
  /** What its debugger says of it. */
  readonly what: RegExp;
  /** @returns the command line */
  make(host: Member): string;
}

const CRASHES: Readonly<Record<string, Crash>> = {
  delve: {
    file: 'crash.go',
    text: `package main

import "fmt"

func check(text string) {
\tif text == "bad" {
\t\tpanic("no order: " + text)
\t}
}

func tried(text string) {
\tdefer func() { fmt.Println("recovered", recover()) }()
\tcheck(text)
}

func main() {
\tfmt.Println("ready")
\tvar line string
\tfmt.Scanln(&line)
\ttried("bad")
\tcheck("bad")
}
`,
    line: 7,
    what: /panic/,
    make: () => 'crash.go',
  },
  lldb: {
    file: 'crash.c',
    text: `#include <signal.h>
#include <stdio.h>

static void crash(int *where) {
  *where = 1;
}

int main(void) {
  puts("ready");
  fflush(stdout);
  getchar();
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  puts("recovered");
  fflush(stdout);
  crash(NULL);
}
`,
    line: 5,
    what: /SIGSEGV/,
    make: ({ folder }) => {
      execFileSync('gcc', ['-g', '-O0', '-o', 'crash', 'crash.c'], { cwd: folder });
      return './crash';
    },
  },
};

for (const [{ adapter }, obstacle] of LANGUAGES.filter((each) => each[0].adapter in CRASHES)) {
  unless(test, obstacle, `${adapter} stops where a program crashes, if somebody wants to see what nobody catches`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work');
      const { file, text, line, what, make } = CRASHES[adapter] as Crash;
      writeFileSync(path.join(host.folder, file), text);
      const program = host.start('run', '-q', '--private', '--adapter', adapter, '--', make(host));
      await program.line(/^ready$/, 60_000);
      await host.ask('breakpoint.add', 'break', 'add', '--exception', 'uncaught');
      const state = await eventually('what became of it', async () => {
        const { breakpoints } = await host.see('breakpoint.list');
        return breakpoints[0]?.statuses[0]?.state;
      });
      assert.is(state, 'armed');
      const editor = await Editor.open(host);
      await editor.attachTo({});
      program.child.stdin?.write('go\n');
      await program.line(/^recovered/);
      assert.is((await editor.stopped()).reason, 'exception');
      const own = (await editor.stack()).find(({ source }) => source?.path?.endsWith(file) === true);
      assert.is(own?.line, line);
      assert.match((await editor.exceptionInfoRequest(TOP)).body.description ?? '', what);
      await editor.continueRequest(TOP);
      assert.is.not(await program.exited(), 0);
      await editor.leave();
    }),
  );
}

test.run();
