/** A removed member's late edits, brought by an honest one who had built upon them: nothing of them takes effect. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import { contentOf, type Fixture, level, link, type Node, newSigner, until, withSandbox } from './sandbox-fixture.ts';

interface Scene extends Fixture {
  readonly honest: Node;
  readonly mallory: Node;
}

/** Owner, an honest editor and one to be removed, all level once; then the owner is away from the other two. */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withSandbox(async (fixture) => {
    const honest = await fixture.join('editor');
    const mallory = await fixture.join('editor');
    const nodes = [fixture.owner, honest, mallory];
    const first = [link(fixture.owner, honest), link(fixture.owner, mallory)];
    await until(() => nodes.every((node) => node.replica.control.members.size === 3), 'all know all');
    await fixture.owner.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, 'BASE'));
    await until(() => level(nodes), 'level');
    for (const pair of first) pair.cut();
    link(honest, mallory);
    await body({ ...fixture, honest, mallory });
  });
}

const text = (node: Node): string => node.replica.document('draft/a').getText('text').toString();

function insert(node: Node, at: number, what: string): Promise<void> {
  return node.replica.edit('draft/a', (doc) => doc.getText('text').insert(at, what));
}

function set(node: Node, key: string, value: unknown): Promise<void> {
  return node.replica.edit('debug', (doc) => doc.getMap('breakpoints').set(key, value));
}

const records = (node: Node): Record<string, unknown> => node.replica.document('debug').getMap('breakpoints').toJSON();

test('late text of a removed member disappears everywhere, honest text beside it stays', () =>
  withScene(async ({ owner, honest, mallory }) => {
    await insert(mallory, 2, 'EVIL');
    await until(() => level([honest, mallory]), 'honest has it');
    await insert(honest, 4, 'good');
    await mallory.replica.edit('draft/a', (doc) => doc.getText('text').delete(0, 1));
    await until(() => level([honest, mallory]), 'honest has that too');
    assert.is(text(honest), 'AEVgoodILSE');
    await owner.replica.authority?.revoke(mallory.replica.self);
    const reset = honest.replica.events.next('reset');
    link(owner, honest);
    assert.equal(await reset, { document: 'draft/a' });
    await until(() => text(owner) === text(honest) && text(owner).includes('good'), 'owner and honest agree');
    assert.is(text(owner), 'BAgoodSE');
    await insert(honest, 0, 'on ');
    await until(() => text(owner) === 'on BAgoodSE', 'work goes on');
  }));

test('late map writes are dropped, what they overwrote is back, honest records over them are written again', () =>
  withScene(async ({ owner, honest, mallory }) => {
    await set(honest, 'a', 'honest a');
    await set(honest, 'b', 'honest b');
    await until(() => level([honest, mallory]), 'level');
    await set(mallory, 'a', 'evil a');
    await set(mallory, 'b', 'evil b');
    await mallory.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('c', 'evil c'));
    await until(() => records(honest)['c'] === 'evil c', 'honest has it');
    await set(honest, 'b', 'honest b again');
    await owner.replica.authority?.revoke(mallory.replica.self);
    link(owner, honest);
    const expected = { a: 'honest a', b: 'honest b again' };
    await until(() => JSON.stringify(records(owner)) === JSON.stringify(expected), 'the owner has the honest records');
    assert.equal(records(honest), expected);
  }));

test('a demoted member keeps what it wrote before and what its new role permits', () =>
  withScene(async ({ owner, honest, mallory }) => {
    await insert(mallory, 0, 'LATE');
    await mallory.replica.writeRegister('notes', 'chat/1', 'late but allowed');
    await until(() => level([honest, mallory]), 'honest has it');
    await owner.replica.authority?.setRole(mallory.replica.self, 'commenter');
    link(owner, honest);
    const notes = (): unknown => owner.replica.registers('notes', mallory.replica.self).get('chat/1');
    await until(() => notes() === 'late but allowed' && text(honest) === 'BASE', 'judged');
    assert.is(text(owner), 'BASE');
    await mallory.replica.writeRegister('notes', 'chat/2', 'still here');
    await until(() => owner.replica.registers('notes', mallory.replica.self).size === 2, 'and goes on writing');
  }));

test('whatever was cut, whoever heard of it when, contents agree and hold no late text', () =>
  withScene(async ({ owner, honest, mallory }) => {
    const random = randomFrom(seedOf('removal'));
    const documents: DocumentName[] = ['draft/a', 'debug'];
    for (let i = 0; i < 120; i++) {
      const node = random() < 0.5 ? honest : mallory;
      const mark = node === mallory ? '#' : '.';
      const length = text(node).length;
      const at = Math.floor(random() * (length + 1));
      if (random() < 0.6) await insert(node, at, mark.repeat(1 + Math.floor(random() * 4)));
      else if (random() < 0.7) await set(node, `k${Math.floor(random() * 3)}`, `${mark}${i}`);
      else if (length > 3) {
        await node.replica.edit('draft/a', (doc) => doc.getText('text').delete(Math.floor(random() * (length - 2)), 2));
      }
      if (random() < 0.3) await until(() => level([honest, mallory]), 'level on the way');
    }
    await until(() => level([honest, mallory]), 'level');
    await insert(honest, 0, '.');
    await owner.replica.authority?.revoke(mallory.replica.self);
    link(owner, honest);
    const agree = (): boolean => documents.every((name) => contentOf(owner, name) === contentOf(honest, name));
    await until(
      () => owner.replica.control.seq === honest.replica.control.seq && text(owner).includes('.') && agree(),
      'agree',
    );
    for (const name of documents) assert.not.ok(contentOf(owner, name).includes('#'), contentOf(owner, name));
  }));

test('a removal counts though the link ended while what came before it was being checked', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    const held: (() => void)[] = [];
    let holds = false;
    const wire = { push: (deliver: () => void) => void (holds ? held.push(deliver) : setImmediate(deliver)) };
    const { authority } = owner.replica;
    const { publicKey } = newSigner();
    await authority?.createInvite({
      publicKey,
      role: 'viewer',
      uses: 1,
      expiresAt: Date.now() + 60_000,
      approval: false,
    });
    const pair = link(owner, guest, { wire });
    await until(() => level([owner, guest]) && guest.replica.control.seq === owner.replica.control.seq, 'level');
    holds = true;
    await authority?.revokeInvite(Buffer.from(publicKey).toString('hex'));
    await authority?.revoke(guest.replica.self);
    for (const deliver of held) deliver();
    pair.cut();
    await until(() => guest.replica.control.members.get(guest.replica.self)?.removed === true, 'the guest knows');
  }));

test.run();
