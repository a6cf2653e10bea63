import * as encoding from 'lib0/encoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { encodeLocalUpdates } from '#shared/documents/local-update.ts';
import { checkUpdate, TypeDepths, type UpdateContext } from '#shared/documents/update-check.ts';
import type { MemberId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

const SELF = clientIdOf(3 as MemberId, 0xdeadbeef);
const OTHER = clientIdOf(2 as MemberId, 1);

function context(options: Partial<UpdateContext> = {}): UpdateContext {
  return {
    client: SELF,
    clock: 0,
    seen: (client) => (client === OTHER ? 10 : 0),
    levelOf: () => 0,
    ...options,
  };
}

function verdict(bytes: Uint8Array, options: Partial<UpdateContext> = {}): string {
  const result = checkUpdate(bytes, context(options));
  return result.ok ? 'ok' : result.why;
}

/** What a Yjs doc of our client would send after `change`. */
function update(change: (doc: Y.Doc) => void, client = SELF): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = client;
  doc.transact(() => change(doc));
  return Y.encodeStateAsUpdate(doc);
}

/** Raw bytes: numbers as varints, strings as var strings, `b` as raw bytes. */
function raw(...parts: (number | string | { b: number[] })[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeUint8Array(encoder, new Uint8Array(part.b));
  }
  return encoding.toUint8Array(encoder);
}

const ITEM_STRING = { b: [4] };

test('honest updates pass: texts, maps, arrays, nested types, plain values, deletes', () => {
  const doc = new Y.Doc();
  doc.clientID = SELF;
  const depths = new TypeDepths();
  let clock = 0;
  const steps: ((doc: Y.Doc) => void)[] = [
    (d) => d.getText('text').insert(0, 'hällo 😀 world'),
    (d) => d.getText('text').delete(2, 4),
    (d) => d.getMap('m').set('k', { a: [1, 2.5, -3, null, true, 'x', 2 ** 40, { b: undefined }] }),
    (d) => d.getMap('m').set('k', 2),
    (d) => d.getMap('m').set('nested', new Y.Map([['x', 1]])),
    (d) => (d.getMap('m').get('nested') as Y.Map<unknown>).set('text', new Y.Text('deep')),
    (d) => ((d.getMap('m').get('nested') as Y.Map<unknown>).get('text') as Y.Text).insert(2, '!'),
    (d) => d.getArray('list').push([1, 2, 3]),
    (d) => d.getArray('list').insert(1, ['a']),
    (d) => d.getMap('m').delete('nested'),
    (d) => {
      d.getMap('m').set('gone', new Y.Map([['y', 2]]));
      d.getMap('m').delete('gone');
    },
  ];
  for (const step of steps) {
    const deletes: { client: number; clock: number; length: number }[] = [];
    const note = (transaction: Y.Transaction): void => {
      for (const [client, ranges] of transaction.deleteSet.clients) {
        for (const range of ranges) deletes.push({ client, clock: range.clock, length: range.len });
      }
    };
    doc.on('afterTransaction', note);
    doc.transact(() => step(doc));
    doc.off('afterTransaction', note);
    const [encoded] = encodeLocalUpdates(doc, SELF, clock, deletes, 65536);
    assert.ok(encoded);
    const result = checkUpdate(encoded.payload, context({ clock, levelOf: (id) => depths.levelOf(id) }));
    assert.ok(result.ok, result.ok ? '' : `${step}: ${result.why}`);
    if (result.ok) depths.add(SELF, result.update, result.levels);
    clock = encoded.endClock;
  }
});

test("another's clientID, and a clock that is not the next, are refused", () => {
  const text = update((d) => d.getText('t').insert(0, 'x'));
  assert.is(verdict(text), 'ok');
  assert.match(verdict(update((d) => d.getText('t').insert(0, 'x'), OTHER)), 'writes as client');
  assert.match(verdict(text, { clock: 5 }), 'starts at clock 0');
});

test('two clients, gaps, empty and endless structs are refused', () => {
  const two = Y.mergeUpdates([
    update((d) => d.getText('t').insert(0, 'x')),
    update((d) => d.getText('t').insert(0, 'y'), OTHER),
  ]);
  assert.match(verdict(two), 'as 2 clients');
  const skip = raw(1, 2, SELF, 0, ITEM_STRING, 1, 't', 'a', { b: [10] }, 5, 0);
  assert.is.not(verdict(skip), 'ok');
  assert.match(verdict(raw(1, 1, SELF, 0, { b: [0] }, 0, 0)), 'empty struct');
  assert.match(verdict(raw(1, 1, SELF, 0, { b: [0] }, 2 ** 50, 0)), 'adds more than');
  assert.match(verdict(raw(1, 1, SELF, 0, { b: [1] }, 1, 't', 2 ** 50, 0)), 'adds more than');
  assert.match(verdict(raw(1, 2 ** 40, SELF, 0)), 'structs');
  assert.match(verdict(raw(1, 1, SELF, 0, { b: [8] }, 1, 't', 2 ** 45)), 'values in one struct');
});

test('references outside the declared past are refused', () => {
  const at = (client: number, clock: number): Uint8Array => raw(1, 1, SELF, 0, { b: [0x84] }, client, clock, 'x', 0);
  assert.is(verdict(at(OTHER, 9)), 'ok');
  assert.match(verdict(at(OTHER, 10)), 'not seen');
  assert.match(verdict(at(SELF, 0)), 'not seen', 'itself');
  assert.match(verdict(at(12345, 0)), 'not seen', 'no chain');
  const right = raw(1, 1, SELF, 0, { b: [0x44] }, OTHER, 10, 'x', 0);
  assert.match(verdict(right), 'not seen');
  const parent = raw(1, 1, SELF, 0, { b: [0x24] }, 0, OTHER, 10, 'key', 'x', 0);
  assert.match(verdict(parent), 'not seen');
});

