// test: full
/**
 * The order of the system calls themselves: what a command changed is written to the log and made durable before its
 * reply leaves, as strace saw it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, withMembers } from './mesh/members.ts';

const DAEMON = path.resolve(import.meta.dirname, '../../.dist/daemon.cjs');

/** One system call as strace wrote it, when it was over. */
interface Call {
  readonly name: string;
  readonly text: string;
}

/** Joins what strace split because threads took turns: a call counts when it has returned. */
function callsIn(trace: string): Call[] {
  const open = new Map<string, string>();
  const calls: Call[] = [];
  for (const line of trace.split('\n')) {
    const match = /^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$/.exec(line);
    if (match === null) continue;
    const [, thread = '', resumed, started, rest = ''] = match;
    if (started !== undefined && rest.endsWith('<unfinished ...>')) {
      open.set(thread, rest);
      continue;
    }
    calls.push({
      name: resumed ?? started ?? '',
      text: resumed === undefined ? rest : `${open.get(thread) ?? ''}${rest}`,
    });
  }
  return calls;
}

test('a reply leaves after its change is durable, in that order of system calls', () =>
  withMembers(async ({ base, member }) => {
    const host = member('host', 'work');
    await host.ask('sandbox.open', 'open');
    await host.cli('stop');
    const traceFile = path.join(base, 'trace');
    const strace = ['-f', '-y', '-s', '4000', '-e', 'trace=write,writev,pwrite64,fdatasync,sendmsg', '-o', traceFile];
    const env = { ...process.env, SANDMESH_HOME: host.home, NODE_OPTIONS: '' };
    const traced = spawn('strace', [...strace, process.execPath, DAEMON], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(traced, 'exit');
    try {
      const client = await eventually('the daemon to answer', async () => host.client().catch(() => undefined), 60_000);
      await client.call('breakpoint.list', {});
      const { id } = await client.call('breakpoint.add', { location: 'app.js:4242', settleMs: 0 });
      client.close();
      await host.cli('stop');
      await ended;
      const calls = callsIn(readFileSync(traceFile, 'latin1'));
      const written = calls.findIndex(
        ({ name, text }) => /write/.test(name) && /sandbox\.log>/.test(text) && text.includes(id),
      );
      const reply = calls.findIndex(
        ({ name, text }) =>
          /write|sendmsg/.test(name) &&
          /socket:|UNIX/.test(text) &&
          text.includes('\\"ok\\":true') &&
          text.includes(id),
      );
      assert.ok(written >= 0, 'the change was written to the log');
      assert.ok(reply > written, 'the reply left after it was written');
      const synced = calls
        .slice(written, reply)
        .some(({ name, text }) => name === 'fdatasync' && /sandbox\.log>.*= 0$/.test(text));
      assert.ok(synced, 'and after a fdatasync that came back in between');
    } finally {
      if (traced.exitCode === null) traced.kill('SIGKILL');
    }
  }));

test.run();
