/** Random histories with a member whose chain has up to four writers: all replicas end alike, with all honest text. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import type { LinkPair } from './link-pair.ts';
import { contentOf, link, type Node, until, withSandbox } from './sandbox-fixture.ts';
import { agree, clone, incarnationOf, linesOf } from './twins.ts';

const DRAFT: DocumentName = 'draft/a';

/** A character, and the slot of the shared chain in which it was written or deleted; infinite: by another chain. */
interface Mark {
  readonly char: string;
  readonly slot: number;
}

class World {
  readonly random: () => number;
  readonly honest: Node[] = [];
  /** Copies of one home that begin as one chain. */
  readonly twins: Node[] = [];
  /** Incarnation of that chain. */
  shared = 0;
  readonly #nodes: Node[];
  readonly #links = new Map<string, LinkPair>();
  /** Written by honest members, none of whom deletes it. */
  readonly #kept = new Set<string>();
  readonly #written: Mark[] = [];
  readonly #deleted: Mark[] = [];
  #serial = 0;

  constructor(random: () => number, nodes: Node[]) {
    this.random = random;
    this.#nodes = nodes;
  }

  get all(): Node[] {
    return [...this.honest, ...this.twins];
  }

  async step(): Promise<void> {
    const { random } = this;
    if (random() < 0.03 && this.twins.length < 4) this.twins.push(await clone(this.#pick(this.twins), this.#nodes));
    if (random() < 0.25) this.#toggle();
    const node = this.#pick(this.all);
    // A copy that learned of the others has become an honest member with a chain of its own.
    if (this.twins.includes(node) && incarnationOf(node) !== this.shared) return;
    if (random() < 0.6) await this.#editText(node);
    else if (random() < 0.7) await this.#editRecords(node);
    else await node.replica.writeRegister('notes', `chat/${Math.floor(random() * 3)}`, this.#serial++);
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everybody meets everybody, in a line of random order. */
  async meet(): Promise<void> {
    for (const pair of this.#links.values()) pair.cut();
    const order = this.all.map((node) => ({ node, at: this.random() })).sort((a, b) => a.at - b.at);
    for (const [i, { node }] of order.entries()) if (i > 0) link((order[i - 1] as { node: Node }).node, node);
    await until(() => agree(this.all), `all have all lines:\n${this.all.map(linesOf).join('\n')}`, 20_000);
  }

  check(): void {
    const [first, ...others] = this.all as [Node, ...Node[]];
    for (const other of others) assert.is(this.#content(other), this.#content(first), `member ${other.replica.self}`);
    const mallory = this.twins[0] as Node;
    const common = first.replica.chains.commonSeq(mallory.replica.self, this.shared);
    const had = (slot: number): boolean => slot <= common || slot === Number.POSITIVE_INFINITY;
    for (const { char, slot } of this.#deleted) if (had(slot)) this.#kept.delete(char);
    const final = first.replica.document(DRAFT).getText('text').toString();
    const lost = [...this.#kept].filter((char) => !final.includes(char));
    assert.equal(lost, [], 'no honest text is lost');
    const forged = this.#written.filter(({ char, slot }) => !had(slot) && final.includes(char));
    assert.equal(forged, [], 'nothing of either line has effect');
  }

  #toggle(): void {
    const a = Math.floor(this.random() * this.honest.length);
    const b = Math.floor(this.random() * this.all.length);
    const name = `${a}-${b}`;
    const known = this.#links.get(name);
    this.#links.delete(name);
    if (known !== undefined) known.cut();
    else if (a !== b) this.#links.set(name, link(this.honest[a] as Node, this.all[b] as Node));
  }

  async #editText(node: Node): Promise<void> {
    const { random } = this;
    const twin = this.twins.includes(node);
    const content = node.replica.document(DRAFT).getText('text').toString();
    const at = Math.floor(random() * (content.length + 1));
    if (random() < 0.25 && content.length > 0) {
      const victim = [...content].findIndex((char, i) => i >= at - 5 && (twin || !this.#kept.has(char)));
      const char = content[victim];
      if (char === undefined) return;
      const slot = await this.#edit(node, (text) => text.delete(victim, 1));
      if (twin) this.#deleted.push({ char, slot });
      return;
    }
    const chars = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      return String.fromCharCode((twin ? 0xe000 : 0x4e00) + this.#serial++);
    });
    const slot = await this.#edit(node, (text) => text.insert(at, chars.join('')));
    for (const char of chars) {
      if (twin) this.#written.push({ char, slot });
      else this.#kept.add(char);
    }
  }

  /** @returns the slot of the shared chain that it got */
  async #edit(node: Node, change: (text: Y.Text) => void): Promise<number> {
    let slot = Number.POSITIVE_INFINITY;
    const stop = node.replica.events.on('change', ({ local, envelope }) => {
      if (local && envelope.incarnation === this.shared) slot = envelope.seq;
    });
    await node.replica.edit(DRAFT, (doc) => change(doc.getText('text')));
    stop();
    return slot;
  }

  async #editRecords(node: Node): Promise<void> {
    const { random } = this;
    const serial = this.#serial++;
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

  #content(node: Node): string {
    const notes = [...new Set(this.all.map(({ replica }) => replica.self))].map((member) => {
      const table = [...node.replica.registers('notes', member)];
      return JSON.stringify(table.sort(([a], [b]) => (a < b ? -1 : 1)));
    });
    return [contentOf(node, DRAFT), contentOf(node, 'debug'), ...notes].join('\n');
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T;
  }
}

for (let round = 1; round <= 5; round++) {
  test(`whatever lines there are and whoever saw which first, all end alike (${round})`, () =>
    withSandbox(async ({ owner, join, nodes }) => {
      const world = new World(randomFrom(seedOf(`equivocation ${round}`)), nodes);
      world.honest.push(owner, await join('editor'), await join('editor'), await join('editor'));
      const mallory = await join('editor');
      world.twins.push(mallory);
      world.shared = incarnationOf(mallory);
      const first = world.all.slice(1).map((node) => link(owner, node));
      await owner.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, 'base'));
      await until(() => agree(world.all), 'level');
      for (const pair of first) pair.cut();
      for (let i = 0; i < 120; i++) await world.step();
      await world.meet();
      world.check();
    }));
}

test.run();
