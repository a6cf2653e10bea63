/**
 * A chain that forks below a checkpoint: the owner's includes one line before anybody tells it of the other. What it
 * includes counts for good, nothing else of that chain does, and what honest members wrote upon the other line stays.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { type FolderFixture, type FolderNode, withFolders } from './folder-fixture.ts';
import { MemoryLogFile } from './memory-log-file.ts';
import { contentOf, link, type Member, until } from './sandbox-fixture.ts';
import { agree, incarnationOf, reopen } from './twins.ts';

const DRAFT: DocumentName = 'draft/a';

const text = ({ replica }: Pick<Member, 'replica'>): string => replica.document(DRAFT).getText('text').toString();

function insert({ replica }: Pick<Member, 'replica'>, at: number, what: string): Promise<void> {
  return replica.edit(DRAFT, (doc) => doc.getText('text').insert(at, what));
}

interface Scene extends FolderFixture {
  /** Has met the other line only, and written upon it. */
  readonly left: FolderNode;
  readonly mallory: FolderNode;
}

/** `BASE!` is known to all; the owner's checkpoint holds `word ` of mallory, and `beyond ` came after it. */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withFolders(async (fixture) => {
    const { owner, join, nodes } = fixture;
    const left = await join('editor');
    const mallory = await join('editor');
    const met = [link(owner, left), link(owner, mallory)];
    await insert(owner, 0, 'BASE');
    await until(() => text(mallory) === 'BASE', 'mallory has the draft');
    await insert(mallory, 4, '!');
    await until(() => nodes.every((node) => text(node) === 'BASE!'), 'level');
    met[0]?.cut();
    const twin = await copyOf(mallory);
    const led = link(left, twin);
    await insert(mallory, 0, 'word ');
    await insert(twin, 0, 'EVIL ');
    await until(() => text(owner) === 'word BASE!' && text(left) === 'EVIL BASE!', 'each has met one line');
    await owner.replica.makeCheckpoint();
    await insert(mallory, 0, 'beyond ');
    await insert(left, 2, '<honest>');
    await until(() => text(owner) === 'beyond word BASE!', 'the owner has what came after');
    for (const pair of [...met, led]) pair.cut();
    await twin.replica.stop();
    await body({ ...fixture, left, mallory });
  });
}

/** Somebody who goes on with the same chain, from what lies in the folder. */
async function copyOf(node: FolderNode): Promise<Member> {
  await node.replica.flush();
  const disk = node.folder.open(LOG_NAME);
  const file = new MemoryLogFile();
  file.append(disk.read(0, disk.size));
  return await reopen({ replica: node.replica, signer: node.signer, file }, incarnationOf(node));
}

const settled = (node: FolderNode): boolean => ['<honest>word BASE!', 'word <honest>BASE!'].includes(text(node));

function assertSame(nodes: readonly FolderNode[], when: string): void {
  for (const node of nodes) assert.is(contentOf(node, DRAFT), contentOf(nodes[0] as FolderNode, DRAFT), when);
}

test('who met the other line takes over the checkpoint; the owner takes up the line, and neither drops the other', () =>
  withScene(async ({ owner, left, mallory }) => {
    const both = [owner, left];
    link(owner, left);
    await until(() => agree(both) && both.every(settled), 'both have all lines and say the same');
    assert.equal(left.outcomes, ['adopted']);
    assertSame(both, 'while they live');
    assert.is(await owner.replica.makeCheckpoint(), undefined, 'no checkpoint holds both lines');
    assert.equal(owner.replica.checkpoints?.status().forked, [mallory.replica.self], 'it says why');
    await insert(left, 0, 'on ');
    await insert(owner, 0, 'and ');
    await until(() => both.every((node) => /^(on and|and on) /.test(text(node))), 'work goes on');
    for (const node of both) await node.reopen();
    assertSame(both, 'opened again');
    assert.ok(agree(both));
  }));

test('who met the other line first edits what the checkpoint includes, and it lies there for everybody', () =>
  withScene(async ({ owner, left, join }) => {
    const both = [owner, left];
    link(owner, left);
    await until(() => agree(both) && both.every(settled), 'both have all lines and say the same');
    await insert(left, text(left).indexOf('word') + 2, '<in>');
    const at = text(left).indexOf('rd ');
    await left.replica.edit(DRAFT, (doc) => doc.getText('text').delete(at, 1));
    await until(() => both.every((node) => text(node).includes('wo<in>d ')), 'inserted and deleted at the same place');
    const late = await join('editor');
    link(late, owner);
    const all = [...both, late];
    await until(() => agree(all) && text(late).includes('wo<in>d '), 'a joiner has it there, too');
    // A new chain of the owner's meets both lines at once.
    await owner.reopen();
    await insert(owner, text(owner).indexOf('d '), '<owner>');
    for (const node of [left, late]) link(owner, node);
    await until(() => agree(all) && all.every((node) => text(node).includes('wo<in><owner>d ')), 'so does the owner');
    for (const node of both) await node.reopen();
    assertSame(all, 'opened again');
  }));

test('a fresh joiner settles the fork the same way, from the checkpoint and what lies beside it', () =>
  withScene(async ({ owner, left, join }) => {
    link(owner, left);
    await until(() => settled(owner) && settled(left), 'settled');
    const late = await join('editor');
    link(late, left);
    await until(() => agree([owner, left, late]) && settled(late), 'the joiner has all lines');
    assertSame([owner, left, late], 'all three');
    assert.equal(late.outcomes, ['adopted']);
  }));

test.run();
