// test: limit 120 s
/** Where a daemon listens before and after its person shares, and how a program and its daemon survive each other. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../skip.ts';
import { armed, COUNTER, COUNTER_LINE, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';
import { isAlive, listeners, noProc } from './mesh/traces.ts';

/** @returns the address of the running program */
async function startCounter(host: Member, ...options: string[]): Promise<string> {
  writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
  const run = host.start('run', '-q', ...options, '--', 'node', 'counter.js');
  const [, port] = await run.line(/^port (\d+)$/);
  return `http://127.0.0.1:${port}/`;
}

unless(test, noProc, 'with --private the daemon listens nowhere', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host, '--private');
    await targetSeenBy(await host.client());
    assert.equal(listeners(await host.daemonPid()), []);
    await host.ask('target.list', 'targets');
    assert.equal(listeners(await host.daemonPid()), []);
  }),
);

unless(test, noProc, 'the daemon listens on loopback only, and on the network once its person shares', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host);
    await targetSeenBy(await host.client());
    const addresses = async (): Promise<string[]> => [
      ...new Set(listeners(await host.daemonPid()).map(({ address }) => address)),
    ];
    assert.equal(await addresses(), ['127.0.0.1']);
    await host.ask('sandbox.share', 'share');
    assert.ok((await addresses()).includes('0.0.0.0'), String(await addresses()));
  }),
);

unless(
  test,
  noProc,
  'a killed daemon comes back by itself, finds its program alive, and the breakpoint hits again',
  () =>
    withMembers(async ({ member }) => {
      const host = member('h', 'project');
      const url = await startCounter(host);
      const target = await targetSeenBy(await host.client());
      const { id } = await host.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
      const hit = async (): Promise<unknown> => {
        const client = await host.client();
        const { id: current, pid } = await targetSeenBy(client);
        assert.is(pid, target.pid);
        await armed(client, id);
        const answer = request(url);
        const pause = await pauseSeenBy(client, current);
        assert.equal(pause.hitBreakpoints, [id]);
        await host.ask('execution.resume', 'resume');
        return answer;
      };
      assert.equal(await hit(), { count: 1, url: '/' });

      const first = await host.daemonPid();
      process.kill(first, 'SIGKILL');
      const second = await eventually('another daemon', async () => {
        const pid = await host.daemonPid().catch(() => undefined);
        return pid === first ? undefined : pid;
      });
      assert.is(isAlive(first), false);
      assert.is(isAlive(second), true);
      assert.is(isAlive(target.pid), true);
      // the sandbox is opened again a moment after the daemon answers
      await eventually('the sandbox', () => host.ask('target.list', 'targets').catch(() => undefined));
      assert.equal(await hit(), { count: 2, url: '/' });
    }),
);

test.run();
