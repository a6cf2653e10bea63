import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemberQuota } from '#node/network/replication/chains/member-quota.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openJoined } from '#node/network/replication/open-replica.ts';
import type { MemberId } from '#shared/ids.ts';
import { MemoryLogFile } from '../memory-log-file.ts';
import { admit, level, link, newSigner, until, withSandbox } from '../sandbox-fixture.ts';

const [ada, bob] = [1 as MemberId, 2 as MemberId];

test('one member’s flood delays that member alone, and not for ever', () => {
  let now = 1_000_000;
  const quota = new MemberQuota({ now: () => now, allowanceBytes: 1000, bytesPerMinute: 100 });
  quota.charge(ada, 999);
  assert.ok(quota.admits(ada));
  quota.charge(ada, 501);
  assert.not(quota.admits(ada));
  assert.ok(quota.admits(bob));
  now += 4 * 60_000;
  assert.not(quota.admits(ada));
  now += 2 * 60_000;
  assert.ok(quota.admits(ada));
});

test('a clock that jumps back takes nothing away and gives nothing', () => {
  let now = 1_000_000;
  const quota = new MemberQuota({ now: () => now, allowanceBytes: 1000, bytesPerMinute: 100 });
  quota.charge(ada, 1500);
  now -= 3_600_000;
  assert.not(quota.admits(ada));
  now += 6 * 60_000;
  assert.ok(quota.admits(ada));
});

test('a checkpoint gives everybody their whole allowance again', () => {
  const quota = new MemberQuota({ now: () => 0, allowanceBytes: 1000 });
  quota.charge(ada, 5000);
  quota.clear();
  assert.ok(quota.admits(ada));
});

test('what a member wrote beyond its share comes in later, and everybody is level in the end', () =>
  withSandbox(async ({ owner, join }) => {
    const flood = await join('editor');
    const keys = newSigner();
    await admit(owner.replica, keys.publicKey, 'editor');
    let now = 0;
    const quota = new MemberQuota({ now: () => now, allowanceBytes: 20_000, bytesPerMinute: 20_000 });
    const replica = await openJoined({
      environment: nodeEnvironment(),
      file: new MemoryLogFile(),
      deviceSigner: keys,
      entries: owner.replica.controlEntries(),
      founding: owner.replica.control.founding,
      quota,
    });
    const small = { replica, signer: keys };
    try {
      link(owner, small);
      link(flood, small);
      for (let n = 0; n < 30; n++) {
        await flood.replica.edit('draft/a.ts', (doc) => doc.getText('text').insert(0, 'x'.repeat(2000)));
      }
      await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('honest', 1));
      await until(() => replica.document('debug').getMap('breakpoints').has('honest'), 'others are not held up');
      const held = (): number => replica.document('draft/a.ts').getText('text').length;
      assert.ok(held() > 0 && held() <= 22_000, `${held()} characters`);
      const forward = setInterval(() => {
        now += 60_000;
      }, 20);
      await until(() => level([owner, flood, small]), 'level in the end', 30_000);
      clearInterval(forward);
      assert.is(held(), 60_000);
    } finally {
      await replica.stop();
    }
  }));

test.run();
