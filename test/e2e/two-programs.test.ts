// test: limit 120 s
/** Two members, each with a clone of the project and a running copy of its program, in one sandbox. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandMissing, unless } from '../skip.ts';
import { armed, COUNTER, COUNTER_LINE, LINK, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';

/** A repository with the program in it, and a clone of it elsewhere. */
function createClones(origin: string, clone: string): void {
  mkdirSync(origin);
  writeFileSync(path.join(origin, 'counter.js'), COUNTER);
  writeFileSync(path.join(origin, 'package.json'), '{ "name": "counter", "version": "1.0.0" }\n');
  const git = (...args: string[]): void => void execFileSync('git', ['-C', origin, ...args], { stdio: 'ignore' });
  git('init');
  git('add', '.');
  git('-c', 'user.name=Test', '-c', 'user.email=test@example.invalid', 'commit', '-m', 'A counter');
  git('clone', origin, clone);
}

async function startCounter(member: Member): Promise<{ url: string; link: Promise<string> }> {
  const run = member.start('run', '-q', '--', 'node', 'counter.js');
  const link = run.line(LINK).then(([text]) => text);
  // a guest's run may have no link to give
  link.catch(() => undefined);
  const [, port] = await run.line(/^port (\d+)$/);
  return { url: `http://127.0.0.1:${port}/`, link };
}

unless(
  test,
  commandMissing('git'),
  'a guest’s run in a clone adds a target; one breakpoint reaches both copies and each pause names its own',
  () =>
    withMembers(async ({ base, member }) => {
      createClones(path.join(base, 'origin'), path.join(base, 'clone'));
      const [host, guest] = [member('h', 'origin'), member('g', 'clone')];
      const hosts = await startCounter(host);
      const joined = await guest.join(await hosts.link, host, 'alice');
      assert.is(joined.bound, true);
      const guests = await startCounter(guest);

      const [atHost, atGuest] = [await host.client(), await guest.client()];
      const { sandboxes } = await atGuest.call('sandbox.list', {});
      assert.equal(
        sandboxes.map(({ id }) => id),
        [joined.sandbox.id],
      );
      const guestsTarget = await targetSeenBy(atHost, ({ host: by }) => by === joined.sandbox.self);
      const hostsTarget = await targetSeenBy(atGuest, ({ host: by }) => by !== joined.sandbox.self);
      const { id } = await guest.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
      await armed(atHost, id, { inTargets: 2 });

      const answers = [request(`${hosts.url}hosts`), request(`${guests.url}guests`)];
      for (const { id: target } of [hostsTarget, guestsTarget]) {
        const [seenByHost, seenByGuest] = [await pauseSeenBy(atHost, target), await pauseSeenBy(atGuest, target)];
        assert.equal(seenByHost, seenByGuest);
        assert.equal([seenByHost.target, seenByHost.hitBreakpoints], [target, [id]]);
      }
      await host.ask('execution.resume', 'resume', '--target', guestsTarget.id);
      await guest.ask('execution.resume', 'resume', '--target', hostsTarget.id);
      assert.equal(await Promise.all(answers), [
        { count: 1, url: '/hosts' },
        { count: 1, url: '/guests' },
      ]);
    }),
);

test.run();
