// test: full
// test: limit 240 s
/**
 * Members with a modified client against real daemons. The intruders run in this process: the real replication and
 * network, over libp2p, but with every check of their own rights taken out, so that they sign and pass on whatever
 * they like. The host and an honest guest are daemons as users have them.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeCrypto } from '#node/security/crypto.ts';
import { ControlState } from '#protocol/control-state.ts';
import { parseLink } from '#protocol/link.ts';
import type { MemberId } from '#shared/ids.ts';
import { until } from '#test/until.ts';
import { Intruder } from './mesh/intruder.ts';
import { eventually, type Meeting, type Member, withMembers } from './mesh/members.ts';

// From here on everybody in this process takes everybody for an editor, removed or not.
ControlState.prototype.roleNow = () => 'editor';
ControlState.prototype.roleAt = () => 'editor';

const crypto = new NodeCrypto();

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  intruder(name: string, role: string): Promise<Intruder>;
}

async function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  await withMembers(async ({ base, member }: Meeting) => {
    const [host, guest] = [member('host', 'work'), member('guest', 'work')];
    const { link } = await host.ask('sandbox.open', 'open');
    await guest.join(link as string, host, 'guest');
    const intruders: Intruder[] = [];
    try {
      await body({
        host,
        guest,
        intruder: async (name, role) => {
          const made = await host.ask('invite.create', 'invite', '--role', role, '--approve', 'no');
          const created = new Intruder(name, base);
          intruders.push(created);
          await created.join(parseLink(made.link as string, crypto));
          return created;
        },
      });
    } finally {
      await Promise.all(intruders.map((each) => each.end()));
    }
  });
}

async function breakpointsAt(member: Member): Promise<string[]> {
  return (await member.see('breakpoint.list')).breakpoints.map(({ id }) => id);
}

/** Both daemons have what `marker` says, so whatever was sent before it to either had its chance. */
async function settled(host: Member, guest: Member): Promise<void> {
  const { id } = await host.ask('breakpoint.add', 'break', 'add', 'marker.js:1');
  await eventually('the marker at the guest', async () =>
    (await breakpointsAt(guest)).includes(id) ? true : undefined,
  );
}

async function assertClean(scene: Scene, forged: readonly string[]): Promise<void> {
  await settled(scene.host, scene.guest);
  for (const member of [scene.host, scene.guest]) {
    const ids = await breakpointsAt(member);
    for (const id of forged) assert.not.ok(ids.includes(id), `${id} at ${member.home}`);
  }
}

const online = (intruder: Intruder, id: number) =>
  until(
    () => intruder.network.connected(intruder.replica.sandbox).includes(id as MemberId),
    `${intruder.name} meets ${id}`,
  );

test('what a viewer writes counts nowhere: sent directly, sent late, or passed on by an accomplice', () =>
  withScene(async (scene) => {
    const viewer = await scene.intruder('viewer', 'viewer');
    await online(viewer, 1);
    await viewer.breakpoint('3.direct');
    await viewer.goOffline();
    await viewer.breakpoint('3.late');
    const accomplice = await scene.intruder('accomplice', 'debugger');
    await online(accomplice, 1);
    await accomplice.breakpoint('4.honest');
    await eventually('what the accomplice may write', async () =>
      (await breakpointsAt(scene.guest)).includes('4.honest') ? true : undefined,
    );
    await accomplice.goOffline();
    // The viewer has never heard of the accomplice: it waits to be dialled.
    await viewer.connect([]);
    await accomplice.connect([viewer], { host: true });
    await online(accomplice, 1);
    const forwarded = () => accomplice.replica.document('debug').getMap('breakpoints').has('3.late');
    await until(forwarded, 'the accomplice has what the viewer wrote');
    await assertClean(scene, ['3.direct', '3.late']);
    assert.ok((await breakpointsAt(scene.host)).includes('4.honest'));
  }));

test('a demoted member that had not heard of it adds nothing, and what it wrote before stays', () =>
  withScene(async (scene) => {
    const member = await scene.intruder('carol', 'debugger');
    await online(member, 1);
    await member.breakpoint('3.before');
    await eventually('it at the host', async () =>
      (await breakpointsAt(scene.host)).includes('3.before') ? true : undefined,
    );
    await member.goOffline();
    await scene.host.ask('member.role', 'role', 'carol', 'viewer');
    await member.breakpoint('3.after');
    await member.connect();
    await online(member, 1);
    await assertClean(scene, ['3.after']);
    assert.ok((await breakpointsAt(scene.guest)).includes('3.before'));
  }));

test('a removed member gets nothing in, neither itself nor through an accomplice who missed the removal', () =>
  withScene(async (scene) => {
    const removed = await scene.intruder('mallory', 'debugger');
    const accomplice = await scene.intruder('friend', 'debugger');
    await online(removed, 1);
    await online(accomplice, 1);
    await removed.breakpoint('3.before');
    await eventually('it at the host', async () =>
      (await breakpointsAt(scene.host)).includes('3.before') ? true : undefined,
    );
    await removed.goOffline();
    await accomplice.goOffline();
    await scene.host.ask('member.revoke', 'revoke', 'mallory');
    await removed.breakpoint('3.after');
    // No removal names what comes now: a chain that began after it.
    await removed.restart();
    await removed.breakpoint('3.anew');
    // They meet each other first: the accomplice builds on what the removed one wrote, and carries both.
    await accomplice.connect([]);
    await removed.connect([accomplice]);
    await until(() => accomplice.replica.document('debug').getMap('breakpoints').has('3.anew'), 'the two met');
    await accomplice.breakpoint('4.ontop');
    await accomplice.goOffline();
    await accomplice.connect();
    await eventually('what the accomplice wrote itself', async () =>
      (await breakpointsAt(scene.host)).includes('4.ontop') ? true : undefined,
    );
    await assertClean(scene, ['3.after', '3.anew']);
    const calls = removed.network.call(
      removed.replica.sandbox,
      1 as MemberId,
      'member.list',
      {},
      {
        signal: AbortSignal.timeout(5_000),
        timeoutMs: 3_000,
      },
    );
    await calls.then(
      () => assert.unreachable('a removed member was answered'),
      () => undefined,
    );
  }));

test.run();
