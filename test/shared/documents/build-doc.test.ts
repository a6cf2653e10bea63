/** A document built plainly is the one that Yjs makes of the same bytes, now and after whatever comes next. */

import { createDecoder } from 'lib0/decoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { buildDoc, buildPlainly } from '#shared/documents/build-doc.ts';
import { PlainDecoder } from '#shared/documents/plain-decoder.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

type AnyType = Y.AbstractType<unknown>;
/** A whole number below another. */
type Random = (limit: number) => number;

const KEYS = ['a', 'b', 'c', 'a key that is too long for the short way'];
const TEXTS = ['x', 'hello', 'a text of more than twelve characters', 'žluť', '🦀', ''];

function below(seed: number): Random {
  const random = randomFrom(seed);
  return (limit) => Math.floor(random() * limit);
}

function byYjs(state: Uint8Array): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, state);
  return doc;
}

/** Everything that Yjs goes by: the order of items, their neighbours and holders, what is deleted, lengths, keys. */
function anatomy(doc: Y.Doc): unknown {
  const id = (item: Y.Item | Y.ID | null): string => {
    const at = item instanceof Y.Item ? item.id : item;
    return at === null ? '-' : `${at.client}:${at.clock}`;
  };
  const describe = (struct: Y.Item | Y.GC): unknown => {
    if (struct instanceof Y.GC) return ['gc', struct.id.clock, struct.length];
    const { left, right, origin, rightOrigin, parentSub, deleted, countable, length, content } = struct;
    const parent = struct.parent as AnyType;
    const holder = parent._item === null ? [...doc.share].find(([, type]) => type === parent)?.[0] : id(parent._item);
    const links = [struct.id, left, right, origin, rightOrigin].map((item) => id(item));
    const kind = content instanceof Y.ContentType ? content.type.constructor.name : content.getContent();
    return [...links, parentSub, holder, deleted, countable, length, content.constructor.name, kind];
  };
  const types = new Set<AnyType>(doc.share.values() as Iterable<AnyType>);
  const structs = [...doc.store.clients].sort(([a], [b]) => a - b);
  for (const [, list] of structs) {
    for (const struct of list) {
      if (struct instanceof Y.Item && struct.content instanceof Y.ContentType) types.add(struct.content.type);
    }
  }
  const described = [...types].map((type) => {
    const entries = [...type._map].sort(([a], [b]) => (a < b ? -1 : 1));
    return [id(type._item), id(type._start), type._length, entries.map(([key, item]) => [key, id(item)])];
  });
  return [structs.map(([client, list]) => [client, list.map(describe)]), described.sort()];
}

function assertSame(built: Y.Doc, state: Uint8Array): void {
  const expected = byYjs(state);
  assert.equal(anatomy(built), anatomy(expected));
  assert.equal(Y.encodeStateAsUpdate(built), Y.encodeStateAsUpdate(expected));
  assert.is(built.store.pendingStructs, null);
}

