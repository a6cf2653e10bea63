/** A member with a modified client: valid key, valid signatures, envelopes an honest daemon would never make. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { compressBody, decompressBody } from '#node/network/replication/peers/compression.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { type EnvelopeHeader, EnvelopeKind, parseEnvelope, sealEnvelope } from '#protocol/envelope.ts';
import {
  decodeReplicationMessage,
  encodeReplicationMessage,
  type ReplicationMessage,
} from '#protocol/replication-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { encodeRegisterWrites } from '#shared/documents/register-table.ts';
import type { MemberId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import { contentOf, level, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const crypto = new NodeCrypto();

/** Speaks the protocol by hand over a link to `victim`, with the key of a real member. */
class HandMadePeer {
  readonly incarnation = 77;
  readonly received: ReplicationMessage[] = [];
  closed: string | undefined;
  readonly #node: Node;
  readonly #victim: Node;
  #deliver: (message: Uint8Array) => void = () => undefined;
  #seq = 0;
  #previous = new Uint8Array(0);

  constructor(node: Node, victim: Node) {
    this.#node = node;
    this.#victim = victim;
  }

  get client(): number {
    return clientIdOf(this.#node.replica.self, this.incarnation);
  }

  connect(): void {
    const { replica } = this.#victim;
    replica.connect({
      peerKey: this.#node.signer.publicKey,
      send: (message) => this.received.push(decodeReplicationMessage(message, decompressBody)) > 0,
      onMessage: (listener) => {
        this.#deliver = listener;
      },
      onDrain: () => undefined,
      onClose: () => undefined,
      close: (reason) => {
        this.closed = reason;
      },
    });
    const { controlLog } = replica;
    this.say({ type: 'hello', sandbox: replica.sandbox, logs: controlLog.tips() });
  }

  say(message: ReplicationMessage): void {
    this.#deliver(encodeReplicationMessage(message, compressBody));
  }

  /** Seals the next envelope of its chain with whatever fields are asked for. */
  seal(fields: Partial<EnvelopeHeader>, payload: Uint8Array): Uint8Array {
    const { replica } = this.#victim;
    const { bytes, envelope } = sealEnvelope(
      {
        sandbox: replica.sandbox,
        member: this.#node.replica.self,
        incarnation: this.incarnation,
        seq: this.#seq + 1,
        previous: this.#previous,
        control: [replica.controlLog.seq],
        deps: [],
        document: 'debug',
        kind: EnvelopeKind.update,
        clock: 0,
        ...fields,
      },
      payload,
      this.#node.signer,
      crypto,
    );
    this.#seq = envelope.header.seq;
    this.#previous = new Uint8Array(envelope.hash);
    return bytes;
  }

  send(...envelopes: Uint8Array[]): void {
    this.say({ type: 'envelopes', envelopes });
  }
}

function set(client: number, key: string, value: unknown): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = client;
  doc.getMap('breakpoints').set(key, value);
  return Y.encodeStateAsUpdate(doc);
}

interface Attack {
  readonly what: string;
  readonly why: RegExp;
  send(peer: HandMadePeer, victim: Node): void;
}

