/**
 * Yjs updates: real edits with changed bytes, and updates put together field by field. What the check accepts must apply
 * quickly, whole and neutralised, leave nothing pending, and end at the clock it said.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { applyCheckedUpdate } from '#shared/documents/apply-update.ts';
import { encodeCanonicalDoc } from '#shared/documents/canonical-content.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { neutraliseUpdate } from '#shared/documents/neutralise.ts';
import { checkUpdate, TypeDepths } from '#shared/documents/update-check.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Random } from '../../simulate/random.ts';
import { type FuzzTarget, promise } from '../fuzz.ts';
import { mutateBytes } from '../mutate.ts';

const SELF = clientIdOf(3 as MemberId, 0xdeadbeef);
const OTHER = clientIdOf(2 as MemberId, 1);
/** Has written, but its envelopes were not declared as seen. */
const UNSEEN = clientIdOf(4 as MemberId, 5);

/** A document that holds what the author had seen, and a client's work that it had not. */
interface Past {
  readonly state: Uint8Array;
  readonly seen: ReadonlyMap<number, number>;
  readonly depths: TypeDepths;
  /** What the author's own document would send next. */
  readonly samples: readonly Uint8Array[];
}

const updates: FuzzTarget = {
  name: 'updates',
  prepare(random) {
    const pasts = Array.from({ length: 6 }, () => makePast(random));
    return (luck) => {
      const past = luck.pick(pasts);
      const bytes = luck.chance(0.5) ? mutateBytes(luck.pick(past.samples), luck, past.samples) : build(luck, past);
      const clock = past.seen.get(SELF) ?? 0;
      const verdict = checkUpdate(bytes, {
        client: SELF,
        clock,
        seen: (client) => past.seen.get(client) ?? 0,
        levelOf: (id) => past.depths.levelOf(id),
      });
      if (!verdict.ok) throw new SandboxError('BAD_ENVELOPE', verdict.why);
      const whole = apply(past, bytes, clock, verdict.endClock, (doc) => {
        applyCheckedUpdate(doc, bytes, 'fuzz', ({ client }) => client !== UNSEEN, verdict.update);
      });
      promise(
        whole ===
          apply(past, bytes, clock, verdict.endClock, (doc) => {
            applyCheckedUpdate(doc, bytes, 'fuzz', ({ client }) => client !== UNSEEN);
          }),
        'twice applied it makes two documents',
      );
      apply(past, bytes, clock, verdict.endClock, (doc) => {
        const harmless = neutraliseUpdate(bytes, doc);
        if (harmless !== undefined) applyCheckedUpdate(doc, harmless, 'fuzz', ({ client }) => client !== UNSEEN);
      });
    };
  },
};

/** @returns the content it led to */
function apply(past: Past, bytes: Uint8Array, clock: number, end: number, change: (doc: Y.Doc) => void): string {
  const doc = new Y.Doc();
  try {
    Y.applyUpdate(doc, past.state);
    change(doc);
    const { pendingStructs, pendingDs } = doc.store;
    promise(pendingStructs === null && pendingDs === null, 'it leaves something pending');
    promise(Y.getState(doc.store, SELF) === end, `its clock ends at ${Y.getState(doc.store, SELF)}, not at ${end}`);
    promise(end - clock <= 65_536 && bytes.length <= 65_536, 'it is longer than an update may be');
    promise(!doc.store.clients.has(0) && doc.subdocs.size === 0, 'it brought a document of its own');
    const again = new Y.Doc();
    Y.applyUpdate(again, Y.encodeStateAsUpdate(doc));
    promise(again.store.pendingStructs === null, 'what it makes cannot be told to others');
    again.destroy();
    return Buffer.from(encodeCanonicalDoc(doc)).toString('base64');
  } finally {
    doc.destroy();
  }
}

function makePast(random: Random): Past {
  const doc = new Y.Doc();
  const depths = new TypeDepths();
  const seen = new Map<number, number>();
  const noted = (client: number, edits: number): Uint8Array[] => {
    doc.clientID = client;
    const made: Uint8Array[] = [];
    for (let i = 0; i < edits; i++) {
      const before = Y.encodeStateVector(doc);
      doc.transact(() => edit(doc, random));
      const update = Y.encodeStateAsUpdate(doc, before);
      const verdict = checkUpdate(update, {
        client,
        clock: seen.get(client) ?? 0,
        seen: (other) => Y.getState(doc.store, other),
        levelOf: (id) => depths.levelOf(id),
      });
      // Step 2 of Yjs carries the delete set of everybody: where that is refused the edit is simply not recorded.
      if (verdict.ok) depths.add(client, verdict.update, verdict.levels);
      seen.set(client, Y.getState(doc.store, client));
      made.push(update);
    }
    return made;
  };
  noted(OTHER, 12);
  noted(SELF, 4);
  const known = Y.encodeStateAsUpdate(doc);
  const author = new Map(seen);
  const samples = noted(SELF, 6).slice(0, 1);
  for (let i = 0; i < 8; i++) {
    const copy = new Y.Doc();
    Y.applyUpdate(copy, known);
    const before = Y.encodeStateVector(copy);
    // Set last: Yjs gives itself another id when it reads history under its own.
    copy.clientID = SELF;
    copy.transact(() => edit(copy, random));
    samples.push(Y.encodeStateAsUpdate(copy, before));
  }
  const late = new Y.Doc();
  Y.applyUpdate(late, known);
  late.clientID = UNSEEN;
  for (let i = 0; i < 4; i++) edit(late, random);
  return { state: Y.encodeStateAsUpdate(late), seen: author, depths, samples };
}

