/**
 * A member who signs two envelopes for one slot, by a home that was rolled back while its daemon ran on, or on purpose:
 * the chain ends at the fork on every replica, and what honest members wrote upon either line stays.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { toHex } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import type { LinkPair } from './link-pair.ts';
import { contentOf, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/a';

/** A copy of a running replica's home that goes on with the same chain. */
async function clone(node: Node, nodes: Node[]): Promise<Node> {
  await node.replica.flush();
  const environment = nodeEnvironment();
  const incarnation = new Uint8Array(4);
  new DataView(incarnation.buffer).setUint32(0, node.replica.clientId % 2 ** 32);
  let first = true;
  const file = node.file.copy();
  const { replica } = await openSandbox({
    environment: {
      ...environment,
      random(bytes) {
        if (bytes !== 4 || !first) return environment.random(bytes);
        first = false;
        return incarnation;
      },
    },
    file,
    deviceSigner: node.signer,
    sandbox: node.replica.sandbox,
  });
  const copy = { replica, signer: node.signer, file };
  nodes.push(copy);
  return copy;
}

/** Every line of every chain, by hash. */
function lines(node: Node): string {
  return node.replica.chains
    .heads()
    .map(({ member, incarnation, seq, hash }) => `${member}/${incarnation}:${seq}:${toHex(hash)}`)
    .join(' ');
}

function equal(nodes: readonly Node[]): boolean {
  const [first, ...rest] = nodes.map(lines);
  return rest.every((text) => text === first);
}

const text = (node: Node): string => node.replica.document(DRAFT).getText('text').toString();

function insert(node: Node, at: number, what: string): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(at, what));
}

function remove(node: Node, at: number, length: number): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').delete(at, length));
}

test('both lines of a forked chain are neutralised, honest text upon either stays where it was', () =>
  withSandbox(async ({ owner, join, nodes }) => {
    const left = await join('editor');
    const right = await join('editor');
    const mallory = await join('editor');
    const base = [link(owner, left), link(owner, right), link(owner, mallory)];
    await insert(owner, 0, 'BASE');
    await insert(mallory, 4, '!');
    await until(() => equal([owner, left, right, mallory]), 'level');
    for (const pair of base) pair.cut();
    const twin = await clone(mallory, nodes);
    link(left, mallory);
    link(right, twin);
    await insert(mallory, 2, 'evil');
    await insert(twin, 2, 'EVIL');
    await until(() => text(left) === 'BAevilSE!' && text(right) === 'BAEVILSE!', 'each has seen one line');
    await insert(left, 4, 'honest ');
    await insert(left, 0, 'start ');
    await remove(left, 8, 1);
    await insert(right, 6, 'HONEST ');
    await insert(right, text(right).length, ' END');
    const reset = left.replica.events.next('reset');
    link(owner, left);
    link(owner, right);
    assert.equal(await reset, { document: DRAFT });
    await until(() => equal([owner, left, right, mallory, twin]), 'all have all lines');
    for (const node of [owner, left, right, mallory, twin]) {
      assert.is(contentOf(node, DRAFT), contentOf(owner, DRAFT));
      assert.not.match(text(node), /evil/i);
    }
    assert.match(text(owner), /^start BA(honest HONEST |HONEST honest )SE! END$/);
    await insert(left, 6, 'on ');
    await insert(mallory, 0, 'back ');
    await until(
      () => equal(nodes) && text(twin).startsWith('back start on BA'),
      'work goes on, the member has a new chain',
    );
  }));

interface World {
  readonly honest: readonly Node[];
  /** Copies of one home that all write as one chain. */
  readonly twins: Node[];
  /** Incarnation of that chain. */
  readonly shared: number;
  readonly random: () => number;
  /** Characters that no honest member deletes and that must be there at the end. */
  readonly kept: Set<string>;
  /** Characters by copies, with the slot of the envelope that wrote them. */
  readonly forged: { readonly char: string; readonly seq: number }[];
  /** Characters that copies deleted, with the slot of the envelope that did. */
  readonly deleted: { readonly char: string; readonly seq: number }[];
  serial: number;
}

/** Slot in the shared chain that an edit of a copy got; infinite when it went into a chain that only this copy writes. */
async function slotOf(world: World, node: Node, edit: () => Promise<void>): Promise<number> {
  let slot = Number.POSITIVE_INFINITY;
  const stop = node.replica.events.on('change', ({ local, envelope }) => {
    if (local && envelope.incarnation === world.shared) slot = envelope.seq;
  });
  await edit();
  stop();
  return slot;
}

function pick<T>(world: World, from: readonly T[]): T {
  return from[Math.floor(world.random() * from.length)] as T;
}

/** Whether a copy still writes as the chain that all copies share. */
function isTwin(world: World, node: Node): boolean {
  return world.twins.includes(node) && node.replica.clientId % 2 ** 32 === world.shared;
}

