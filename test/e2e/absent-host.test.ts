// test: limit 120 s
/** What a guest wishes while the host is away is done when the host comes back. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { armed, COUNTER, COUNTER_LINE, LINK, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

async function startCounter(host: Member): Promise<{ run: Program; url: string }> {
  const run = host.start('run', '-q', '--', 'node', 'counter.js');
  const [, port] = await run.line(/^port (\d+)$/);
  return { run, url: `http://127.0.0.1:${port}/` };
}

test('a breakpoint that a guest sets while the host is away is armed and hit when the host is back', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const guest = member('g', 'elsewhere');
    writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
    const before = await startCounter(host);
    const [link] = await before.run.line(LINK);
    await guest.join(link, host, 'alice');
    const atGuest = await guest.client();
    const old = await targetSeenBy(atGuest);

    before.run.child.kill('SIGINT');
    await before.run.exited();
    await host.ask('daemon.stop', 'stop');
    await eventually('the guest to see that the host is gone', async () => {
      const { members } = await atGuest.call('member.list', {});
      return members.every(({ self, online }) => self || !online) ? true : undefined;
    });
    const { id, statuses } = await guest.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
    assert.equal(
      statuses.filter(({ state }) => state === 'armed'),
      [],
    );

    const after = await startCounter(host);
    const target = await targetSeenBy(
      atGuest,
      (candidate) => candidate.state === 'running' && candidate.pid !== old.pid,
    );
    await armed(atGuest, id);
    const answer = request(after.url);
    const pause = await pauseSeenBy(atGuest, target.id);
    assert.equal([pause.hitBreakpoints, pause.frames[0]?.functionName], [[id], 'handle']);
    await guest.ask('execution.resume', 'resume');
    assert.equal(await answer, { count: 1, url: '/' });
  }));

test.run();