const ATTACKS: readonly Attack[] = [
  {
    what: 'writes a document its role may not',
    why: /may not write "draft/,
    send: (peer) => peer.send(peer.seal({ document: 'draft/x' }, set(peer.client, 'k', 1))),
  },
  {
    what: "writes another member's registers",
    why: /may not write "host\/1"/,
    send: (peer) =>
      peer.send(peer.seal({ document: 'host/1', kind: EnvelopeKind.registers }, encodeRegisterWrites([['k', 1]]))),
  },
  {
    what: 'writes a document that does not exist',
    why: /may not write/,
    send: (peer) => peer.send(peer.seal({ document: 'debug2' }, set(peer.client, 'k', 1))),
  },
  {
    what: 'sends registers into a Y.Doc',
    why: /kind does not fit/,
    send: (peer) => peer.send(peer.seal({ kind: EnvelopeKind.registers }, encodeRegisterWrites([['k', 1]]))),
  },
  {
    what: "writes under a victim's clientID",
    why: /writes as client/,
    send: (peer, victim) => peer.send(peer.seal({}, set(victim.replica.clientId, 'k', 1))),
  },
  {
    what: 'claims to be another member',
    why: /signature does not verify/,
    send: (peer) => peer.send(peer.seal({ member: 1 as MemberId }, set(peer.client, 'k', 1))),
  },
  {
    what: 'lets its control position fall',
    why: /control position falls/,
    send: (peer, victim) => {
      const { seq } = victim.replica.controlLog;
      const first = peer.seal({}, set(peer.client, 'k', 1));
      peer.send(first, peer.seal({ control: [seq - 1], clock: 1 }, set(peer.client, 'k', 2)));
    },
  },
  {
    what: 'writes from before its admission',
    why: /no member at its control position/,
    send: (peer) => peer.send(peer.seal({ control: [1] }, set(peer.client, 'k', 1))),
  },
  {
    what: 'claims a wrong clock',
    why: /its clock is 5/,
    send: (peer) => peer.send(peer.seal({ clock: 5 }, set(peer.client, 'k', 1))),
  },
  {
    what: 'breaks its own chain',
    why: /does not follow the head/,
    send: (peer) => {
      const first = peer.seal({}, set(peer.client, 'k', 1));
      const previous = crypto.sha256(parseEnvelope(first, crypto).headerBytes);
      previous[31] = (previous[31] as number) ^ 1;
      peer.send(first, peer.seal({ previous, clock: 1 }, set(peer.client, 'k', 1)));
    },
  },
  {
    what: 'depends on its own chain',
    why: /depends on its own chain/,
    send: (peer) => {
      const dep = { member: 2 as MemberId, incarnation: peer.incarnation, seq: 1, hash: new Uint8Array(16) };
      peer.send(peer.seal({ deps: [dep] }, set(peer.client, 'k', 1)));
    },
  },
  {
    what: 'refers to an item it never declared to have seen',
    why: /not seen/,
    send: (peer, victim) => {
      const doc = new Y.Doc();
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(victim.replica.document('debug')));
      const before = Y.encodeStateVector(doc);
      doc.clientID = peer.client;
      doc.getMap('breakpoints').set('honest', 'taken over');
      peer.send(peer.seal({}, Y.encodeStateAsUpdate(doc, before)));
    },
  },
  {
    what: 'replays into another sandbox',
    why: /another sandbox/,
    send: (peer) =>
      peer.send(peer.seal({ sandbox: '00'.repeat(20) as EnvelopeHeader['sandbox'] }, set(peer.client, 'k', 1))),
  },
  {
    what: 'stands under a delegate log nobody knows',
    why: /delegate log/,
    send: (peer, victim) => {
      peer.send(peer.seal({ control: [victim.replica.controlLog.seq, 2, 1] }, set(peer.client, 'k', 1)));
    },
  },
  {
    what: 'sends garbage',
    why: /Cannot read an envelope/,
    send: (peer) => peer.send(new Uint8Array(50)),
  },
];

for (const attack of ATTACKS) {
  test(`a member that ${attack.what} is refused and dropped`, () =>
    withSandbox(async ({ owner, join }) => {
      const attacker = await join('debugger');
      await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('honest', 1));
      const content = contentOf(owner, 'debug');
      const peer = new HandMadePeer(attacker, owner);
      peer.connect();
      attack.send(peer, owner);
      assert.match(peer.closed ?? 'still open', attack.why);
      const taken = owner.replica.document('debug').getMap('breakpoints').toJSON();
      assert.is(taken['honest'], 1);
      if (!attack.what.includes('its own chain') && !attack.what.includes('fall')) {
        assert.is(contentOf(owner, 'debug'), content);
      }
    }));
}

