// test: full
// test: limit 180 s
/** Exceptions of a Python program, through debugpy: who asked to stop at them does, with what was thrown, and no sooner. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { Editor } from '../dap/editor.ts';
import { withMembers } from '../mesh/members.ts';
import { NO_DEBUGPY, PYTHON } from './programs.ts';

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

test.run();
