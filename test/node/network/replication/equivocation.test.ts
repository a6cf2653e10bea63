/**
 * A member who signs two envelopes for one slot, by a home that was rolled back while its daemon ran on, or on purpose:
 * the chain ends at the fork on every replica, and what honest members wrote upon either line stays.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { contentOf, type Fixture, link, type Node, until, withSandbox } from './sandbox-fixture.ts';
import { agree, clone, incarnationOf, reopen } from './twins.ts';

const DRAFT: DocumentName = 'draft/a';

interface Scene extends Fixture {
  /** Has seen the first line only. */
  readonly left: Node;
  /** Has seen the second line only. */
  readonly right: Node;
  /** Two that write as one chain. */
  readonly mallory: Node;
  readonly twin: Node;
  readonly all: readonly Node[];
  /** Takes the twins away from those who have met them. */
  part(): void;
}

const text = (node: Node): string => node.replica.document(DRAFT).getText('text').toString();
const records = (node: Node): Record<string, unknown> => node.replica.document('debug').getMap('m').toJSON();

function insert(node: Node, at: number, what: string): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(at, what));
}

function remove(node: Node, at: number, length: number): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').delete(at, length));
}

function set(node: Node, key: string, value: unknown): Promise<void> {
  return node.replica.edit('debug', (doc) => doc.getMap('m').set(key, value));
}

/** `BASE!` and a record, known to all; then each of two honest members meets one of the twins. */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withSandbox(async (fixture) => {
    const { owner, join, nodes } = fixture;
    const left = await join('editor');
    const right = await join('editor');
    const mallory = await join('editor');
    const base = [link(owner, left), link(owner, right), link(owner, mallory)];
    await insert(owner, 0, 'BASE');
    await set(owner, 'a', 'owner');
    await insert(mallory, 4, '!');
    await until(() => agree(nodes), 'level');
    for (const pair of base) pair.cut();
    const twin = await clone(mallory, nodes);
    const met = [link(left, mallory), link(right, twin)];
    const part = (): void => {
      for (const pair of met) pair.cut();
    };
    await body({ ...fixture, left, right, mallory, twin, part, all: [owner, left, right, mallory, twin] });
  });
}

test('both lines of a forked chain are neutralised, honest text upon either stays where it was', () =>
  withScene(async ({ owner, left, right, mallory, twin, all }) => {
    await insert(mallory, 2, 'evil');
    await insert(twin, 2, 'EVIL');
    await until(() => text(left) === 'BAevilSE!' && text(right) === 'BAEVILSE!', 'each has seen one line');
    await insert(left, 4, 'honest ');
    await insert(left, 0, 'start ');
    await remove(left, 8, 1);
    await insert(right, 6, 'HONEST ');
    await insert(right, text(right).length, ' END');
    const reset = left.replica.events.next('reset');
    link(owner, left);
    link(owner, right);
    assert.equal(await reset, { document: DRAFT });
    await until(() => agree(all), 'all have all lines');
    for (const node of all) assert.is(contentOf(node, DRAFT), contentOf(owner, DRAFT));
    assert.match(text(owner), /^start BA(honest HONEST |HONEST honest )SE! END$/);
    await insert(left, 6, 'on ');
    await insert(mallory, 0, 'back ');
    await until(
      () => agree(all) && text(twin).startsWith('back start on BA'),
      'all go on, the twins in chains of their own',
    );
    assert.is.not(incarnationOf(mallory), incarnationOf(twin));
  }));

test('deletes and records of either line have no effect; honest records over them are written again', () =>
  withScene(async ({ owner, left, right, mallory, twin, part, all }) => {
    await remove(mallory, 0, 2);
    await set(mallory, 'a', 'evil');
    await set(mallory, 'b', 'evil');
    await set(twin, 'a', 'EVIL');
    await twin.replica.writeRegister('notes', 'chat/1', 'EVIL');
    const chat = (node: Node): unknown => node.replica.registers('notes', mallory.replica.self).get('chat/1');
    await until(() => records(left)['b'] === 'evil' && chat(right) === 'EVIL', 'each has seen one line');
    part();
    await set(left, 'b', 'honest');
    await set(right, 'c', 'honest');
    await insert(right, 0, '> ');
    link(owner, left);
    link(owner, right);
    const honest = [owner, left, right];
    const sorted = (node: Node): string => JSON.stringify(Object.fromEntries(Object.entries(records(node)).sort()));
    const expected = JSON.stringify({ a: 'owner', b: 'honest', c: 'honest' });
    await until(() => agree(honest) && honest.every((node) => sorted(node) === expected), 'the honest records stand');
    for (const node of honest) {
      assert.is(text(node), '> BASE!');
      assert.is(chat(node), undefined);
    }
    // Who was only copied, and is honest, writes its own records again too, in a chain of its own.
    link(owner, mallory);
    link(owner, twin);
    await until(() => agree(all) && /evil/i.test(String(records(owner)['a'])), 'the copied member is back');
    for (const node of all) assert.is(sorted(node), sorted(owner));
  }));

