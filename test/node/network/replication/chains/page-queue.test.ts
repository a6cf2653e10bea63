/** What pages wrote between being shown to other pages and being signed: nothing of it is lost, doubled or joined. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { Chain } from '#node/network/replication/chains/chain.ts';
import { PageQueue } from '#node/network/replication/chains/page-queue.ts';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { TypeDepths } from '#shared/documents/update-check.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemoryFolder } from '../../../storage/memory-folder.ts';
import { openFolder, withFolders } from '../folder-fixture.ts';
import { level, link, type Node, until, withSandbox } from '../sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/a';
const JOURNAL = 'pages.journal';

/** A page that is told of nothing, and what it wrote. */
class Writer {
  readonly doc = new Y.Doc();
  readonly incarnation: number;
  readonly #replica: SandboxReplica;
  readonly #updates: Uint8Array[] = [];

  constructor(replica: SandboxReplica) {
    this.#replica = replica;
    this.incarnation = replica.pages.newIncarnation();
    this.doc.clientID = clientIdOf(replica.self, this.incarnation);
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'told') this.#updates.push(update);
    });
  }

  get text(): Y.Text {
    return this.doc.getText('text');
  }

  /** Types at the end. */
  type(text: string) {
    this.text.insert(this.text.length, text);
    return this.hold();
  }

  hold() {
    const messages = this.#updates.splice(0).map((update) => ({ update, atOnce: true }));
    return this.#replica.pages.hold(this.incarnation, DRAFT, messages);
  }

  tell(other: Writer): void {
    Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(this.doc), 'told');
  }
}

const textOf = (replica: SandboxReplica): string => replica.document(DRAFT).getText('text').toString();

const seqOf = (replica: SandboxReplica, { incarnation }: Writer): number =>
  replica.heads().find((head) => head.incarnation === incarnation)?.seq ?? 0;

async function codeOf(what: Promise<unknown> | undefined): Promise<string> {
  try {
    await what;
  } catch (error) {
    return error instanceof SandboxError ? error.code : String(error);
  }
  return 'none';
}

test('what is held is entered when the turn is over, and durable then', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const page = new Writer(replica);
    const held = page.type('held');
    assert.is(textOf(replica), '');
    await held?.durable;
    assert.is(textOf(replica), 'held');
    assert.is(seqOf(replica, page), 1);
  }));

test('pages that go on from what others were shown have envelopes of their own each, in the order they came', () =>
  withSandbox(async ({ owner, join }) => {
    const { replica } = owner;
    const editor = await join('editor');
    const [a, b] = [new Writer(replica), new Writer(replica)];
    const all: (Promise<void> | undefined)[] = [];
    for (let n = 0; n < 10; n++) {
      all.push(a.type(`a${n}`)?.durable);
      a.tell(b);
      all.push(b.type(`b${n}`)?.durable);
      b.tell(a);
    }
    assert.is(seqOf(replica, a), 0);
    await Promise.all(all);
    assert.is.not(all.includes(undefined), true);
    assert.equal([seqOf(replica, a), seqOf(replica, b)], [10, 10]);
    assert.is(textOf(replica), a.text.toString());
    link(owner, editor);
    await until(() => level([owner, editor] as Node[]), 'the editor accepts all of them');
    assert.is(textOf(editor.replica), a.text.toString());
  }));

test('deletes of what is held, nested types of what is held', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const [a, b] = [new Writer(replica), new Writer(replica)];
    a.doc.getMap('maps').set('outer', new Y.Map());
    assert.ok(a.hold());
    a.tell(b);
    (b.doc.getMap('maps').get('outer') as Y.Map<unknown>).set('inner', new Y.Text('deep'));
    assert.ok(b.hold());
    b.tell(a);
    a.doc.getMap('maps').delete('outer');
    const last = a.hold();
    await last?.durable;
    assert.equal(replica.document(DRAFT).getMap('maps').toJSON(), {});
    assert.is(seqOf(replica, a), 2);
  }));

test('whatever asks for the document, or ends it, has what is held', () =>
  withFolders(async ({ owner }) => {
    const { replica } = owner;
    const page = new Writer(replica);
    page.type('1');
    assert.ok((owner.folder.size(JOURNAL) as number) > 0);
    replica.sealPending(DRAFT);
    assert.is(textOf(replica), '1');
    assert.is(owner.folder.size(JOURNAL), 0);
    page.type('2');
    await replica.flush();
    assert.is(textOf(replica), '12');
    page.type('3');
    replica.rebuild();
    assert.is(textOf(replica), '123');
    page.type('4');
    const { replica: reopened } = await owner.reopen();
    assert.is(textOf(reopened), '1234');
    assert.is(owner.folder.size(JOURNAL), 0);
  }));