function edit(doc: Y.Doc, random: Random): void {
  const text = doc.getText('text');
  const map = doc.getMap<unknown>('map');
  const list = doc.getArray<unknown>('list');
  switch (random.below(7)) {
    case 0:
      return text.insert(random.below(text.length + 1), random.pick(['a', 'hällo', '😀 x', 'line\n']));
    case 1:
      return text.length > 1 ? text.delete(random.below(text.length), 1) : text.insert(0, 'b');
    case 2:
      map.set(random.pick(['a', 'b', 'c']), { n: random.below(9), list: [1, [2, { x: null }]] });
      return;
    case 3:
      map.set('nested', new Y.Map([['k', new Y.Text('deep')]]));
      return;
    case 4: {
      const nested = map.get('nested');
      if (nested instanceof Y.Map) nested.set(random.pick(['k', 'l']), new Y.Array());
      else map.set('nested', new Y.Map());
      return;
    }
    case 5:
      return list.insert(random.below(list.length + 1), [random.below(9), 'x']);
    default:
      return map.has('a') ? map.delete('a') : list.push([new Y.Map([['y', 1]])]);
  }
}

/** An update field by field: mostly in form, with references to anything. */
function build(luck: Random, past: Past): Uint8Array {
  const encoder = encoding.createEncoder();
  const clock = past.seen.get(SELF) ?? 0;
  const count = luck.chance(0.1) ? 0 : 1 + luck.below(luck.chance(0.02) ? 300 : 4);
  encoding.writeVarUint(encoder, luck.chance(0.97) ? Math.min(1, count) : 2);
  if (count > 0) {
    encoding.writeVarUint(encoder, count);
    encoding.writeVarUint(encoder, luck.chance(0.97) ? SELF : OTHER);
    encoding.writeVarUint(encoder, luck.chance(0.95) ? clock : luck.pick([0, clock + 1, 2 ** 50]));
    for (let i = 0; i < count; i++) writeStruct(encoder, luck, past);
  }
  const clients = luck.below(3);
  encoding.writeVarUint(encoder, clients);
  for (let i = 0; i < clients; i++) {
    encoding.writeVarUint(encoder, [OTHER, SELF, UNSEEN][luck.chance(0.9) ? 1 - i : 2] ?? OTHER);
    const ranges = 1 + luck.below(2);
    encoding.writeVarUint(encoder, ranges);
    for (let n = 0, at = 0; n < ranges; n++) {
      at += luck.below(4);
      encoding.writeVarUint(encoder, luck.chance(0.97) ? at : 2 ** 45);
      const length = luck.chance(0.97) ? 1 + luck.below(3) : luck.pick([0, 2 ** 40]);
      encoding.writeVarUint(encoder, length);
      at += length;
    }
  }
  if (luck.chance(0.02)) encoding.writeUint8(encoder, 0);
  return encoding.toUint8Array(encoder);
}

function writeStruct(encoder: encoding.Encoder, luck: Random, past: Past): void {
  if (luck.chance(0.08)) {
    encoding.writeUint8(encoder, luck.chance(0.8) ? 0 : 10);
    return encoding.writeVarUint(encoder, luck.pick([1, 3, 0, 2 ** 50]));
  }
  const kind = luck.pick([1, 4, 4, 4, 7, 8, 8, luck.below(32)]);
  const origin = luck.chance(0.5);
  const right = luck.chance(0.3);
  const sub = luck.chance(0.3);
  encoding.writeUint8(encoder, kind | (origin ? 0x80 : 0) | (right ? 0x40 : 0) | (sub ? 0x20 : 0));
  if (origin) writeId(encoder, luck, past);
  if (right) writeId(encoder, luck, past);
  if (!origin && !right) {
    const root = luck.chance(0.5);
    encoding.writeVarUint(encoder, root ? 1 : 0);
    if (root) encoding.writeVarString(encoder, luck.pick(['text', 'map', 'list', 'other', '__proto__']));
    else writeId(encoder, luck, past);
    if (sub) encoding.writeVarString(encoder, luck.pick(['a', 'nested', 'k', 'constructor', 'x'.repeat(1025)]));
  }
  writeContent(encoder, luck, kind);
}

function writeContent(encoder: encoding.Encoder, luck: Random, kind: number): void {
  if (kind === 1) return encoding.writeVarUint(encoder, luck.pick([1, 5, 0, 2 ** 40]));
  if (kind === 4) return encoding.writeVarString(encoder, luck.pick(['x', 'two', '😀', '\ud800', '']));
  if (kind === 7) return encoding.writeVarUint(encoder, luck.below(4));
  if (kind !== 8) return encoding.writeUint8Array(encoder, luck.bytes(luck.below(6)));
  const count = 1 + luck.below(3);
  encoding.writeVarUint(encoder, luck.chance(0.97) ? count : 2 ** 30);
  for (let i = 0; i < count; i++) {
    let value: unknown = luck.pick([1, 'v', null, { a: 1 }, [1]]);
    if (luck.chance(0.05)) for (let depth = luck.pick([3, 31, 33, 400]); depth > 0; depth--) value = [value];
    encoding.writeAny(encoder, value as never);
  }
}

function writeId(encoder: encoding.Encoder, luck: Random, past: Past): void {
  const client = luck.pick([SELF, OTHER, OTHER, luck.chance(0.9) ? OTHER : UNSEEN]);
  const end = past.seen.get(client) ?? 4;
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(
    encoder,
    luck.chance(0.9) ? luck.below(Math.max(1, end + (client === SELF ? 3 : 0))) : end + luck.below(3),
  );
}

export const UPDATE_TARGETS: readonly FuzzTarget[] = [updates];
