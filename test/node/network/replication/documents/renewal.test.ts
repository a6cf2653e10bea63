/** Map records of an honest member that go along with what a removed one wrote late: its daemon writes them again. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import type { MemoryFolder } from '../../../storage/memory-folder.ts';
import { type FolderFixture, type FolderNode, withFolders } from '../folder-fixture.ts';
import { type LinkPair, linkPair } from '../link-pair.ts';
import { level, link, until } from '../sandbox-fixture.ts';

/** Type byte of the message. */
const PULL = 5;

interface Scene extends FolderFixture {
  readonly honest: FolderNode;
  readonly mallory: FolderNode;
  /** Between honest and mallory. */
  readonly pair: LinkPair;
}

/** Owner, an honest editor and one to be removed, who is linked to the honest one only. */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withFolders(async (fixture) => {
    const honest = await fixture.join('editor');
    const mallory = await fixture.join('editor');
    const nodes = [fixture.owner, honest, mallory];
    const first = [link(fixture.owner, honest), link(fixture.owner, mallory)];
    await until(() => nodes.every((node) => node.replica.control.members.size === 3), 'all know all');
    for (const cut of first) cut.cut();
    await body({ ...fixture, honest, mallory, pair: link(honest, mallory) });
  });
}

const change = (node: FolderNode, key: string, value: unknown): Promise<void> =>
  node.replica.edit('debug', (doc) => {
    const map = doc.getMap('breakpoints');
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  });
const records = (node: FolderNode): Record<string, unknown> => {
  const entries = Object.entries(node.replica.document('debug').getMap('breakpoints').toJSON());
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
};
/** Mallory writes `evil` under a key, the honest one sees it and puts its own over it. */
async function overwrite({ honest, mallory }: Scene, key: string): Promise<void> {
  await change(mallory, key, 'evil');
  await until(() => records(honest)[key] === 'evil', `${key} is spoilt`);
  await change(honest, key, `honest ${key}`);
  await until(() => level([honest, mallory]), `mallory has ${key}`);
}
const remove = async ({ owner, mallory }: Scene): Promise<void> =>
  owner.replica.authority?.revoke(mallory.replica.self);
/** The files as they lie there now. */
const snapshot = ({ folder }: FolderNode): MemoryFolder => folder.crashed({ bytes: true, names: true });

test('a record is written again that a cut write or a cut delete hid when the cut came', () =>
  withScene(async (scene) => {
    const { owner, honest, mallory } = scene;
    for (const key of ['a', 'b', 'c', 'd']) await overwrite(scene, key);
    await change(mallory, 'b', undefined);
    await change(mallory, 'c', 'evil again');
    await change(honest, 'd', undefined);
    await until(() => level([honest, mallory]), 'level');
    assert.equal(records(honest), { a: 'honest a', c: 'evil again' });
    await remove(scene);
    link(owner, honest);
    const expected = { a: 'honest a', b: 'honest b', c: 'honest c' };
    await until(() => JSON.stringify(records(owner)) === JSON.stringify(expected), 'the owner has the honest records');
    assert.equal(records(honest), expected, 'what its author deleted stays deleted');
  }));

test('a record is written again after a crash between the cut and the writing', () =>
  withScene(async (scene) => {
    const { owner, honest } = scene;
    await overwrite(scene, 'a');
    await remove(scene);
    let crashed: MemoryFolder | undefined;
    const heard = link(owner, honest);
    honest.replica.events.on('control', () => {
      crashed ??= snapshot(honest);
      heard.cut();
    });
    await until(() => crashed !== undefined, 'it has heard of the removal');
    await honest.reopen(crashed);
    assert.equal(records(honest), {});
    link(owner, honest);
    await until(() => records(owner)['a'] === 'honest a', 'the owner has the record');
    const { length } = honest.replica.heads();
    await honest.reopen();
    link(owner, honest);
    await change(owner, 'z', 1);
    await until(() => records(honest)['z'] === 1 && level([owner, honest]), 'level after another start');
    assert.is(honest.replica.heads().length, length + 1, 'only the owner wrote meanwhile');
  }));

test('a home set back to an old copy fetches what it had written since before it writes records again', () =>
  withScene(async (scene) => {
    const { owner, honest, join } = scene;
    const friend = await join('editor');
    await overwrite(scene, 'a');
    const old = snapshot(honest);
    await change(honest, 'a', 'honest, later');
    const met = link(friend, owner);
    link(friend, honest);
    await until(() => level([friend, honest]) && level([friend, owner]), 'a friend has it all');
    met.cut();
    await honest.replica.stop();
    await change(scene.mallory, 'x', 'evil x');
    await remove(scene);
    await honest.reopen(old);
    link(owner, friend);
    link(owner, honest);
    await until(
      () => level([owner, friend, honest]) && honest.replica.control.seq === owner.replica.control.seq,
      'all are level',
    );
    await until(() => records(owner)['a'] === records(honest)['a'], 'all agree');
    assert.equal(records(honest), { a: 'honest, later' });
  }));

test('a cut that comes while the log moves to a checkpoint leaves the records of this member whole', () =>
  withScene(async (scene) => {
    const { owner, honest, pair } = scene;
    await overwrite(scene, 'a');
    pair.cut();
    // More than its daemon fetches one by one.
    for (let i = 0; i < 300; i++) await change(owner, 'z', i);
    await owner.replica.makeCheckpoint();
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let moving = false;
    honest.folder.hold = (what) => {
      if (what !== `sync ${LOG_NAME}.new`) return Promise.resolve();
      moving = true;
      return held;
    };
    // The owner does not get what it does not ask for: what Mallory wrote late is not in its frontier.
    const heard = linkPair(owner.signer.publicKey, honest.signer.publicKey, {
      tamper: (message, from) => (message[0] === PULL && from === 'left' ? undefined : message),
    });
    owner.replica.connect(heard.left);
    honest.replica.connect(heard.right);
    try {
      await until(() => moving, 'the log moves');
      const reset = honest.replica.events.next('reset');
      await remove(scene);
      assert.is((await reset).document, 'debug');
    } finally {
      go();
    }
    await until(() => honest.outcomes.length > 0, 'it has moved');
    assert.equal(honest.outcomes, ['adopted']);
    heard.cut();
    link(owner, honest);
    await until(() => level([owner, honest]) && records(owner)['a'] === 'honest a', 'the owner has the record');
    assert.equal(records(honest), { a: 'honest a', z: 299 });
  }));

test.run();
