/** Items whose neighbours are not what Yjs trusts them to be: every order of application ends with the same content. */

import * as encoding from 'lib0/encoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { applyCheckedUpdate } from '#shared/documents/apply-update.ts';
import { readUpdate, type StructId } from '#shared/documents/update-reader.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

interface HandMadeStruct {
  readonly origin?: StructId;
  readonly rightOrigin?: StructId;
  readonly text: string;
}

/** An update that no Yjs would make. */
function handMade(client: number, structs: readonly HandMadeStruct[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const number of [1, structs.length, client, 0]) encoding.writeVarUint(encoder, number);
  for (const { origin, rightOrigin, text } of structs) {
    encoding.writeUint8(encoder, 4 | (origin === undefined ? 0 : 0x80) | (rightOrigin === undefined ? 0 : 0x40));
    for (const id of [origin, rightOrigin]) {
      if (id === undefined) continue;
      encoding.writeVarUint(encoder, id.client);
      encoding.writeVarUint(encoder, id.clock);
    }
    encoding.writeVarString(encoder, text);
  }
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
}

/** `abcdefgh` in one text, `xyz` in another, by client 1. */
function base(): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = 1;
  doc.getText('text').insert(0, 'abcdefgh');
  doc.getText('other').insert(0, 'xyz');
  return Y.encodeStateAsUpdate(doc);
}

function replica(client: number): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, base());
  doc.clientID = client;
  return doc;
}

const content = (doc: Y.Doc): string => `${doc.getText('text')}|${doc.getText('other')}`;
const at = (clock: number): StructId => ({ client: 1, clock });

/** What an honest author wrote concurrently: one insert. */
function honest(client: number, index: number, text: string): Uint8Array {
  const doc = replica(client);
  const before = Y.encodeStateVector(doc);
  doc.getText('text').insert(index, text);
  return Y.encodeStateAsUpdate(doc, before);
}

type Apply = (doc: Y.Doc, update: Uint8Array) => void;

/** Everybody had seen the base and nothing of each other; of its own, an author had what it wrote before. */
const checked: Apply = (doc, update) => {
  const { client } = readUpdate(update);
  applyCheckedUpdate(doc, update, 'test', (id) => id.client === 1 || id.client === client);
};

/** Contents after every order of application. */
function outcomes(updates: readonly Uint8Array[], apply: Apply): Set<string> {
  const found = new Set<string>();
  const permute = (done: readonly Uint8Array[], left: readonly Uint8Array[]): void => {
    if (left.length === 0) {
      const doc = replica(99);
      for (const update of done) apply(doc, update);
      assert.is(doc.store.pendingStructs, null);
      found.add(content(doc));
    }
    for (const [i, next] of left.entries()) permute([...done, next], [...left.slice(0, i), ...left.slice(i + 1)]);
  };
  permute([], updates);
  return found;
}

test('neighbours that were none make plain Yjs depend on the order; the right one is dropped', () => {
  const updates = [
    handMade(3, [{ origin: at(1), rightOrigin: at(6), text: 'H' }]),
    handMade(5, [{ origin: at(3), rightOrigin: at(5), text: 'I' }]),
    handMade(7, [{ origin: at(0), rightOrigin: at(4), text: 'J' }]),
    handMade(9, [{ origin: at(4), rightOrigin: at(2), text: 'K' }]),
  ];
  assert.ok(outcomes(updates, (doc, update) => Y.applyUpdate(doc, update)).size > 1, 'the attack works on plain Yjs');
  assert.is(outcomes(updates, checked).size, 1);
});

test('neighbours in two sequences leave both of them whole', () => {
  const updates = [
    handMade(5, [{ origin: at(2), rightOrigin: at(9), text: 'H' }]),
    handMade(6, [{ origin: at(9), rightOrigin: at(2), text: 'I' }]),
    honest(3, 3, 'P'),
  ];
  const [text, ...others] = outcomes(updates, checked);
  assert.equal(others, []);
  const [first = '', second = ''] = (text ?? '').split('|');
  assert.is(first.replace('H', '').replace('P', ''), 'abcdefgh');
  assert.is(second.replace('I', ''), 'xyz');
});

test('a later struct of an update is judged by where those before it came to lie', () => {
  const own = (clock: number): StructId => ({ client: 5, clock });
  const updates = [
    handMade(5, [
      { origin: at(5), rightOrigin: at(6), text: 'H' },
      { origin: own(0), rightOrigin: at(2), text: 'I' },
      { origin: at(1), rightOrigin: own(0), text: 'J' },
      { origin: own(1), rightOrigin: at(6), text: 'K' },
    ]),
    honest(3, 6, 'P'),
    honest(7, 2, 'Q'),
  ];
  assert.is(outcomes(updates, checked).size, 1);
});

test('typing, deleting and moving about in one update changes nothing on the way', () => {
  const random = randomFrom(seedOf('apply honest updates'));
  for (let round = 0; round < 100; round++) {
    const author = replica(5);
    const plain = replica(98);
    const careful = replica(99);
    for (let step = 0; step < 5; step++) {
      const before = Y.encodeStateVector(author);
      for (let edit = 0; edit < 4; edit++) {
        const text = author.getText(random() < 0.8 ? 'text' : 'other');
        const index = Math.floor(random() * (text.length + 1));
        if (random() < 0.7) text.insert(index, 'ins'.slice(0, 1 + Math.floor(random() * 3)));
        else if (index < text.length) text.delete(index, 1);
      }
      const update = Y.encodeStateAsUpdate(author, before);
      Y.applyUpdate(plain, update);
      applyCheckedUpdate(careful, update, 'test', () => true);
    }
    assert.is(content(careful), content(author));
    assert.equal(Y.encodeStateAsUpdate(careful), Y.encodeStateAsUpdate(plain));
  }
});

test('whatever neighbours are named, all orders agree', () => {
  const random = randomFrom(seedOf('apply hostile updates'));
  for (let round = 0; round < 150; round++) {
    const pick = (): StructId => at(Math.floor(random() * 11));
    const updates = [3, 5, 7, 9].map((client) => {
      if (random() < 0.3) return honest(client, Math.floor(random() * 9), `<${client}>`);
      const structs = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) => {
        const own = i > 0 && random() < 0.4 ? { client, clock: Math.floor(random() * i) } : undefined;
        return { origin: own ?? pick(), rightOrigin: random() < 0.8 ? pick() : at(6), text: `${client % 10}` };
      });
      return handMade(client, structs);
    });
    const found = outcomes(updates, checked);
    assert.is(found.size, 1, [...found].join('\n'));
  }
});

test.run();
