import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { encodeCanonicalDoc } from '#shared/documents/canonical-content.ts';

/** mulberry32: small, seeded, good enough to shuffle with. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const hex = (doc: Y.Doc): string => Buffer.from(encodeCanonicalDoc(doc)).toString('hex');

function edit(doc: Y.Doc, random: (below: number) => number): void {
  const map = doc.getMap<unknown>('map');
  const key = `k${random(4)}`;
  const held = map.get(key);
  switch (random(7)) {
    case 0:
      return void map.set(key, random(1000));
    case 1:
      return void map.set(key, random(2) === 0 ? new Y.Map() : new Y.Text('new'));
    case 2:
      return map.delete(key);
    case 3:
      if (held instanceof Y.Map) held.set(`i${random(3)}`, random(3) === 0 ? new Y.Array() : { n: random(9) });
      else if (held instanceof Y.Text) held.insert(random(held.length + 1), 'ab');
      return;
    case 4: {
      const text = doc.getText('text');
      return text.insert(random(text.length + 1), 'xyz'.slice(random(3)));
    }
    case 5: {
      const text = doc.getText('text');
      if (text.length > 2) text.delete(random(text.length - 2), 1 + random(2));
      return;
    }
    default: {
      const list = doc.getArray<unknown>('list');
      if (list.length > 3) list.delete(random(list.length), 1);
      else list.insert(random(list.length + 1), random(2) === 0 ? [1, 'two', null] : [new Y.Map()]);
    }
  }
}

test('documents with equal content have equal bytes, whatever order their updates came in', () => {
  let unequalUpdates = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomOf(seed);
    const docs = [1, 2, 3].map((id) => Object.assign(new Y.Doc(), { clientID: id }));
    const updates: Uint8Array[][] = docs.map(() => []);
    for (const [i, doc] of docs.entries()) {
      doc.on('update', (update: Uint8Array, origin: unknown) => origin === null && updates[i]?.push(update));
    }
    const seen = docs.map(() => [0, 0, 0]);
    const deliver = (to: number, from: number): void => {
      const row = seen[to] as number[];
      const update = updates[from]?.[row[from] as number];
      if (update === undefined) return;
      row[from] = (row[from] as number) + 1;
      Y.applyUpdate(docs[to] as Y.Doc, update, 'remote');
    };
    for (let step = 0; step < 120; step++) {
      const who = random(3);
      if (random(2) === 0) edit(docs[who] as Y.Doc, random);
      else deliver(who, random(3));
    }
    for (const to of [0, 1, 2]) for (let n = 0; n < 400; n++) deliver(to, n % 3);
    const reloaded = new Y.Doc();
    Y.applyUpdate(reloaded, Y.encodeStateAsUpdate(docs[random(3)] as Y.Doc));
    const forms = new Set([...docs, reloaded].map(hex));
    assert.is(forms.size, 1, `seed ${seed}`);
    const encodings = new Set(docs.map((doc) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex')));
    if (encodings.size > 1) unequalUpdates++;
  }
  assert.ok(unequalUpdates > 0, 'no run needed a canonical form: the test is too tame');
});

test('one character, one value or one id more or less gives other bytes', () => {
  const make = (change: (doc: Y.Doc) => void, id = 7): string => {
    const doc = Object.assign(new Y.Doc(), { clientID: id });
    doc.getText('text').insert(0, 'shared');
    doc.getMap('map').set('k', { a: [1, 2] });
    change(doc);
    return hex(doc);
  };
  const forms = [
    make(() => undefined),
    make(() => undefined, 8),
    make((doc) => doc.getText('text').insert(6, '!')),
    make((doc) => doc.getText('text').delete(0, 1)),
    make((doc) => doc.getMap('map').set('k', { a: [1, 3] })),
    make((doc) => doc.getMap('map').delete('k')),
    make((doc) => doc.getMap('map').set('m', new Y.Map())),
    make((doc) => doc.getMap('map').set('m', new Y.Text())),
  ];
  assert.is(new Set(forms).size, forms.length);
});

test('a root that was only asked for is no content', () => {
  const doc = new Y.Doc();
  const before = hex(doc);
  doc.getMap('asked');
  assert.is(hex(doc), before);
});

test.run();