test('a delete set may name only what its author had seen', () => {
  assert.is(verdict(raw(0, 1, OTHER, 1, 0, 10)), 'ok');
  assert.match(verdict(raw(0, 1, OTHER, 1, 0, 11)), 'not seen');
  assert.match(verdict(raw(0, 1, OTHER, 1, 10, 1)), 'not seen');
  assert.match(verdict(raw(0, 1, SELF, 1, 0, 1)), 'not seen', 'its own future');
  assert.match(verdict(raw(0, 1, OTHER, 1, 0, 0)), 'empty range');
  assert.match(verdict(raw(0, 2 ** 40)), 'too many');
  assert.match(verdict(raw(0, 1, OTHER, 3000)), 'ranges');
  assert.match(verdict(raw(0, 0)), 'does nothing');
});

test('content that documents do not hold is refused', () => {
  const cases: [string, (doc: Y.Doc) => void][] = [
    ['bytes', (d) => d.getMap('m').set('k', new Uint8Array(3))],
    ['a subdocument', (d) => d.getMap('m').set('k', new Y.Doc())],
    ['formatting', (d) => d.getText('t').insert(0, 'x', { bold: true })],
    ['an embed', (d) => d.getText('t').insertEmbed(0, { a: 1 })],
    ['xml', (d) => d.getMap('m').set('k', new Y.XmlText())],
    ['nested bytes', (d) => d.getMap('m').set('k', { a: new Uint8Array(1) })],
    ['a bigint', (d) => d.getMap('m').set('k', [1n])],
    ['a prototype key', (d) => d.getMap('__proto__').set('k', 1)],
    ['a prototype map key', (d) => d.getMap('m').set('constructor', 1)],
    ['a nested prototype key', (d) => d.getMap('m').set('k', [JSON.parse('{"__proto__":1}')])],
    ['a long key', (d) => d.getMap('m').set('x'.repeat(2000), 1)],
  ];
  for (const [what, change] of cases) assert.is.not(verdict(update(change)), 'ok', what);
});

test('values nest to 32 and shared types to 16', () => {
  const value = (depth: number): unknown => (depth === 0 ? 1 : [value(depth - 1)]);
  const set = (depth: number) => update((d) => d.getMap('m').set('k', { v: value(depth) }));
  assert.is(verdict(set(31)), 'ok');
  assert.match(verdict(set(32)), 'deeper than 32');
  const types = (depth: number) =>
    update((d) => {
      let map = d.getMap('m');
      for (let i = 0; i < depth; i++) map = map.set('k', new Y.Map());
      map.set('end', 1);
    });
  assert.is(verdict(types(16)), 'ok');
  assert.match(verdict(types(17)), 'shared types deeper');
});

test('shared types cannot be nested deeper by doing it step by step, nor by naming a sibling', () => {
  const doc = new Y.Doc();
  doc.clientID = SELF;
  const depths = new TypeDepths();
  let clock = 0;
  let map = doc.getMap('m');
  let depth = 0;
  for (; depth < 20; depth++) {
    map = map.set('k', new Y.Map());
    map.set('a', 1);
    map.set('a', 2);
    const [encoded] = encodeLocalUpdates(doc, SELF, clock, [], 65536);
    assert.ok(encoded);
    const result = checkUpdate(encoded.payload, context({ clock, levelOf: (id) => depths.levelOf(id) }));
    if (!result.ok) break;
    depths.add(SELF, result.update, result.levels);
    clock = encoded.endClock;
  }
  // The map of step 16 lies 16 deep itself; what is written into it is one deeper.
  assert.is(depth, 16);
});

test('trailing bytes and broken text are refused', () => {
  const good = update((d) => d.getText('t').insert(0, 'x'));
  assert.is(verdict(new Uint8Array([...good, 0])), 'it has trailing bytes');
  for (let i = 0; i < good.length; i++) assert.is.not(verdict(good.subarray(0, i)), 'ok');
  assert.match(verdict(raw(1, 1, SELF, 0, ITEM_STRING, 1, 't', { b: [2, 0xc3, 0x28] }, 0)), 'UTF-8');
});

test('what the check accepts, Yjs applies quickly and leaves nothing pending', () => {
  const random = randomFrom(seedOf('update fuzz'));
  const base = new Y.Doc();
  base.clientID = OTHER;
  base.getText('t').insert(0, '0123456789');
  const history = Y.encodeStateAsUpdate(base);
  const seeds = [
    update((d) => d.getText('t').insert(0, 'hello')),
    update((d) => d.getMap('m').set('k', { a: [1, 'x'] })),
    update((d) => d.getMap('m').set('n', new Y.Map([['x', new Y.Text('y')]]))),
    raw(1, 1, SELF, 0, { b: [0xc4] }, OTHER, 3, OTHER, 4, 'mid', 1, OTHER, 1, 2, 3),
  ];
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = (seeds[i % seeds.length] as Uint8Array).slice();
    for (let j = 0; j < 1 + random() * 3; j++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    const result = checkUpdate(bytes, context());
    if (!result.ok) continue;
    accepted++;
    const doc = new Y.Doc();
    Y.applyUpdate(doc, history);
    const begun = performance.now();
    Y.applyUpdate(doc, bytes);
    assert.ok(performance.now() - begun < 100);
    assert.is(doc.store.pendingStructs, null);
    assert.is(doc.store.pendingDs, null);
    assert.is(Y.getState(doc.store, SELF), result.endClock, 'the clock the check expects is the one Yjs reaches');
  }
  assert.ok(accepted > 30, `${accepted} accepted`);
});

test.run();
