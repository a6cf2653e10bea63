// test: full
// test: limit 180 s
/**
 * Logpoints and tracepoints of a guest in a host's web server under load: both get what they record, the program's code
 * is what it was once they go, and whoever loses the right loses them at once.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { Hit } from '#shared/model/hit.ts';
import { armed, targetSeenBy } from './mesh/debugging.ts';
import { eventually, withMembers } from './mesh/members.ts';
import { follow, LOG_LINE, withProbedShop } from './mesh/probed-shop.ts';

/** Where a breakpoint is armed, and what there is to say of it. */
async function placeOf(client: SandmeshClient, id: string): Promise<unknown> {
  await armed(client, id);
  const { breakpoints } = await client.call('breakpoint.list', {});
  const { line, column } = breakpoints.find((each) => each.id === id)?.statuses[0] ?? {};
  return { line, column };
}

test("a guest's probes record under load, leave no trace, and end with its right", () =>
  withProbedShop(async ({ host, guest, atHost, atGuest, get, untilInjected, untilRestored }) => {
    const seen = [follow(atHost), follow(atGuest)];
    const log = await atGuest.call('breakpoint.add', { location: `shop.js:${LOG_LINE}`, log: '{user.id} of {times}' });
    await host.approveNext('consent');
    const trace = await atGuest.call('breakpoint.add', { function: 'visit', capture: ['user.id * 2'] });
    await armed(atGuest, log.id);
    await armed(atGuest, trace.id);
    for (const times of [1, 10, 100]) {
      await eventually(`hits of requests with ${times} calls`, async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(times)));
        assert.equal(new Set(answers), new Set([String(7 + times)]));
        const has = (hits: Hit[]): boolean =>
          hits.some(({ breakpoint, text }) => breakpoint === log.id && text === `7 of ${times}`) &&
          hits.some(({ breakpoint, returned }) => breakpoint === trace.id && returned === String(7 + times));
        return seen.every(has) ? true : undefined;
      });
    }
    const traced = seen[1]?.find(({ breakpoint }) => breakpoint === trace.id);
    assert.equal(
      traced?.values.map(({ name }) => name),
      ['user', 'times', 'user.id * 2'],
    );
    assert.is(traced?.by, 2);
    await untilInjected(2);

    await host.ask('member.role', 'role', 'alice', 'viewer');
    await untilRestored();
    const until = seen[0]?.length ?? 0;
    await get(100);
    await eventually('a refusal', async () => {
      const { breakpoints } = await atHost.call('breakpoint.list', {});
      return breakpoints.every(({ statuses }) => statuses.every(({ state }) => state === 'refused')) ? true : undefined;
    });
    assert.is(seen[0]?.length, until);
    assert.is(await guest.refusal('break', 'add', `shop.js:${LOG_LINE}`, '--log', 'x'), 'FORBIDDEN');
    assert.is(await guest.refusal('break', 'add', '--function', 'visit', '--trace'), 'FORBIDDEN');
  }));

test('code that a killed daemon left goes, and its probes are armed anew where they were', () =>
  withProbedShop(async ({ host, atHost, get, untilInjected, untilRestored }) => {
    const log = await atHost.call('breakpoint.add', { location: `shop.js:${LOG_LINE}`, log: '{user.id} of {times}' });
    const trace = await atHost.call('breakpoint.add', { function: 'visit', kind: 'trace' });
    const places = await Promise.all([log, trace].map(({ id }) => placeOf(atHost, id)));
    await untilInjected(2);
    process.kill(await host.daemonPid(), 'SIGKILL');
    await host.settled();

    const after = await host.client();
    await targetSeenBy(after, ({ state }) => state === 'running');
    const again = await Promise.all([log, trace].map(({ id }) => placeOf(after, id)));
    assert.equal(again, places);
    const seen = follow(after);
    await eventually('hits of both', async () => {
      assert.is(await get(10), '17');
      const found = new Set(seen.map(({ breakpoint, text }) => `${breakpoint} ${text.replace(/ in .*/, '')}`));
      return found.has(`${log.id} 7 of 10`) && found.has(`${trace.id} visit(user: {id: 7}, times: 10) → 17`)
        ? true
        : undefined;
    });
    await untilInjected(2);
    for (const { id } of [log, trace]) await after.call('breakpoint.remove', { breakpoint: id });
    await untilRestored();
    // Nothing of a former text is taken for the script.
    const stop = await after.call('breakpoint.add', { location: `shop.js:${LOG_LINE}` });
    assert.equal(await placeOf(after, stop.id), places[0]);
  }));

test('a program that is over at once has told what its logpoints saw', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    writeFileSync(
      path.join(host.folder, 'short.js'),
      'function job(x) {\n  return x;\n}\njob(1);\nsetTimeout(() => job(2), 1);\n',
    );
    await host.ask('sandbox.open', 'open');
    await host.ask('breakpoint.add', 'break', 'add', 'short.js:2', '--log', 'job {x}');
    const seen = follow(await host.client());
    const run = host.start('run', '-q', '--', 'node', 'short.js');
    assert.is(await run.exited(), 0);
    for (const text of ['job 1', 'job 2']) {
      await eventually(text, () => seen.find((hit) => hit.text === text));
    }
  }));

test.run();
