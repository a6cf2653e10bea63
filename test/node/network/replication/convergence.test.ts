/** Several members edit texts, maps and nested types while links come and go: all end with the same content. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import type { LinkPair, Wire } from './link-pair.ts';
import { contentOf, level, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const DOCUMENTS: readonly DocumentName[] = ['draft/a', 'debug', 'probes'];

/** Delivers messages of one direction in order, but after random numbers of ticks. */
function randomWire(random: () => number): Wire {
  const queue: (() => void)[] = [];
  const pump = (): void => {
    if (random() < 0.3) queue.shift()?.();
    if (queue.length > 0) setImmediate(pump);
  };
  return {
    push(deliver) {
      queue.push(deliver);
      if (queue.length === 1) setImmediate(pump);
    },
  };
}

function randomEdit(node: Node, random: () => number, serial: number): Promise<void> {
  const pick = (count: number): number => Math.floor(random() * count);
  const document = DOCUMENTS[pick(DOCUMENTS.length)] as DocumentName;
  return node.replica.edit(document, (doc) => {
    if (document === 'draft/a') {
      const text = doc.getText('text');
      if (random() < 0.7 || text.length < 5) text.insert(pick(text.length + 1), `<${node.replica.self}:${serial}>`);
      else text.delete(pick(text.length - 4), 4);
      return;
    }
    const map = doc.getMap('m');
    const key = `k${pick(4)}`;
    const value = map.get(key);
    if (random() < 0.2) map.delete(key);
    else if (random() < 0.4) map.set(key, new Y.Map([['by', node.replica.self]]));
    else if (value instanceof Y.Map) value.set(`f${pick(3)}`, serial);
    else map.set(key, serial);
  });
}

for (let round = 0; round < 3; round++) {
  test(`members converge over links that come and go (${round + 1})`, () =>
    withSandbox(async ({ owner, join }) => {
      const random = randomFrom(seedOf(`convergence ${round}`));
      const nodes = [owner, await join('editor'), await join('editor'), await join('editor')];
      const links = new Map<string, LinkPair>();
      const toggle = (): void => {
        const a = Math.floor(random() * nodes.length);
        const b = Math.floor(random() * nodes.length);
        if (a === b) return;
        const name = `${Math.min(a, b)}-${Math.max(a, b)}`;
        const known = links.get(name);
        if (known !== undefined) {
          known.cut();
          links.delete(name);
        } else {
          links.set(name, link(nodes[a] as Node, nodes[b] as Node, { wire: randomWire(random) }));
        }
      };
      const edits: Promise<void>[] = [];
      for (let i = 0; i < 400; i++) {
        if (random() < 0.1) toggle();
        edits.push(randomEdit(nodes[Math.floor(random() * nodes.length)] as Node, random, i));
        if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(edits);
      for (const pair of links.values()) pair.cut();
      // A line: everything must be forwarded.
      for (let i = 1; i < nodes.length; i++) link(nodes[i - 1] as Node, nodes[i] as Node);
      await until(() => level(nodes), 'all level');
      for (const document of DOCUMENTS) {
        const expected = contentOf(owner, document);
        for (const node of nodes) assert.is(contentOf(node, document), expected, document);
      }
      assert.ok(contentOf(owner, 'draft/a').length > 50);
    }));
}

test.run();
