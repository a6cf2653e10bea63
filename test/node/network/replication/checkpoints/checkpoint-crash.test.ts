import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import type { OpenedReplica } from '#node/network/replication/open-replica.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { MemoryFolder } from '../../../storage/memory-folder.ts';
import { type FolderNode, openFolder, withFolders } from '../folder-fixture.ts';
import { level, link, until } from '../sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/src/shop.ts';

const insert = (node: FolderNode, text: string): Promise<void> =>
  node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, text));
const textOf = ({ replica }: Pick<FolderNode, 'replica'>): string => replica.document(DRAFT).getText('text').toString();

interface Moment {
  readonly what: string;
  /** Edits whose promise had resolved by then. */
  readonly acknowledged: readonly string[];
  readonly left: readonly MemoryFolder[];
}

/** Writes on and on while `body` runs, and keeps what a crash before every step of the disk would leave. */
async function watch(node: FolderNode, body: () => Promise<unknown>): Promise<Moment[]> {
  const moments: Moment[] = [];
  const acknowledged: string[] = [];
  let n = 0;
  let nested = false;
  let over = false;
  node.folder.onOperation = (what) => {
    const left = [true, false].flatMap((bytes) => [true, false].map((names) => node.folder.crashed({ bytes, names })));
    moments.push({ what, acknowledged: [...acknowledged], left });
    if (nested || n >= 30) return;
    nested = true;
    const mark = `<${n++}>`;
    setImmediate(() => {
      if (!over) void insert(node, mark).then(() => acknowledged.push(mark));
    });
    nested = false;
  };
  await body();
  over = true;
  node.folder.onOperation = () => undefined;
  return moments;
}

async function judge(node: FolderNode, moments: readonly Moment[], before: string): Promise<void> {
  const { sandbox } = node.replica;
  for (const { what, acknowledged, left } of moments) {
    for (const folder of left) {
      let opened: OpenedReplica;
      try {
        opened = await openFolder(folder, sandbox, node.signer, node.controlSigner);
      } catch (error) {
        throw new Error(`crash at "${what}": ${error instanceof Error ? error.message : error}`);
      }
      const text = textOf(opened);
      await opened.replica.stop();
      assert.ok(text.includes(before), `crash at "${what}": what was there before is gone`);
      for (const mark of acknowledged) assert.ok(text.includes(mark), `crash at "${what}": ${mark} was lost`);
    }
  }
}

test('a crash at any step of making a checkpoint loses nothing acknowledged', () =>
  withFolders(async ({ owner }) => {
    for (let n = 0; n < 20; n++) await insert(owner, 'before ');
    const before = textOf(owner);
    const moments = await watch(owner, () => owner.replica.makeCheckpoint());
    assert.ok(moments.some(({ what }) => what.startsWith('rename sandbox.log.new')));
    assert.ok(moments.some(({ what }) => what.startsWith('blobs/rename')));
    await judge(owner, moments, before);
    // And once more, on top of the first: the blob before goes only when nothing stands on it any more.
    await owner.replica.flush();
    const again = textOf(owner);
    await judge(owner, await watch(owner, () => owner.replica.makeCheckpoint()), again);
    await owner.replica.flush();
    await insert(owner, 'third ');
    const third = textOf(owner);
    const last = await watch(owner, () => owner.replica.makeCheckpoint());
    assert.ok(last.some(({ what }) => what.startsWith('blobs/remove')));
    await judge(owner, last, third);
  }));

test('a crash at any step of adopting a checkpoint loses nothing of its own', () =>
  withFolders(async ({ owner, join }) => {
    for (let n = 0; n < 300; n++) await insert(owner, 'theirs ');
    await owner.replica.makeCheckpoint();
    const guest = await join('editor');
    await insert(guest, 'mine offline ');
    await guest.folder.sync();
    const moments = await watch(guest, async () => {
      link(owner, guest);
      await until(() => guest.outcomes.includes('adopted'), 'adopted');
      await until(() => level([owner, guest]), 'level');
    });
    assert.ok(moments.some(({ what }) => what.startsWith('rename sandbox.log.new')));
    await judge(guest, moments, 'mine offline ');
    await guest.reopen();
    assert.match(textOf(guest), 'theirs theirs');
    assert.match(textOf(guest), 'mine offline');
  }));

test('the log names an adopted checkpoint only once its blob is durable', () =>
  withFolders(async ({ owner, join }) => {
    for (let n = 0; n < 300; n++) await insert(owner, 'theirs ');
    await owner.replica.makeCheckpoint();
    const guest = await join('editor');
    const steps: string[] = [];
    guest.folder.onOperation = (what) => void steps.push(what);
    let letGo: (() => void) | undefined;
    guest.folder.folder('blobs').hold = () =>
      new Promise((resolve) => {
        letGo = resolve;
      });
    link(owner, guest);
    await until(() => steps.includes('end of sync sandbox.log.new'), 'the new log is synced');
    // time enough to read the checkpoint
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.not(steps.includes('rename sandbox.log.new'));
    letGo?.();
    await until(() => guest.outcomes.includes('adopted'), 'adopted');
    assert.match(textOf(guest), 'theirs theirs');
  }));

test('rot in the middle of the log costs nothing that another member has, and nothing of one’s own', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    const wire = link(owner, guest);
    for (let n = 0; n < 10; n++) await insert(owner, `owner ${n} `);
    for (let n = 0; n < 10; n++) await insert(guest, `guest ${n} `);
    await until(() => level([owner, guest]), 'level');
    wire.cut();
    // In the middle of what both have; what follows of the guest's own was never sent.
    const middle = Math.floor(guest.logBytes * 0.7);
    for (let n = 0; n < 5; n++) await insert(guest, `unsent ${n} `);
    await guest.replica.flush();
    const before = textOf(guest);
    await guest.replica.stop();
    guest.folder.rot(LOG_NAME, middle);
    const opened = await guest.reopen();
    assert.ok(opened.damagedBytes > 0);
    assert.ok((guest.folder.size(`${LOG_NAME}.damaged`) ?? 0) > 0, 'it is kept for whoever wants to look');
    link(owner, guest);
    await until(() => level([owner, guest]) && textOf(guest) === before, 'whole again');
    assert.is(textOf(owner), before);
    const again = await guest.reopen();
    assert.is(again.damagedBytes, 0, 'it was set aside once');
    assert.is(textOf(guest), before);
  }));

test('a checkpoint that rotted on disk is fetched again, and what stands on it comes back', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    let wire = link(owner, guest);
    for (let n = 0; n < 30; n++) await insert(owner, `owner ${n} `);
    await until(() => level([owner, guest]), 'level');
    await owner.replica.makeCheckpoint();
    await until(() => guest.outcomes.includes('same'), 'compared');
    await until(() => level([owner, guest]), 'level');
    wire.cut();
    await insert(guest, 'mine ');
    const before = textOf(guest);
    const blob = guest.blobs()[0] as string;
    guest.folder.folder('blobs').rot(blob, 700);
    await guest.reopen();
    assert.ok(guest.blobs().includes(`${blob}.damaged`));
    assert.is(textOf(guest), '', 'nothing stands without it');
    await insert(guest, 'meanwhile ');
    wire = link(owner, guest);
    await until(() => level([owner, guest]), 'level again');
    assert.ok(textOf(guest).includes('mine ') && textOf(guest).includes('meanwhile '), textOf(guest));
    assert.is(textOf(guest).replace('meanwhile ', ''), before);
    await guest.reopen();
    assert.is(textOf(guest), textOf(owner));
  }));

test.run();