/** One edit anywhere in a document. */
function edit(doc: Y.Doc, random: Random): void {
  const types = [doc.getText('text'), doc.getMap('map'), doc.getArray('array')] as unknown[] as AnyType[];
  for (const type of types) {
    // by key: which came first depends on who built it
    const entries = [...type._map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
    for (const item of [...entries, ...items(type)]) {
      if (!item.deleted && item.content instanceof Y.ContentType) types.push(item.content.type as AnyType);
    }
  }
  const type: unknown = types[random(types.length)];
  const isRemoval = random(3) === 0;
  if (type instanceof Y.Text) {
    const at = random(type.length + 1);
    if (isRemoval) type.delete(at, Math.min(random(4), type.length - at));
    else type.insert(at, TEXTS[random(TEXTS.length)] as string);
  } else if (type instanceof Y.Map) {
    const key = KEYS[random(KEYS.length)] as string;
    if (isRemoval) type.delete(key);
    else type.set(key, value(random));
  } else if (type instanceof Y.Array) {
    const at = random(type.length + 1);
    if (isRemoval) type.delete(at, Math.min(random(3), type.length - at));
    else type.insert(at, [value(random), value(random)]);
  }
}

function items(type: AnyType): Y.Item[] {
  const found: Y.Item[] = [];
  for (let item = type._start; item !== null; item = item.right) found.push(item);
  return found;
}

function value(random: Random): unknown {
  const makers = [
    () => new Y.Text(TEXTS[random(TEXTS.length)] as string),
    () => new Y.Map([[KEYS[random(KEYS.length)] as string, random(9)]]),
    () => new Y.Array<unknown>(),
    () => plain(random, 0),
  ];
  return makers[random(makers.length)]?.();
}

function plain(random: Random, depth: number): unknown {
  const text = TEXTS[random(TEXTS.length)];
  // inside an array of its own Yjs takes no undefined
  const simple = [
    null,
    true,
    false,
    depth === 0 ? null : undefined,
    0,
    -7,
    63,
    64,
    -65,
    1e6,
    2 ** 40,
    0.5,
    1 / 3,
    text,
    text,
  ];
  if (depth > 2 || random(3) > 0) return simple[random(simple.length)];
  const inner = Array.from({ length: random(4) }, () => plain(random, depth + 1));
  return random(2) === 0 ? inner : Object.fromEntries(inner.map((item, i) => [KEYS[i], item]));
}

/** What members wrote who met now and then. */
function written(random: Random): Y.Doc[] {
  const docs = Array.from({ length: 1 + random(4) }, (_, i) => {
    const doc = new Y.Doc();
    // ids as they really are: of five bytes and more
    doc.clientID = 2 ** 33 * (i + 1) + random(1000);
    return doc;
  });
  for (let step = 0; step < 120; step++) {
    const doc = docs[random(docs.length)] as Y.Doc;
    doc.transact(() => {
      for (let n = random(3); n >= 0; n--) edit(doc, random);
    });
    if (random(6) === 0) Y.applyUpdate(doc, Y.encodeStateAsUpdate(docs[random(docs.length)] as Y.Doc));
  }
  return docs;
}

test('documents of one and of many members are built as Yjs builds them, and go on alike', () => {
  const random = below(seedOf('build-doc'));
  for (let round = 0; round < 80; round++) {
    const docs = written(random);
    const [first] = docs as [Y.Doc, ...Y.Doc[]];
    for (const doc of docs) Y.applyUpdate(first, Y.encodeStateAsUpdate(doc));
    const state = Y.encodeStateAsUpdate(first);
    const built = buildPlainly(state);
    assertSame(built, state);
    // whatever is written next, here and elsewhere
    const expected = byYjs(state);
    const other = byYjs(state);
    for (let n = 0; n < 10; n++) edit(other, random);
    const news = Y.encodeStateAsUpdate(other, Y.encodeStateVector(expected));
    const seed = random(2 ** 30);
    for (const doc of [built, expected]) {
      doc.clientID = 5;
      Y.applyUpdate(doc, news);
      const same = below(seed);
      for (let n = 0; n < 10; n++) edit(doc, same);
    }
    assert.equal(anatomy(built), anatomy(expected));
  }
});

test('what is unusual is left to Yjs', () => {
  const formatted = new Y.Doc();
  formatted.getText('text').insert(0, 'bold', { bold: true });
  const kept = new Y.Doc({ gc: false });
  kept.getText('text').insert(0, 'here today');
  kept.getText('text').delete(4, 6);
  const part = new Y.Doc();
  part.getText('text').insert(0, 'one ');
  const before = Y.encodeStateVector(part);
  part.getText('text').insert(4, 'two');
  for (const state of [
    Y.encodeStateAsUpdate(formatted),
    Y.encodeStateAsUpdate(kept),
    Y.encodeStateAsUpdate(part, before),
  ]) {
    assert.throws(() => buildPlainly(state));
    const [built, expected] = [buildDoc(state), byYjs(state)];
    assert.equal(Y.encodeStateAsUpdate(built), Y.encodeStateAsUpdate(expected));
    assert.is(built.store.pendingStructs === null, expected.store.pendingStructs === null);
  }
});

function flip(bytes: Uint8Array, random: Random): void {
  const at = random(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
}

test('bytes that were tampered with end as they do with Yjs', () => {
  const random = below(seedOf('build-doc-tampered'));
  let built = 0;
  for (let round = 0; round < 30; round++) {
    const state = Y.encodeStateAsUpdate(written(random)[0] as Y.Doc);
    for (let n = 0; n < 40; n++) {
      const bytes = state.slice(0, random(4) === 0 ? random(state.length) : state.length);
      for (let flips = random(3); flips >= 0; flips--) flip(bytes, random);
      let expected: Y.Doc | undefined;
      try {
        expected = byYjs(bytes);
      } catch {
        // what bytes are none Yjs says
      }
      if (expected === undefined) assert.throws(() => buildDoc(bytes));
      else assert.equal(Y.encodeStateAsUpdate(buildDoc(bytes)), Y.encodeStateAsUpdate(expected));
      built += expected === undefined ? 0 : 1;
    }
  }
  assert.ok(built > 50, `${built} built`);
});

/** Where a text is written in bytes. */
function placeOf(bytes: Uint8Array, text: string): number {
  const at = Buffer.from(bytes).indexOf(text);
  assert.ok(at >= 0, `"${text}" is not written there`);
  return at;
}

test('values are read when somebody asks for them, once', () => {
  const doc = new Y.Doc();
  doc.getMap('map').set('first', { name: 'hello', ok: true, list: [1, -2, null] });
  doc.getMap('map').set('second', 'unread');
  const state = Y.encodeStateAsUpdate(doc);
  const map = buildPlainly(state).getMap('map');
  state[placeOf(state, 'hello')] = 'j'.charCodeAt(0);
  const value = map.get('first');
  assert.equal(value, { name: 'jello', ok: true, list: [1, -2, null] });
  state[placeOf(state, 'jello')] = 'c'.charCodeAt(0);
  assert.is(map.get('first'), value);
  // whoever writes the document down makes nobody keep what it read
  Y.encodeStateAsUpdate(map.doc as Y.Doc);
  state[placeOf(state, 'unread')] = 'U'.charCodeAt(0);
  assert.is(map.get('second'), 'Unread');
});

test('a few unread values do not keep a whole state in memory', () => {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, 'a long text, '.repeat(100));
  doc.getMap('map').set('one', { name: 'hello' });
  doc.getArray('array').insert(0, ['hello too', { at: 5 }]);
  const state = Y.encodeStateAsUpdate(doc);
  const built = buildPlainly(state);
  state.fill(0);
  assert.equal(built.getMap('map').toJSON(), { one: { name: 'hello' } });
  assert.equal(built.getArray('array').toJSON(), ['hello too', { at: 5 }]);
  const part = new Uint8Array(10_000);
  const values = new Y.Doc();
  values.getMap('map').set('one', 'of a larger whole');
  part.set(Y.encodeStateAsUpdate(values), 0);
  const ofPart = buildPlainly(part.subarray(0, Y.encodeStateAsUpdate(values).length));
  part.fill(0);
  assert.is(ofPart.getMap('map').get('one'), 'of a larger whole');
});

test('values that lie too deep to be left for later, or are no text, are judged at once', () => {
  let deep: unknown = 'bottom';
  for (let depth = 0; depth < 40; depth++) deep = depth % 2 === 0 ? [deep] : { deep };
  const doc = new Y.Doc();
  doc.getMap('map').set('deep', deep);
  const state = Y.encodeStateAsUpdate(doc);
  const built = buildPlainly(state);
  state.fill(0);
  assert.equal(built.getMap('map').get('deep'), deep);
  const texts = new Y.Doc();
  texts.getMap('map').set('one', 'this is text');
  const bytes = Y.encodeStateAsUpdate(texts);
  bytes[placeOf(bytes, 'is text')] = 0xff;
  assert.throws(() => buildDoc(bytes));
});

test('plain values are read as Yjs reads them', () => {
  const random = below(seedOf('plain-decoder'));
  for (let round = 0; round < 300; round++) {
    const doc = new Y.Doc();
    doc.getArray('values').insert(
      0,
      Array.from({ length: 5 }, () => plain(random, 0)),
    );
    const state = Y.encodeStateAsUpdate(doc);
    const [read, expected] = [new Y.Doc(), byYjs(state)];
    Y.applyUpdateV2(read, state, undefined, PlainDecoder);
    assert.equal(read.getArray('values').toJSON(), expected.getArray('values').toJSON());
  }
  const decoder = new PlainDecoder(createDecoder(new Uint8Array([119, 2, 0xc3, 0x28])));
  assert.throws(() => decoder.readAny(), 'text that is not UTF-8');
  assert.throws(() => new PlainDecoder(createDecoder(new Uint8Array([119, 9, 65]))).readAny(), 'an end too early');
});

test.run();
