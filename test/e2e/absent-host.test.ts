// test: limit 120 s
/**
 * A host that goes away and comes back, as its guest sees it: stopped in order, and killed while its program runs on.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { Program } from '#test/bench/programs.ts';
import { armed, COUNTER, COUNTER_LINE, LINK, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

async function startCounter(host: Member): Promise<{ run: Program; url: string }> {
  const run = host.start('run', '-q', '--', 'node', 'counter.js');
  const [, port] = await run.line(/^port (\d+)$/);
  return { run, url: `http://127.0.0.1:${port}/` };
}

/** Waits until the guest sees that the only other member is gone. */
async function hostGone(atGuest: SandmeshClient): Promise<void> {
  await eventually('the host to be gone', async () => {
    const { members } = await atGuest.call('member.list', {});
    return members.every(({ self, online }) => self || !online) ? true : undefined;
  });
}

/** Waits until the guest was told that the only other member went away, and that they are back. */
async function hostBack(atGuest: SandmeshClient): Promise<void> {
  let gone = false;
  for await (const { event } of atGuest.subscribe('members', { signal: AbortSignal.timeout(30_000) })) {
    if (event.member.self) continue;
    if (gone && event.member.online) return;
    gone ||= !event.member.online;
  }
  throw new Error(`The host did not come back${gone ? '' : ': it never went'}`);
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
    await hostGone(atGuest);
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

test('a killed daemon comes back by itself: the guest sees the program again, and the breakpoint hits again', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const guest = member('g', 'elsewhere');
    writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
    const { run, url } = await startCounter(host);
    const [link] = await run.line(LINK);
    await guest.join(link, host, 'alice');
    const atGuest = await guest.client();
    const { id, pid } = await targetSeenBy(atGuest);
    const { id: breakpoint } = await guest.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
    await armed(atGuest, breakpoint);
    const daemon = await host.daemonPid();
    const hit = async (target: string): Promise<unknown> => {
      const answer = request(url);
      const pause = await pauseSeenBy(atGuest, target);
      assert.equal(pause.hitBreakpoints, [breakpoint]);
      await guest.ask('execution.resume', 'resume');
      return answer;
    };
    assert.equal(await hit(id), { count: 1, url: '/' });

    await armed(atGuest, breakpoint, { hits: 1 });
    // from here on nobody types at the host's: what comes back does so by itself
    const back = hostBack(atGuest);
    process.kill(daemon, 'SIGKILL');
    await back;
    const target = await targetSeenBy(atGuest, (candidate) => candidate.state === 'running' && candidate.pid === pid);
    // the new daemon counts from zero: what the old one reported does not count
    await armed(atGuest, breakpoint, { hits: 0 });
    assert.equal(await hit(target.id), { count: 2, url: '/' });
    assert.is.not(await host.daemonPid(), daemon);
    assert.is(run.ended, false);
  }));

test.run();