async function editText(world: World, node: Node): Promise<void> {
  const { random } = world;
  const content = text(node);
  const twin = world.twins.includes(node);
  const at = Math.floor(random() * (content.length + 1));
  if (random() < 0.25 && content.length > 0) {
    // Honest members delete only what copies of the hostile one wrote; those delete what they like.
    const victim = [...content].findIndex((char, i) => i >= at - 5 && (twin || !world.kept.has(char)));
    if (victim < 0) return;
    const seq = await slotOf(world, node, () => remove(node, victim, 1));
    if (twin) world.deleted.push({ char: content[victim] as string, seq });
    return;
  }
  const chars = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    return String.fromCharCode((twin ? 0xe000 : 0x4e00) + world.serial++);
  });
  const seq = await slotOf(world, node, () => insert(node, at, chars.join('')));
  for (const char of chars) {
    if (twin) world.forged.push({ char, seq });
    else world.kept.add(char);
  }
}

async function editRecords(world: World, node: Node): Promise<void> {
  const { random } = world;
  const serial = world.serial++;
  await node.replica.edit('debug', (doc) => {
    const map = doc.getMap('m');
    const key = `k${Math.floor(random() * 4)}`;
    const value = map.get(key);
    if (random() < 0.2) map.delete(key);
    else if (random() < 0.3) map.set(key, new Y.Map([['by', node.replica.self]]));
    else if (value instanceof Y.Map) value.set(`f${Math.floor(random() * 3)}`, serial);
    else map.set(key, serial);
  });
}

async function act(world: World, node: Node): Promise<void> {
  const { random } = world;
  if (random() < 0.6) await editText(world, node);
  else if (random() < 0.7) await editRecords(world, node);
  else await node.replica.writeRegister('notes', `chat/${Math.floor(random() * 3)}`, world.serial++);
}

function contents(node: Node, members: readonly number[]): string {
  const notes = members.map((member) => {
    const table = node.replica.registers('notes', member as Node['replica']['self']);
    return JSON.stringify([...table].sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return [contentOf(node, DRAFT), contentOf(node, 'debug'), ...notes].join('\n');
}

for (let round = 0; round < 6; round++) {
  test(`whatever lines there are and whoever saw which first, all end alike with all honest text (${round + 1})`, () =>
    withSandbox(async ({ owner, join, nodes }) => {
      const random = randomFrom(seedOf(`equivocation ${round}`));
      const honest = [owner, await join('editor'), await join('editor'), await join('editor')];
      const first = [await join('editor')];
      const shared = (first[0] as Node).replica.clientId % 2 ** 32;
      const world: World = {
        honest,
        twins: first,
        shared,
        random,
        kept: new Set(),
        forged: [],
        deleted: [],
        serial: 0,
      };
      const links = new Map<string, LinkPair>();
      const members = [...honest, ...first].map((node) => node.replica.self);
      for (const node of [...honest.slice(1), ...first]) links.set(`${node.replica.self}`, link(owner, node));
      await insert(owner, 0, 'base');
      for (const char of 'base') world.kept.add(char);
      await until(() => equal([...honest, ...first]), 'level');
      for (const pair of links.values()) pair.cut();
      links.clear();
      for (let i = 0; i < 120; i++) {
        const all = [...honest, ...world.twins];
        if (random() < 0.03 && world.twins.length < 4) world.twins.push(await clone(pick(world, world.twins), nodes));
        if (random() < 0.25) {
          const a = Math.floor(random() * honest.length);
          const b = Math.floor(random() * all.length);
          const name = `${a}-${b}`;
          const known = links.get(name);
          links.delete(name);
          if (known !== undefined) known.cut();
          else if (a !== b) links.set(name, link(all[a] as Node, all[b] as Node));
        }
        const node = pick(world, all);
        if (!world.twins.includes(node) || isTwin(world, node)) await act(world, node);
        if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
      }
      for (const pair of links.values()) pair.cut();
      const everybody = [...honest, ...world.twins];
      const order = everybody.map((node) => ({ node, at: random() })).sort((a, b) => a.at - b.at);
      for (let i = 1; i < order.length; i++)
        link((order[i - 1] as { node: Node }).node, (order[i] as { node: Node }).node);
      await until(() => equal(everybody), `all have all lines:\n${everybody.map(lines).join('\n')}`, 20_000);
      const expected = contents(owner, members);
      for (const node of everybody) assert.is(contents(node, members), expected, `member ${node.replica.self}`);
      const common = owner.replica.chains.commonSeq((first[0] as Node).replica.self, shared);
      const final = text(owner);
      for (const { char, seq } of world.deleted) {
        if (seq <= common || seq === Number.POSITIVE_INFINITY) world.kept.delete(char);
      }
      for (const char of world.kept)
        assert.ok(final.includes(char), `honest ${char.charCodeAt(0).toString(16)} is there`);
      for (const { char, seq } of world.forged) {
        if (seq > common && seq < Number.POSITIVE_INFINITY) assert.not.ok(final.includes(char), `slot ${seq}`);
      }
    }));
}

test.run();
