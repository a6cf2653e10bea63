/** Which target a process is: one that is back, one that a watcher started again, one of a former run, or a new one. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { registerKeys } from '#node/engine/debug/published/host-registers.ts';
import type { HostedTarget } from '#node/engine/debug/targets/hosted-target.ts';
import { HostedTargets } from '#node/engine/debug/targets/hosted-targets.ts';
import type { AttachedProcess } from '#node/targets/attached-process.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { failure } from '../../../failure.ts';
import { FakeTimers } from '../../../fake-timers.ts';
import { FakeMesh } from '../fake-mesh.ts';

const STARTED = 1_000_000;

function processOf(facts: Partial<AttachedProcess>): AttachedProcess {
  const base = { mode: 'harness', pid: 10, argv: ['node', 'shop.js'], entry: '/srv/shop.js', startedAt: STARTED };
  return { ...base, runtime: 'node', held: false, thread: undefined, launch: 'l1', ...facts } as AttachedProcess;
}

class Host {
  readonly mesh = new FakeMesh('owner');
  readonly opened: Target[] = [];
  readonly targets = new HostedTargets({
    replica: this.mesh.replica(1),
    project: undefined,
    names: undefined,
    timers: new FakeTimers(),
    open: (view) => {
      this.opened.push(view);
      return { view, former: undefined, isLive: true } as HostedTarget;
    },
  });

  /** A process comes; its target remembers it, as attaching does. */
  comes(process: AttachedProcess): { id: TargetId; restarted: boolean } {
    const { hosted, restarted } = this.targets.slotFor(process);
    const { pid, thread, launch, entry, argv, startedAt } = process;
    Object.assign(hosted, { isLive: true, former: { pid, thread, launch, entry, argv, startedAt } });
    return { id: hosted.view.id, restarted };
  }

  ends(id: TargetId): void {
    Object.assign(this.targets.mustGet(id), { isLive: false });
  }
}

test('a process whose session was lost gets its target back, and one that a watcher started again its program’s', () => {
  const host = new Host();
  const first = host.comes(processOf({}));
  host.ends(first.id);
  assert.equal(host.comes(processOf({})), { id: first.id, restarted: false });
  host.ends(first.id);
  assert.equal(host.comes(processOf({ pid: 11, startedAt: STARTED + 5000 })), { id: first.id, restarted: true });
  assert.is(host.opened.length, 1);
});

test('while a target has a process no other gets it; each new one has a name of its own', () => {
  const host = new Host();
  const first = host.comes(processOf({}));
  const second = host.comes(processOf({ pid: 11 }));
  assert.is.not(second.id, first.id);
  assert.equal(
    host.targets.all().map(({ view }) => view.name),
    ['shop', 'shop-2'],
  );
  assert.equal(
    host.targets.ofLaunch('l1').map(({ view }) => view.id),
    [first.id, second.id],
  );
  assert.equal(host.targets.ofLaunch('l2'), []);
});

test('a process that a former run of this daemon was attached to keeps its id; another program takes none', () => {
  const host = new Host();
  const known = host.comes(processOf({ pid: 99, argv: ['node', 'other.js'] }));
  const before = {
    ...host.targets.mustGet(known.id).view,
    id: '1.0badcafe' as TargetId,
    pid: 10,
    argv: ['node', 'shop.js'],
  };
  const { self } = host.mesh.replica(1);
  const registers = host.mesh.registersOf('host', self as MemberId);
  registers.set(registerKeys.target(before.id), { ...before, startedAt: STARTED });
  assert.is.not(host.comes(processOf({ pid: 12 })).id, before.id);
  assert.equal(host.comes(processOf({})), { id: before.id, restarted: false });
  assert.is.not(host.comes(processOf({})).id, before.id, 'an id is one target’s');
});

test('a target that is not here is refused', async () => {
  const { targets } = new Host();
  assert.is((await failure(async () => targets.mustGet('1.00000000' as TargetId))).code, 'TARGET_UNKNOWN');
});

test.run();