test('what is taken at once comes after what is held, and may go on from it', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const [a, b] = [new Writer(replica), new Writer(replica)];
    a.type('held');
    a.tell(b);
    const before = Y.encodeStateVector(b.doc);
    b.text.insert(4, 'x'.repeat(20_000));
    const update = Y.encodeStateAsUpdate(b.doc, before);
    assert.is(b.hold(), undefined);
    assert.is(replica.pages.take(b.incarnation, DRAFT, [{ update, atOnce: true }]).incomplete, false);
    assert.is(textOf(replica), b.text.toString());
  }));

test('a member that may not write holds nothing', () =>
  withSandbox(async ({ join }) => {
    const { replica } = await join('viewer');
    const page = new Writer(replica);
    page.text.insert(0, 'x');
    assert.throws(() => page.hold(), /your role is "viewer"/);
    replica.pages.flush();
    assert.is(textOf(replica), '');
  }));

test('what stands on something that is gone by the time it is entered is said to be stale', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const page = new Writer(replica);
    page.text.insert(0, 'x');
    const gone = { clock: 0, durable: Promise.resolve(), foreign: 0, incomplete: true };
    const queue = new PageQueue({
      chains: replica.chains,
      documents: { depths: () => new TypeDepths() },
      folder: undefined,
      environment: nodeEnvironment(),
      assertMayWrite: () => undefined,
      take: () => gone,
    });
    const chain = new Chain(replica.self, page.incarnation);
    const held = queue.hold(chain, DRAFT, [{ update: Y.encodeStateAsUpdate(page.doc), atOnce: true }]);
    assert.is(await codeOf(held?.durable), 'HANDLE_STALE');
    queue.stop();
  }));

test('what is unusual is not held: a gap, another id, what nobody may share, what is large, what may be older', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const page = new Writer(replica);
    const hold = (update: Uint8Array, atOnce = true) =>
      replica.pages.hold(page.incarnation, DRAFT, [{ update, atOnce }]);
    const written = (change: (doc: Y.Doc) => void, client = page.doc.clientID): Uint8Array => {
      const doc = new Y.Doc();
      doc.clientID = client;
      change(doc);
      return Y.encodeStateAsUpdate(doc);
    };
    const typed = written((doc) => doc.getText('text').insert(0, 'x'));
    assert.is(hold(written((doc) => doc.getText('text').insert(0, 'x'), page.doc.clientID + 1)), undefined);
    assert.is(hold(written((doc) => doc.getText('text').insert(0, 'x', { bold: true }))), undefined);
    assert.is(hold(written((doc) => doc.getText('text').insert(0, 'x'.repeat(20_000)))), undefined);
    assert.is(hold(typed, false), undefined);
    assert.is(hold(new Uint8Array([1, 2, 3])), undefined);
    page.text.insert(0, 'lost');
    page.hold();
    replica.pages.flush();
    const late = new Y.Doc();
    late.clientID = page.doc.clientID;
    Y.applyUpdate(late, Y.encodeStateAsUpdate(page.doc));
    late.clientID = page.doc.clientID;
    const before = Y.encodeStateVector(late);
    late.getText('text').insert(4, 'missing');
    const between = Y.encodeStateVector(late);
    late.getText('text').insert(11, 'after');
    assert.is(hold(Y.encodeStateAsUpdate(late, between)), undefined);
    // One that repeats what is here is not held; taken, it brings what is new.
    assert.is(hold(Y.encodeStateAsUpdate(late)), undefined);
    assert.ok(hold(Y.encodeStateAsUpdate(late, before)));
  }));

test('after a message that could not be held nothing counts as held that is not', () =>
  withSandbox(async ({ owner: { replica } }) => {
    const page = new Writer(replica);
    const good = new Y.Doc();
    good.clientID = page.doc.clientID;
    good.getText('text').insert(0, 'good');
    const update = Y.encodeStateAsUpdate(good);
    const messages = [update, new Uint8Array([9, 9])].map((one) => ({ update: one, atOnce: true }));
    assert.is(replica.pages.hold(page.incarnation, DRAFT, messages), undefined);
    assert.throws(() => replica.pages.take(page.incarnation, DRAFT, messages), /Cannot read a document update/);
    assert.ok(replica.pages.hold(page.incarnation, DRAFT, [{ update, atOnce: true }]));
  }));

test('a killed daemon had it in its journal: it is signed when the sandbox is opened again, once', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    const [a, b] = [new Writer(replica), new Writer(replica)];
    a.type('first ');
    a.tell(b);
    b.type('second');
    const left = folder.crashed({ bytes: true, names: true });
    const open = (from: MemoryFolder) => openFolder(from, replica.sandbox, owner.signer, owner.controlSigner);
    const { replica: again } = await open(left);
    try {
      assert.is(textOf(again), 'first second');
      assert.equal([seqOf(again, a), seqOf(again, b)], [1, 1]);
      assert.is(left.size(JOURNAL), 0);
    } finally {
      await again.stop();
    }
    // Killed between the log and the emptying of the journal: what is in both is there once.
    const journal = folder.crashed({ bytes: true, names: true });
    await replica.flush();
    const both = folder.crashed({ bytes: true, names: true });
    const bytes = journal.open(JOURNAL);
    both.open(JOURNAL).append(bytes.read(0, bytes.size));
    const { replica: third } = await open(both);
    try {
      assert.is(textOf(third), 'first second');
      assert.equal([seqOf(third, a), seqOf(third, b)], [1, 1]);
    } finally {
      await third.stop();
    }
  }));

