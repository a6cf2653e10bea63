import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemberId } from '#shared/ids.ts';
import { delegate, grant, keyOf, openWorkshop } from './control-workshop.ts';

const member = (id: number): MemberId => id as MemberId;
const BLOB = 'ab'.repeat(32);

/** An envelope of member 3's chain 7 in a draft, written when it was an editor. */
const envelope = (seq: number, control: readonly number[]) => ({
  member: member(3),
  incarnation: 7,
  seq,
  control,
  document: 'draft/a.ts',
});

test('what the owner put into a checkpoint no later removal takes away; what lies beyond it is cut as ever', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(3, 'cleo'));
  const written = workshop.log.state.position;
  await workshop.add({ type: 'checkpoint', blob: BLOB, heads: [[member(3), 7, 10]], delegates: [] });
  await workshop.add({ type: 'revoke', member: member(3), frontier: [[member(3), 7, 4]] });
  const { state } = workshop.log;
  assert.ok(state.counts(envelope(4, written)));
  assert.ok(state.counts(envelope(10, written)), 'included');
  assert.not(state.counts(envelope(11, written)), 'beyond the heads');
  assert.not(state.counts({ ...envelope(1, written), incarnation: 8 }), 'a chain it does not list');
});

test('what a removal had taken away before a checkpoint stays away in it', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(3, 'cleo'));
  const written = workshop.log.state.position;
  await workshop.add({ type: 'revoke', member: member(3), frontier: [[member(3), 7, 4]] });
  await workshop.add({ type: 'checkpoint', blob: BLOB, heads: [[member(3), 7, 10]], delegates: [] });
  const { state } = workshop.log;
  assert.ok(state.counts(envelope(4, written)));
  assert.not(state.counts(envelope(5, written)));
  // And after another one, whose heads go farther.
  await workshop.add({ type: 'checkpoint', blob: BLOB, heads: [[member(3), 7, 20]], delegates: [] });
  assert.not(workshop.log.state.counts(envelope(5, written)));
  assert.not(workshop.log.state.counts(envelope(15, written)));
});

test('a delegate’s word that the checkpoint did not know of comes too late for what it includes, in any order', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(delegate(2));
  const cleo = 1001;
  await workshop.add(grant(cleo, 'cleo'), { log: 2 });
  const written = workshop.log.state.position;
  const by = (seq: number) => ({ ...envelope(seq, written), member: member(cleo) });
  const owner = await workshop.sign({
    type: 'checkpoint',
    blob: BLOB,
    heads: [[member(cleo), 7, 10]],
    delegates: [[member(2), 1]],
  });
  const removal = await workshop.sign(
    { type: 'revoke', member: member(cleo), frontier: [[member(cleo), 7, 4]] },
    { log: 2 },
  );
  for (const order of [
    [owner, removal],
    [removal, owner],
  ]) {
    const { state } = await workshop.replay([...workshop.signed, ...order]);
    assert.ok(state.counts(by(10)), 'included');
    assert.not(state.counts(by(11)), 'beyond');
  }
});

test('a checkpoint of a delegate is remembered and shields nothing', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(grant(3, 'cleo'));
  await workshop.add(delegate(2));
  const written = workshop.log.state.position;
  await workshop.add({ type: 'checkpoint', blob: BLOB, heads: [[member(3), 7, 10]], delegates: [] }, { log: 2 });
  await workshop.add({ type: 'revoke', member: member(3), frontier: [[member(3), 7, 4]] });
  assert.is(workshop.log.state.checkpoints.length, 1);
  assert.not(workshop.log.state.counts(envelope(10, written)));
});

test('a member that signs a checkpoint itself is not believed', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(3, 'cleo'));
  const forged = await workshop.sign({ type: 'checkpoint', blob: BLOB, heads: [], delegates: [] }, { by: 'cleo' });
  assert.is(keyOf('cleo').length, 64);
  await workshop.log.append(forged).then(
    () => assert.unreachable('it was taken'),
    (error: { code: string }) => assert.is(error.code, 'BAD_CONTROL_ENTRY'),
  );
});

test.run();
