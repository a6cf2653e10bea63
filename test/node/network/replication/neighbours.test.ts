/** A member whose items name neighbours that never stood side by side: replicas agree whatever came first. */

import * as encoding from 'lib0/encoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { NodeCrypto } from '#node/security/crypto.ts';
import { type Dep, type Envelope, EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { StructId } from '#shared/documents/update-reader.ts';
import { contentOf, level, link, type Node, until, withSandbox } from './sandbox-fixture.ts';
import { reopen } from './twins.ts';

const DRAFT: DocumentName = 'draft/a';
const crypto = new NodeCrypto();

interface Sealed {
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
}

/** One character between two others, as an update. */
function between(client: number, clock: number, origin: StructId, rightOrigin: StructId, text: string): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const number of [1, 1, client, clock]) encoding.writeVarUint(encoder, number);
  encoding.writeUint8(encoder, 4 | 0x80 | 0x40);
  for (const id of [origin, rightOrigin]) {
    encoding.writeVarUint(encoder, id.client);
    encoding.writeVarUint(encoder, id.clock);
  }
  encoding.writeVarString(encoder, text);
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
}

/** Seals what follows in one of a member's chains. */
function seal(node: Node, incarnation: number, before: Sealed | undefined, deps: readonly Dep[], payload: Uint8Array) {
  const { replica, signer } = node;
  const fields = {
    sandbox: replica.sandbox,
    member: replica.self,
    incarnation,
    seq: (before?.envelope.header.seq ?? 0) + 1,
    previous: before?.envelope.hash ?? new Uint8Array(0),
    control: replica.controlLog.state.position,
    deps: [...deps],
    document: DRAFT,
    kind: EnvelopeKind.update,
    clock: before === undefined ? 0 : 1,
  };
  return sealEnvelope(fields, payload, signer, crypto);
}

function depOn({ header, hash }: Envelope): Dep {
  return { member: header.member, incarnation: header.incarnation, seq: header.seq, hash: hash.slice(0, 16) };
}

/** Neighbours named: gaps, a crossing, and twice the same two that did stand side by side. */
const NEIGHBOURS = [
  [5, 6],
  [4, 6],
  [2, 6],
  [1, 5],
  [4, 2],
  [6, 7],
  [6, 7],
] as const;

/** In which order each replica gets them. */
const ORDERS = [
  [0, 1, 2, 3, 4, 5, 6],
  [3, 2, 1, 0, 6, 5, 4],
  [1, 4, 3, 6, 0, 2, 5],
] as const;

test('gaps and crossings end alike on all replicas, live and built anew', () =>
  withSandbox(async ({ owner, join, nodes }) => {
    const guests = [await join('editor'), await join('editor')];
    const mallory = await join('editor');
    const replicas = [owner, ...guests];
    const first = replicas.slice(1).map((node) => link(owner, node));
    await owner.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, 'abcdefgh'));
    await until(() => level(replicas), 'level');
    for (const pair of first) pair.cut();
    const at = (clock: number): StructId => ({ client: owner.replica.clientId, clock });
    const base = owner.replica.chains.heads().map((head) => ({ ...head, hash: head.hash.slice() }));
    const client = (i: number): number => clientIdOf(mallory.replica.self, i + 1);
    const hostile = NEIGHBOURS.map(([left, right], i) => {
      return seal(mallory, i + 1, undefined, base, between(client(i), 0, at(left), at(right), `${i}`));
    });
    for (const [i, node] of replicas.entries()) {
      // Alive, so that updates are applied as they come.
      node.replica.document(DRAFT);
      for (const which of ORDERS[i] ?? []) {
        node.replica.receiveEnvelopes([(hostile[which] as Sealed).bytes], mallory.signer.publicKey);
      }
    }
    const plain = new Set(
      ORDERS.map((order) => {
        const doc = new Y.Doc();
        doc.clientID = owner.replica.clientId;
        doc.getText('text').insert(0, 'abcdefgh');
        for (const which of order) Y.applyUpdate(doc, (hostile[which] as Sealed).envelope.payload);
        return doc.getText('text').toString();
      }),
    );
    assert.ok(plain.size > 1, 'the attack works on plain Yjs');
    for (const node of replicas) assert.is(contentOf(node, DRAFT), contentOf(owner, DRAFT));

    // Each of its chains sees the others now: that makes no difference to what it had seen before.
    const later = hostile.map((sealed, i) => {
      const deps = hostile.filter((other) => other !== sealed).map(({ envelope }) => depOn(envelope));
      return seal(mallory, i + 1, sealed, deps, between(client(i), 1, { client: client(i), clock: 0 }, at(7), '!'));
    });
    const bytes = later.map((sealed) => sealed.bytes);
    for (const node of replicas) node.replica.receiveEnvelopes(bytes, mallory.signer.publicKey);
    for (const node of replicas) assert.is(contentOf(node, DRAFT), contentOf(owner, DRAFT));
    for (const node of replicas) {
      await node.replica.flush();
      const reopened = await reopen(node, 99);
      nodes.push(reopened);
      assert.is(contentOf(reopened, DRAFT), contentOf(owner, DRAFT));
    }
  }));

test.run();
