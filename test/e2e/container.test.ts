// test: full
// test: limit 120 s
// test: alone
/**
 * A program in a container: pid 1 of a pid namespace of its own, with mounts of its own. It is debugged, and ended, as the
 * process that it is on this machine.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { Editor } from './dap/editor.ts';
import { COUNTER, COUNTER_LINE, request } from './mesh/debugging.ts';
import { eventually, withMembers } from './mesh/members.ts';

const TOP = { threadId: 1 };
const USER = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
const UNSHARE = [...USER, '--pid', '--mount', '--fork', '--kill-child', '--mount-proc'];
/** Pid 1 has only those signals that it takes. */
const PROGRAM = `${COUNTER}process.on('SIGTERM', () => process.exit(0));
`;
/** A mount that nobody outside sees: the namespace is its own. */
const ENTER = 'mount -t tmpfs tmpfs /mnt && exec "$@"';

function obstacle(): string | undefined {
  try {
    execFileSync('unshare', [...UNSHARE, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no namespaces can be made here: ${String((error as { stderr?: unknown }).stderr ?? error).trim()}`;
  }
}

const CONTAINED = [...UNSHARE, 'sh', '-c', ENTER, 'sh', process.execPath];

/** Of the processes below another the one that came last. */
function lastBelow(pid: number): number {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1);
  return child === undefined || child === '' ? pid : lastBelow(Number(child));
}

async function debugs(editor: Editor, file: string, url: string): Promise<void> {
  const answer = request(url);
  assert.is((await editor.stopped()).reason, 'breakpoint');
  const top = await editor.top();
  assert.equal([top.source?.path, top.line], [file, COUNTER_LINE]);
  assert.is(await editor.evaluate('process.pid', top.id), '1');
  await editor.nextRequest(TOP);
  await editor.stopped();
  await editor.continueRequest(TOP);
  assert.ok(await answer);
}

for (const way of ['run', 'pid', 'address'] as const) {
  unless(test, obstacle(), `a program in a container is debugged (${way}), and ended as the process it is here`, () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work');
      const file = path.join(host.folder, 'server.js');
      writeFileSync(file, PROGRAM);
      const args = [...CONTAINED, ...(way === 'address' ? ['--inspect=0'] : []), 'server.js'];
      const program =
        way === 'run' ? host.start('run', '-q', '--private', '--', 'unshare', ...args) : host.spawn('unshare', args);
      const [, port] = await program.line(/^port (\d+)$/);
      const pid = lastBelow(program.pid);
      const address = /127\.0\.0\.1:\d+/.exec(program.output)?.[0];
      const editor = await Editor.open(host);
      const target = way === 'run' ? {} : way === 'pid' ? { pid } : { address };
      await editor.attachTo(target, () => editor.setLines(file, COUNTER_LINE));
      assert.is((await editor.next('process')).body.systemProcessId, pid);
      await debugs(editor, file, `http://127.0.0.1:${port}/`);
      await editor.terminateRequest();
      await editor.next('terminated');
      await program.exited();
      await eventually('its end', async () => {
        const { targets } = await host.see('target.list');
        return targets.every(({ state }) => state === 'exited') || undefined;
      });
      await editor.leave();
    }),
  );
}

test.run();
