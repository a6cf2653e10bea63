// test: limit 120 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { BLOB_CHUNK_BYTES } from '#protocol/blob.ts';
import { CHECKPOINT_HEADER_BYTES, parseCheckpointHeader, parseCheckpointManifest } from '#protocol/checkpoint.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { type FolderNode, withFolders } from '../folder-fixture.ts';
import { linkPair } from '../link-pair.ts';
import { contentOf, headsText, level, link, until } from '../sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/src/shop.ts';
/** Type byte of the message. */
const BLOB_CHUNK = 9;

const insert = (node: FolderNode, text: string, at = 0): Promise<void> =>
  node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(at, text));
const textOf = (node: FolderNode): string => node.replica.document(DRAFT).getText('text').toString();

/** Records, nested types, text and registers, with overwriting and deleting. */
async function work(node: FolderNode, rounds: number): Promise<void> {
  const { replica } = node;
  for (let n = 0; n < rounds; n++) {
    await replica.edit('debug', (doc) => {
      const map = doc.getMap<unknown>('breakpoints');
      map.set(`${replica.self}-${n % 7}`, { line: n });
      if (n % 3 === 0) map.delete(`${replica.self}-${(n + 2) % 7}`);
      if (n % 5 === 0) map.set('nested', new Y.Map([['n', n]]));
      else if (map.get('nested') instanceof Y.Map) (map.get('nested') as Y.Map<unknown>).set(`k${n % 4}`, n);
    });
    await replica.edit(DRAFT, (doc) => {
      const text = doc.getText('text');
      text.insert(Math.min(n, text.length), `line ${n}\n`);
      if (n % 4 === 0) text.delete(0, 2);
    });
    await replica.writeRegister('notes', `r${n % 5}`, n % 11 === 0 ? null : { n });
  }
}

function same(a: FolderNode, b: FolderNode): void {
  for (const name of ['debug', DRAFT] as const) assert.is(contentOf(a, name), contentOf(b, name), name);
  for (const member of a.replica.control.members.keys()) {
    const [mine, theirs] = [a, b].map((node) => [...node.replica.registers('notes', member)].sort());
    assert.equal(mine, theirs);
  }
}

/** Bytes of the first blob, whole or in part. */
function blobBytes(node: FolderNode): number {
  const folder = node.folder.folder('blobs');
  return folder.size(folder.list()[0] ?? '') ?? 0;
}

/** Links two until a number of chunks went over, then cuts. */
async function takeChunks(from: FolderNode, to: FolderNode, count: number): Promise<void> {
  let chunks = 0;
  const pair = linkPair(from.signer.publicKey, to.signer.publicKey, {
    tamper: (message) => (message[0] === BLOB_CHUNK && ++chunks > count ? undefined : message),
  });
  from.replica.connect(pair.left);
  to.replica.connect(pair.right);
  const before = blobBytes(to);
  await until(() => blobBytes(to) >= before + count * BLOB_CHUNK_BYTES, `${count} chunks`);
  pair.cut();
}

test('a checkpoint takes the place of the envelopes, on disk and when it is opened again', () =>
  withFolders(async ({ owner }) => {
    await work(owner, 40);
    const before = { heads: headsText(owner), debug: contentOf(owner, 'debug'), draft: contentOf(owner, DRAFT) };
    const bytes = owner.logBytes;
    const blob = await owner.replica.makeCheckpoint();
    assert.equal(owner.blobs(), [blob as string]);
    assert.ok(owner.logBytes < bytes / 4, `${owner.logBytes} bytes of ${bytes} are left`);
    for (const phase of ['at once', 'reopened']) {
      if (phase === 'reopened') await owner.reopen();
      assert.is(headsText(owner), before.heads, phase);
      assert.is(contentOf(owner, 'debug'), before.debug, phase);
      assert.is(contentOf(owner, DRAFT), before.draft, phase);
    }
    assert.is(await owner.replica.makeCheckpoint(), undefined, 'nothing came after it');
    await work(owner, 10);
    await owner.replica.makeCheckpoint();
    const after = contentOf(owner, DRAFT);
    await owner.reopen();
    assert.is(contentOf(owner, DRAFT), after);
    assert.is(owner.blobs().length, 2, 'the one before is kept for whoever is fetching it');
  }));

