/** Chains and documents built anew from the log: nothing changes where nothing has to, what was set aside comes back. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { AppendLog, RecordType } from '#node/storage/append-log.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { MemoryLogFile } from './memory-log-file.ts';
import { contentOf, level, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/a';

function insert(node: Node, what: string): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, what));
}

const text = (node: Node): string => node.replica.document(DRAFT).getText('text').toString();

/** The same log with the control entries that `keep` picks by their number, as if the others had been damaged. */
async function withControl(file: MemoryLogFile, keep: (seq: number) => boolean): Promise<MemoryLogFile> {
  const copy = new MemoryLogFile();
  const { log } = await AppendLog.open(copy, nodeEnvironment(), () => undefined);
  let control = 0;
  await AppendLog.open(file.copy(), nodeEnvironment(), ({ type, body }) => {
    if (type !== RecordType.control || keep(++control)) log.append(type as RecordType, body);
  });
  await log.close();
  return copy;
}

test('a rebuild that changes nothing resets nothing, and work goes on in the same chain', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    await insert(owner, 'one ');
    await insert(guest, 'two ');
    await until(() => level([owner, guest]) && text(owner) === text(guest), 'level');
    const resets: string[] = [];
    owner.replica.events.on('reset', ({ document }) => resets.push(document));
    const doc = owner.replica.document(DRAFT);
    const { clientId } = owner.replica;
    owner.replica.rebuild();
    assert.equal(resets, []);
    assert.is(owner.replica.document(DRAFT), doc);
    assert.is(owner.replica.clientId, clientId);
    await insert(owner, 'three ');
    await insert(guest, 'four ');
    await until(() => level([owner, guest]) && text(owner) === text(guest) && text(owner).length > 17, 'level again');
  }));

test('envelopes under control entries that are missing are set aside on open, and back when the entries are', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    await insert(owner, 'early ');
    await until(() => text(guest) === 'early ', 'the guest has it');
    const keep = guest.replica.control.seq;
    await join('viewer');
    await insert(owner, 'late ');
    await guest.replica.writeRegister('notes', 'chat/1', 'later');
    await until(() => level([owner, guest]) && text(guest) === 'late early ', 'level');
    await guest.replica.flush();

    const file = await withControl(guest.file, (seq) => seq <= keep);
    const { replica } = await openSandbox({
      environment: nodeEnvironment(),
      file,
      deviceSigner: guest.signer,
      sandbox: guest.replica.sandbox,
    });
    const reopened: Node = { replica, signer: guest.signer, file };
    try {
      assert.is(replica.control.seq, keep);
      assert.is(text(reopened), 'early ');
      await replica.edit(DRAFT, (doc) => doc.getText('text').insert(6, 'meanwhile '));
      const reset = replica.events.next('reset');
      await replica.receiveControl(owner.replica.controlEntries().slice(keep));
      assert.equal(await reset, { document: DRAFT });
      assert.is(text(reopened), 'late early meanwhile ');
      assert.is(replica.registers('notes', guest.replica.self).get('chat/1'), 'later');
      await guest.replica.stop();
      link(owner, reopened);
      await until(() => level([owner, reopened]), 'level with the others');
      assert.is(contentOf(owner, DRAFT), contentOf(reopened, DRAFT));
    } finally {
      await replica.stop();
    }
  }));

test('entries behind a damaged one come back with it, before the next restart, and so does the right to sign', () =>
  withSandbox(async ({ owner, controlSigner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    const gap = owner.replica.control.seq + 1;
    await join('viewer');
    const { seq } = owner.replica.control;
    await insert(owner, 'late ');
    await until(() => text(guest) === 'late ', 'the guest has all');
    await owner.replica.flush();
    await owner.replica.stop();

    const file = await withControl(owner.file, (number) => number !== gap);
    const { signer } = owner;
    const { replica } = await openSandbox({
      environment: nodeEnvironment(),
      file,
      deviceSigner: signer,
      controlSigner,
      sandbox: owner.replica.sandbox,
    });
    const reopened: Node = { replica, signer, file };
    try {
      assert.is(replica.control.seq, gap - 1);
      assert.is(replica.authority, undefined, 'what it signed now would stand beside what it has signed');
      assert.is(text(reopened), '');
      // No more than the damaged one: the others are on the disk here.
      await replica.receiveControl(guest.replica.controlEntries().slice(gap - 1, gap));
      assert.is(replica.control.seq, seq);
      assert.is(text(reopened), 'late ');
      assert.ok(replica.authority);
    } finally {
      await replica.stop();
    }
  }));

test.run();
