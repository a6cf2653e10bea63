/** Transfers that are cut, congested or full of what cannot be used: nothing is lost, nothing piles up. */

import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { type EnvelopeHeader, EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import { encodeRegisterWrites } from '#shared/documents/register-table.ts';
import { linkPair } from './link-pair.ts';
import { contentOf, level, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const crypto = new NodeCrypto();

/** A register write of a member, sealed by hand as the envelope `seq` of some chain. */
function seal(node: Node, fields: Partial<EnvelopeHeader>): Uint8Array {
  const { replica, signer } = node;
  const header = {
    sandbox: replica.sandbox,
    member: replica.self,
    incarnation: 1,
    seq: 1,
    previous: new Uint8Array(0),
    control: replica.controlLog.state.position,
    deps: [],
    document: `notes/${replica.self}`,
    kind: EnvelopeKind.registers,
    clock: 0,
    ...fields,
  };
  return sealEnvelope(header, encodeRegisterWrites([['k', header.incarnation]]), signer, crypto).bytes;
}

/** Writes that do not compress, each an envelope of its own. */
async function write(node: Node, count: number, bytes: number): Promise<void> {
  const written: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    written.push(node.replica.writeRegister('notes', `k${i}`, randomBytes(bytes).toString('base64')));
  }
  await Promise.all(written);
}

test('who has seen more new chains than one envelope can declare declares them before it writes', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    const many = await join('commenter');
    const chains = Array.from({ length: 1100 }, (_, i) => seal(many, { incarnation: i + 1 }));
    owner.replica.receiveEnvelopes(chains, many.signer.publicKey);
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('k', 1));
    const own = owner.replica.chains.get(owner.replica.self, owner.replica.clientId % 2 ** 32);
    assert.is(own?.seq, 2, 'a declaration and the edit');
    link(owner, guest);
    await until(() => level([owner, guest]), 'level');
    assert.is(contentOf(guest, 'debug'), contentOf(owner, 'debug'));
    await guest.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('k', 2));
    await until(() => level([owner, guest]), 'level again');
    assert.is(contentOf(owner, 'debug'), contentOf(guest, 'debug'));
  }));

test('a transfer that is cut again and again goes on where it stopped', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    await write(owner, 300, 24_000);
    let sent = 0;
    let cuts = 0;
    const reconnect = (): void => {
      let left = 1_500_000;
      const pair = linkPair(owner.signer.publicKey, guest.signer.publicKey, {
        tamper(message, from) {
          if (from === 'left') sent += message.length;
          left -= message.length;
          if (left > 0) return message;
          setImmediate(() => {
            cuts++;
            pair.cut();
            if (!level([owner, guest])) reconnect();
          });
          return undefined;
        },
      });
      owner.replica.connect(pair.left);
      guest.replica.connect(pair.right);
    };
    reconnect();
    await until(() => level([owner, guest]), 'level', 30_000);
    assert.ok(cuts >= 4, `${cuts} cuts`);
    assert.ok(sent < 1.4 * owner.file.size, `${sent} bytes for ${owner.file.size}`);
  }));

/** A link that asks to wait when 256 KiB are on their way, and delivers one message a turn. */
function slowLink(a: Node, b: Node): { most: number } {
  const seen = { most: 0 };
  const ends = [a, b].map(() => ({ deliver: (_: Uint8Array): void => undefined, drained: (): void => undefined }));
  const end = (side: 0 | 1, peer: Node): ReplicationLink => {
    const queue: Uint8Array[] = [];
    let queued = 0;
    const pump = (): void => {
      const message = queue.shift();
      if (message === undefined) return;
      queued -= message.length;
      ends[1 - side]?.deliver(message);
      if (queue.length > 0) setImmediate(pump);
      else ends[side]?.drained();
    };
    return {
      peerKey: peer.signer.publicKey,
      send(message) {
        queue.push(message.slice());
        queued += message.length;
        seen.most = Math.max(seen.most, queued);
        if (queue.length === 1) setImmediate(pump);
        return queued < 256 * 1024;
      },
      onMessage: (listener) => void Object.assign(ends[side] ?? {}, { deliver: listener }),
      onDrain: (listener) => void Object.assign(ends[side] ?? {}, { drained: listener }),
      onClose: () => undefined,
      close: () => undefined,
    };
  };
  a.replica.connect(end(0, b));
  b.replica.connect(end(1, a));
  return seen;
}

test('two who have much for each other fill no buffers', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    await Promise.all([write(owner, 250, 30_000), write(guest, 250, 30_000)]);
    const seen = slowLink(owner, guest);
    await until(() => level([owner, guest]), 'level', 30_000);
    assert.ok(seen.most < 1.5 * 2 ** 20, `${seen.most} bytes queued`);
  }));

test('envelopes that wait for ever are forgotten, and honest ones come through meanwhile', () =>
  withSandbox(async ({ owner, join }) => {
    const honest = await join('editor');
    const mallory = await join('commenter');
    const link1 = link(owner, honest);
    await until(() => owner.replica.connected().length === 1, 'connected');
    const garbage = (from: number): Uint8Array[] =>
      Array.from({ length: 2200 }, (_, i) => {
        return seal(mallory, { incarnation: from + i, seq: 2, previous: new Uint8Array(randomBytes(32)) });
      });
    owner.replica.receiveEnvelopes(garbage(1), mallory.signer.publicKey);
    const { spilled } = owner.replica.receiveEnvelopes(garbage(5000), mallory.signer.publicKey);
    assert.ok(spilled, 'there is no room for all');
    await write(honest, 50, 100);
    link1.cut();
    await write(honest, 50, 100);
    link(owner, honest);
    await until(() => level([owner, honest]), 'level');
  }));

test('envelopes that come from several peers at once, each in part, end in their order', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    const third = await join('editor');
    const between = link(owner, guest);
    for (let round = 0; round < 12; round++) {
      const node = round % 2 === 0 ? owner : guest;
      for (let i = 0; i < 20; i++) {
        await node.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, `${node.replica.self}`));
      }
      await until(() => level([owner, guest]), 'level on the way');
    }
    between.cut();
    link(owner, third);
    link(guest, third);
    await until(() => level([owner, guest, third]), 'level');
    assert.is(contentOf(third, 'draft/a'), contentOf(owner, 'draft/a'));
  }));

test.run();