test('a member that holds everything makes the same blob itself, lets go of its envelopes and says so', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('debugger');
    const wire = link(owner, guest);
    await Promise.all([work(owner, 30), work(guest, 30).catch(() => undefined)]);
    await until(() => level([owner, guest]), 'level');
    const sent = wire.sent.left;
    const bytes = guest.logBytes;
    const blob = await owner.replica.makeCheckpoint();
    await until(() => guest.outcomes.includes('same'), 'compared');
    assert.ok(wire.sent.left - sent < 4000, `${wire.sent.left - sent} bytes were sent`);
    assert.equal(guest.blobs(), [blob as string]);
    assert.ok(guest.logBytes < bytes / 3, `${guest.logBytes} of ${bytes} bytes are left`);
    await until(() => level([owner, guest]), 'level again');
    assert.equal(owner.replica.registers('notes', guest.replica.self).get('checkpoint'), {
      blob,
      same: true,
      documents: [],
    });
    same(owner, guest);
    await work(owner, 5);
    await until(() => level([owner, guest]), 'level after more work');
    same(owner, guest);
  }));

test('who joins late gets the checkpoint from one member and what came after it from another', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    await work(owner, 100);
    await owner.replica.makeCheckpoint();
    await until(() => guest.outcomes.includes('same'), 'compared');
    const late = await join('editor');
    await until(() => guest.replica.control.members.size === 3, 'the guest knows of it');
    const first = link(guest, late);
    await until(() => late.outcomes.includes('adopted'), 'adopted');
    first.cut();
    await insert(owner, 'after the checkpoint ');
    const second = link(owner, late);
    await until(() => level([owner, late]), 'level');
    same(owner, late);
    assert.ok(second.sent.left < 40_000, `the tail took ${second.sent.left} bytes`);
    await insert(late, 'from the late one ');
    await until(() => level([owner, guest, late]), 'level after its first edit');
    same(owner, late);
    await late.reopen();
    same(owner, late);
  }));

test('a transfer that is cut goes on from another member, and after a restart', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    const noise = (length: number): string =>
      Array.from({ length }, () => String.fromCharCode(33 + Math.random() * 90)).join('');
    for (let n = 0; n < 300; n++) await insert(owner, noise(8000));
    await owner.replica.makeCheckpoint();
    await until(() => guest.outcomes.includes('same'), 'compared');
    const late = await join('editor');
    await until(() => guest.replica.control.members.size === 3, 'the guest knows of it');
    const chunksOf = (node: FolderNode): number => Math.ceil(blobBytes(node) / BLOB_CHUNK_BYTES);
    const total = chunksOf(guest);
    assert.ok(total > 8, `${total} chunks`);
    await takeChunks(owner, late, 3);
    assert.is(chunksOf(late), 3);
    await takeChunks(guest, late, 2);
    assert.is(chunksOf(late), 5);
    await late.reopen();
    const wire = link(owner, late);
    await until(() => late.outcomes.includes('adopted'), 'adopted');
    await until(() => level([owner, late]), 'level');
    assert.is(textOf(late), textOf(owner));
    const rest = (total - 5) * BLOB_CHUNK_BYTES;
    assert.ok(wire.sent.left < rest + 50_000, `${wire.sent.left} bytes for ${rest}: chunks were sent again`);
  }));

