/** Two ends of a link become level, or do not in time; a removed member is told so and no more. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opening, type OpeningMessage } from '#node/network/replication/peers/opening.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { parseHex } from '#shared/bytes.ts';
import type { MemberId } from '#shared/ids.ts';
import { FakeTimers } from '#test/node/fake-timers.ts';
import { grant, keyOf, openWorkshop } from '#test/protocol/control-workshop.ts';

const keyBytes = (name: string): Uint8Array => parseHex(keyOf(name)) as Uint8Array;

/** One end: what it has said and what became of it, in order. */
class End {
  readonly timers = new FakeTimers();
  readonly said: OpeningMessage[] = [];
  readonly became: string[] = [];
  readonly opening: Opening;

  constructor(controlLog: ControlLog, peer: string) {
    this.opening = new Opening({
      host: {
        sandbox: controlLog.sandbox,
        controlLog,
        environment: this.timers,
        keepsControl: () => true,
        async receiveControl(entries) {
          for (const entry of entries) await controlLog.append(entry);
        },
      },
      peerKey: keyBytes(peer),
      send: (message) => void this.said.push(message),
      onLevel: () => this.became.push('level'),
      onDismissed: () => this.became.push('dismissed'),
      close: (reason) => {
        this.became.push(reason);
        this.opening.stop();
      },
    });
  }

  /** What it has said since it was asked last. */
  get types(): string[] {
    return this.said.splice(0).map(({ type }) => type);
  }
}

/** Hands each what the other said until both are silent. */
async function talk(a: End, b: End): Promise<void> {
  while (a.said.length + b.said.length > 0) {
    for (const message of a.said.splice(0)) await b.opening.receive(message);
    for (const message of b.said.splice(0)) await a.opening.receive(message);
  }
}

const REVOKED = { type: 'revoke' as const, member: 2 as MemberId, frontier: [] };

test('who lacks the entry that admitted the other gets it, and both become level once', async () => {
  const workshop = await openWorkshop();
  const early = await workshop.replay(workshop.signed);
  await workshop.add(grant(2, 'bob'));
  const ada = new End(workshop.log, 'bob');
  const bob = new End(await workshop.replay(workshop.signed), 'ada');
  const late = new End(early, 'bob');
  ada.opening.start();
  bob.opening.start();
  await talk(ada, bob);
  assert.equal([ada.became, bob.became], [['level'], ['level']]);
  assert.equal([ada.opening.member, bob.opening.member], [2, 1]);
  const answering = new End(await workshop.replay(workshop.signed), 'ada');
  late.opening.start();
  assert.equal(
    late.said.map(({ type }) => type),
    ['needControl'],
    'a key it does not know is told nothing else',
  );
  answering.opening.start();
  await talk(late, answering);
  assert.equal([late.became, answering.became], [['level'], ['level']]);
  ada.timers.pass(60_000);
  assert.equal(ada.became, ['level'], 'the limit of the opening is over with it');
});

test('a link that does not become level in time is closed', async () => {
  const { log } = await openWorkshop();
  const end = new End(log, 'stranger');
  end.opening.start();
  end.timers.pass(9999);
  assert.equal(end.became, []);
  end.timers.pass(1);
  assert.equal(end.became, ['it did not become a level member in time']);
  assert.is(end.timers.pending, 0);
});

test('what comes of a greeted peer before the logs are level is early; of one that did not greet it is not', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  const ahead = await workshop.replay(workshop.signed);
  await ahead.append(await workshop.sign(grant(3, 'cleo')));
  const end = new End(workshop.log, 'bob');
  end.opening.start();
  const heads = { type: 'heads' as const, full: true, heads: [] };
  assert.not(end.opening.isEarly(heads));
  await end.opening.receive({ type: 'hello', sandbox: workshop.log.sandbox, logs: ahead.tips() });
  assert.equal(end.became, [], 'something the peer named is missing here');
  assert.ok(end.opening.isEarly(heads));
  assert.not(end.opening.isEarly({ type: 'control', entries: [] }));
});

test('a member that is removed gets its removal and nothing after it, and the link closes in a moment', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  const ada = new End(workshop.log, 'bob');
  const bobsLog = await workshop.replay(workshop.signed);
  const bob = new End(bobsLog, 'ada');
  ada.opening.start();
  bob.opening.start();
  await talk(ada, bob);
  await workshop.add(REVOKED);
  await workshop.add(grant(3, 'cleo'));
  ada.opening.controlChanged();
  assert.equal(ada.became, ['level', 'dismissed']);
  assert.not(ada.opening.isLevel);
  ada.opening.controlChanged();
  assert.equal(ada.types, ['control'], 'told once');
  ada.timers.pass(200);
  assert.equal(ada.became, ['level', 'dismissed', 'its member was removed']);
  const again = new End(workshop.log, 'bob');
  again.opening.start();
  assert.equal(again.types, [], 'it is not greeted');
  await again.opening.receive({ type: 'hello', sandbox: workshop.log.sandbox, logs: bobsLog.tips() });
  const [told] = again.said;
  assert.equal(told?.type === 'control' && told.entries, workshop.signed.slice(2, 3));
});

test('a greeting for another sandbox is refused', async () => {
  const { log } = await openWorkshop();
  const end = new End(log, 'stranger');
  assert.throws(
    () => end.opening.receive({ type: 'hello', sandbox: 'ff'.repeat(20) as never, logs: [] }),
    (error: { code?: string }) => error.code === 'SANDBOX_UNKNOWN',
  );
});

test('a closed link says nothing more', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  const end = new End(workshop.log, 'bob');
  end.opening.stop();
  end.opening.start();
  end.opening.controlChanged();
  end.timers.pass(60_000);
  assert.equal([end.types, end.became], [[], []]);
});

test.run();
