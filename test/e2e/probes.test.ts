// test: full
// test: limit 180 s
/**
 * Logpoints and tracepoints of a guest in a host's web server under load: both get what they record, the program's code
 * is what it was once they go, and whoever loses the right loses them at once.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hit } from '#shared/model/hit.ts';
import { armed } from './mesh/debugging.ts';
import { eventually } from './mesh/members.ts';
import { follow, LOG_LINE, withProbedShop } from './mesh/probed-shop.ts';

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

test.run();