test('what was written offline beside a checkpoint, and beyond it, comes in afterwards', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    const other = await join('editor');
    let wire = link(owner, guest);
    const second = link(owner, other);
    await work(owner, 50);
    await insert(guest, 'seen by all ');
    await until(() => level([owner, guest, other]), 'level');
    wire.cut();
    second.cut();
    await insert(guest, 'offline, beyond the head ');
    await other.reopen();
    await insert(other, 'offline, a chain of its own ');
    await other.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('other', 1));
    await work(owner, 400);
    await owner.replica.makeCheckpoint();
    await work(owner, 3);
    wire = link(owner, guest);
    link(owner, other);
    await until(() => level([owner, guest, other]), 'level again');
    assert.match(textOf(owner), 'beyond the head');
    assert.match(textOf(owner), 'a chain of its own');
    same(owner, guest);
    same(owner, other);
    // Both lacked more than a few envelopes: they took the checkpoint and kept their own.
    assert.ok(guest.outcomes.includes('adopted') && other.outcomes.includes('adopted'));
    for (const node of [guest, other, owner]) await node.reopen();
    same(owner, guest);
    same(owner, other);
    assert.match(textOf(guest), 'beyond the head');
  }));

test('envelopes that nobody has any more are made up for by the checkpoint, however few they are', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    const wire = link(owner, guest);
    await insert(owner, 'both ');
    await until(() => level([owner, guest]), 'level');
    wire.cut();
    await insert(owner, 'one ');
    await insert(owner, 'two ');
    await insert(guest, 'mine ');
    await owner.replica.makeCheckpoint();
    link(owner, guest);
    await until(() => level([owner, guest]) && textOf(owner) === textOf(guest), 'level again');
    assert.equal(guest.outcomes, ['adopted']);
    assert.match(textOf(owner), 'mine');
    assert.match(textOf(owner), 'one');
  }));

test('whoever lacks what a checkpoint included makes none until it is here again', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    const wire = link(owner, guest);
    await work(owner, 5);
    await until(() => level([owner, guest]), 'level');
    await owner.replica.flush();
    const backup = owner.folder.crashed({ bytes: true, names: true });
    await insert(owner, 'since ');
    const blob = (await owner.replica.makeCheckpoint()) as string;
    await until(() => guest.outcomes.includes('same'), 'the guest stands on it');
    wire.cut();

    await owner.reopen(backup);
    // Of what was decided it knows, of what was written it does not.
    await owner.replica.receiveControl(guest.replica.controlEntries());
    await insert(owner, 'alone ');
    assert.is(await owner.replica.makeCheckpoint(), undefined);
    link(owner, guest);
    await until(() => owner.replica.checkpoints?.status().blob === blob && level([owner, guest]), 'it has it again');
    assert.match(textOf(owner), 'since ');
    assert.type(await owner.replica.makeCheckpoint(), 'string');
    same(owner, guest);
  }));

test('what a chain had seen is in order, though its envelopes are read document by document', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    // The guest sees something new before each envelope, and writes to two documents in turn.
    for (let n = 0; n < 4; n++) {
      await owner.replica.writeRegister('notes', 'r', n);
      await until(() => level([owner, guest]), 'the guest has seen it');
      if (n % 2 === 0) await insert(guest, `${n} `);
      else await guest.replica.edit('debug', (doc) => doc.getMap('breakpoints').set(`${n}`, n));
      await until(() => level([owner, guest]), 'the owner has it');
    }
    const blob = (await owner.replica.makeCheckpoint()) as string;
    const file = owner.folder.folder('blobs').open(blob);
    const start = parseCheckpointHeader(file.read(0, CHECKPOINT_HEADER_BYTES));
    const { chains } = parseCheckpointManifest(file.read(CHECKPOINT_HEADER_BYTES, start));
    const steps = chains.find(({ member }) => member === guest.replica.self)?.seen ?? [];
    // Each of the guest's four envelopes has seen one more of the owner's.
    assert.equal(
      steps.map(([at, , seq]) => [at, seq]),
      [1, 2, 3, 4].map((n) => [n, n]),
    );
    await until(() => guest.outcomes.length > 0, 'the guest compared');
    assert.equal(guest.outcomes, ['same']);
    for (const node of [owner, guest]) await node.reopen();
    const late = await join('editor');
    for (const node of [guest, late]) link(owner, node);
    await until(() => level([owner, guest, late]), 'both can read it, and so can a joiner');
    for (const node of [guest, late]) same(owner, node);
  }));

test.run();