test('a replica that holds several lines opens its log with all of them', () =>
  withScene(async ({ owner, left, right, mallory, twin, all, nodes }) => {
    await insert(mallory, 2, 'evil');
    await insert(twin, 2, 'EVIL');
    await until(() => text(left).includes('evil') && text(right).includes('EVIL'), 'each has seen one line');
    await insert(left, 4, 'honest ');
    await insert(right, 4, 'HONEST ');
    link(owner, left);
    link(owner, right);
    await until(() => agree(all), 'all have all lines');
    await insert(owner, 2, 'after ');
    await until(() => agree(all), 'level');
    for (const node of [owner, left, mallory]) {
      await node.replica.flush();
      const reopened = await reopen(node, 12345);
      nodes.push(reopened);
      assert.ok(agree([reopened, node]));
      assert.is(contentOf(reopened, DRAFT), contentOf(node, DRAFT));
      node.replica.rebuild();
      assert.ok(agree([reopened, node]));
      assert.is(contentOf(node, DRAFT), contentOf(reopened, DRAFT));
    }
    await insert(mallory, 0, 'on ');
    await until(() => agree(all) && text(right).startsWith('on '), 'work goes on after it was rebuilt');
  }));

test('a copy that merely lags goes on in a chain of its own, and nothing is lost', () =>
  withScene(async ({ owner, left, mallory, twin, all }) => {
    await insert(mallory, 0, 'ahead ');
    await until(() => text(left).startsWith('ahead'), 'one honest member has it');
    link(left, twin);
    await until(() => text(twin) === 'ahead BASE!', 'the copy hears of what the other wrote in its name');
    await insert(twin, 0, 'mine ');
    link(owner, left);
    await until(() => agree(all.filter((node) => node !== mallory)), 'level');
    await until(() => agree(all), 'level');
    assert.is(text(owner), 'mine ahead BASE!');
    assert.is.not(incarnationOf(twin), incarnationOf(mallory));
  }));

test('lines in ever lower slots renew a document once, then after a while: whoever forks cannot keep others busy', () =>
  withSandbox(async ({ owner, join, nodes }) => {
    const mallory = await join('editor');
    const joined = link(owner, mallory);
    await insert(owner, 0, 'BASE');
    await until(() => text(mallory) === 'BASE', 'level');
    joined.cut();
    const twins: Node[] = [];
    for (let slot = 1; slot <= 8; slot++) {
      twins.push(await clone(mallory, nodes));
      await insert(mallory, 0, `${slot} `);
    }
    for (const [slot, twin] of twins.entries()) await insert(twin, 0, `other ${slot} `);
    await set(owner, 'a', 'owner');
    const again = link(owner, mallory);
    await until(() => text(owner).startsWith('8 7 '), 'the owner has the first line');
    again.cut();
    let resets = 0;
    owner.replica.events.on('reset', ({ document }) => {
      if (document === DRAFT) resets++;
    });
    const heads = twins.map((twin) => {
      const line = twin.replica.chains.get(mallory.replica.self, incarnationOf(mallory));
      return twin.replica.envelopeBytes(line?.positionAt(line.seq) as number) as Uint8Array;
    });
    for (const head of heads.reverse()) owner.replica.receiveEnvelopes([head], mallory.signer.publicKey);
    assert.is(owner.replica.chains.linesOf(mallory.replica.self, incarnationOf(mallory)).length, 9);
    assert.is(resets, 1, 'eight lines in one moment');
    await until(() => resets === 2, 'renewed after a while');
    assert.is(text(owner), 'BASE');
    owner.replica.rebuild();
    assert.is(text(owner), 'BASE', 'as one that is built anew');
  }));

test.run();