test('what a killed daemon had held waits in its journal while the disk is full, also when the page does not come back', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    new Writer(replica).type('held');
    const left = folder.crashed({ bytes: true, names: true });
    const open = () => openFolder(left, replica.sandbox, owner.signer, owner.controlSigner);
    const whileFull = async (): Promise<void> => {
      left.fault = (what) => {
        if (what.startsWith('append')) throw new SandboxError('HOME_UNWRITABLE', 'no room');
      };
      const { replica: full } = await open();
      assert.is(textOf(full), '');
      left.fault = () => undefined;
      await full.stop();
    };
    await whileFull();
    await whileFull();
    const { replica: again } = await open();
    assert.is(textOf(again), 'held');
    assert.is(left.size(JOURNAL), 0);
    await again.stop();
  }));

test('once there is room what waits is entered with the next that a page writes, before the journal is emptied', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    new Writer(replica).type('held ');
    const left = folder.crashed({ bytes: true, names: true });
    left.fault = (what) => {
      if (what === `append ${LOG_NAME}`) throw new SandboxError('HOME_UNWRITABLE', 'no room');
    };
    const { replica: again } = await openFolder(left, replica.sandbox, owner.signer, owner.controlSigner);
    try {
      assert.is(textOf(again), '');
      left.fault = () => undefined;
      await new Writer(again).type('new ')?.durable;
      assert.is(textOf(again).length, 'held new '.length);
      assert.is(left.size(JOURNAL), 0);
    } finally {
      await again.stop();
    }
  }));

test('a journal of another place is of the past, and a torn or rotten one costs its end only', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    const page = new Writer(replica);
    page.type('kept ');
    page.type('torn');
    const text = async (change: (left: MemoryFolder) => void): Promise<string> => {
      const left = folder.crashed({ bytes: true, names: true });
      change(left);
      const { replica: again } = await openFolder(left, replica.sandbox, owner.signer, owner.controlSigner);
      try {
        assert.is(left.size(JOURNAL), 0);
        return textOf(again);
      } finally {
        await again.stop();
      }
    };
    assert.is(await text(() => undefined), 'kept torn');
    assert.is(
      await text((left) => {
        left.place = () => 'elsewhere';
      }),
      '',
    );
    const size = folder.size(JOURNAL) as number;
    assert.is(await text((left) => left.open(JOURNAL).truncate(size - 1)), 'kept ');
    assert.is(await text((left) => left.rot(JOURNAL, size - 1)), 'kept ');
    assert.is(await text((left) => left.rot(JOURNAL, 0)), '');
  }));

test('a journal that cannot be emptied harms nobody: what stays in it is there once', () =>
  withFolders(async ({ owner }) => {
    const { folder } = owner;
    const page = new Writer(owner.replica);
    folder.fault = (what) => {
      if (what === `truncate ${JOURNAL}`) throw new Error('EROFS: read-only file system');
    };
    await page.type('first ')?.durable;
    await page.type('second')?.durable;
    assert.is(textOf(owner.replica), 'first second');
    assert.ok((folder.size(JOURNAL) as number) > 0);
    folder.fault = () => undefined;
    const { replica } = await owner.reopen();
    assert.is(textOf(replica), 'first second');
    assert.is(folder.size(JOURNAL), 0);
  }));

test('a disk without room for the journal refuses, and what comes once there is room is taken', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    const page = new Writer(replica);
    folder.fault = (what) => {
      if (what === `append ${JOURNAL}`) throw new SandboxError('HOME_UNWRITABLE', 'no room');
    };
    page.text.insert(0, 'refused');
    const update = Y.encodeStateAsUpdate(page.doc);
    assert.throws(() => page.hold(), /no room/);
    folder.fault = () => undefined;
    const held = replica.pages.hold(page.incarnation, DRAFT, [{ update, atOnce: true }]);
    await held?.durable;
    assert.is(textOf(replica), 'refused');
  }));

test('what could not be entered after all is said to be so, and nothing of it is there until it comes again', () =>
  withFolders(async ({ owner }) => {
    const { replica, folder } = owner;
    const page = new Writer(replica);
    const held = page.type('refused');
    folder.fault = (what) => {
      if (what === `append ${LOG_NAME}`) throw new SandboxError('HOME_UNWRITABLE', 'no room');
    };
    assert.is(await codeOf(held?.durable), 'HOME_UNWRITABLE');
    assert.is(textOf(replica), '');
    folder.fault = () => undefined;
    const update = Y.encodeStateAsUpdate(page.doc);
    await replica.pages.take(page.incarnation, DRAFT, [{ update, atOnce: false }]).durable;
    assert.is(textOf(replica), 'refused');
  }));

test.run();