test('an envelope whose past is missing waits outside Yjs and takes effect when it comes', () =>
  withSandbox(async ({ owner, join }) => {
    const peer = new HandMadePeer(await join('debugger'), owner);
    peer.connect();
    const doc = new Y.Doc();
    doc.clientID = peer.client;
    const envelopes: Uint8Array[] = [];
    for (let i = 0; i < 50; i++) {
      const before = Y.encodeStateVector(doc);
      doc.getMap('breakpoints').set('k', i);
      envelopes.push(peer.seal({ clock: i }, Y.encodeStateAsUpdate(doc, before).slice(0)));
    }
    peer.send(...envelopes.slice(1).reverse());
    assert.is(peer.closed, undefined);
    assert.is(owner.replica.heads().length, 0);
    const asked = peer.received.filter((message) => message.type === 'pull');
    assert.is(asked.length, 1, 'it is asked for what is missing');
    peer.send(envelopes[0] as Uint8Array);
    assert.is(owner.replica.heads()[0]?.seq, 50);
    assert.is(owner.replica.document('debug').getMap('breakpoints').get('k'), 49);
  }));

test('what can wait is bounded', () =>
  withSandbox(async ({ owner, join }) => {
    const peer = new HandMadePeer(await join('debugger'), owner);
    peer.connect();
    const payload = set(peer.client, 'k', 'x'.repeat(60_000));
    peer.seal({}, payload);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) peer.send(peer.seal({}, payload));
    assert.is(peer.closed, undefined);
    assert.ok(process.memoryUsage().arrayBuffers - before < 100 * 2 ** 20);
    assert.is(owner.replica.heads().length, 0);
  }));

test('before the logs are level nothing is taken and nothing is told', () =>
  withSandbox(async ({ owner, join }) => {
    const attacker = await join('debugger');
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('secret', 1));
    for (const message of [
      { type: 'heads', full: true, heads: [] },
      { type: 'pull', wants: [{ member: 1 as MemberId, incarnation: 1, seq: 1, hash: new Uint8Array(16), have: [] }] },
      { type: 'served' },
      { type: 'envelopes', envelopes: [] },
    ] as const) {
      let deliver: (bytes: Uint8Array) => void = () => undefined;
      let closed = '';
      owner.replica.connect({
        peerKey: attacker.signer.publicKey,
        send: () => true,
        onMessage: (listener) => {
          deliver = listener;
        },
        onDrain: () => undefined,
        onClose: () => undefined,
        close: (reason) => {
          closed = reason;
        },
      });
      deliver(encodeReplicationMessage(message, compressBody));
      assert.match(closed, 'before the control logs are level');
    }
  }));

test('mutated replication messages drop the peer or do nothing, and the daemon lives', () =>
  withSandbox(async ({ owner, join }) => {
    const random = randomFrom(seedOf('replication message fuzz'));
    const attacker = await join('debugger');
    const guest = await join('debugger');
    link(owner, guest);
    const { sandbox, controlLog } = owner.replica;
    const messages: ReplicationMessage[] = [
      { type: 'hello', sandbox, logs: controlLog.tips() },
      { type: 'needControl', sandbox, logs: [] },
      { type: 'control', entries: controlLog.entries() },
      {
        type: 'heads',
        full: true,
        heads: [{ member: 1 as MemberId, incarnation: 4, seq: 9, hash: new Uint8Array(16) }],
      },
      {
        type: 'pull',
        wants: [
          {
            member: 1 as MemberId,
            incarnation: 4,
            seq: 9,
            hash: new Uint8Array(16),
            have: [{ seq: 3, hash: new Uint8Array(16) }],
          },
        ],
      },
      { type: 'envelopes', envelopes: [new Uint8Array(90)] },
    ];
    for (let i = 0; i < 600; i++) {
      let deliver: (bytes: Uint8Array) => void = () => undefined;
      let close: () => void = () => undefined;
      owner.replica.connect({
        peerKey: attacker.signer.publicKey,
        send: () => true,
        onMessage: (listener) => {
          deliver = listener;
        },
        onDrain: () => undefined,
        onClose: (listener) => {
          close = listener;
        },
        close: () => undefined,
      });
      if (random() < 0.5) deliver(encodeReplicationMessage(messages[0] as ReplicationMessage, compressBody));
      const bytes = encodeReplicationMessage(messages[i % messages.length] as ReplicationMessage, compressBody);
      for (let j = 0; j < 1 + random() * 3; j++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      deliver(bytes);
      close();
    }
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('alive', 1));
    await until(() => level([owner, guest]) && guest.replica.heads().length === 1, 'still replicating');
  }));

test.run();
