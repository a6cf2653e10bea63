/** How many words it takes to fetch a blob: each is a round trip for whoever waits. */

import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BlobExchange, type BlobPeer } from '#node/network/replication/peers/blob-exchange.ts';
import { decompressBody } from '#node/network/replication/peers/compression.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { BlobStore } from '#node/storage/blob-store.ts';
import { BLOB_CHUNK_BYTES } from '#protocol/blob.ts';
import type { BlobMessage } from '#protocol/blob-messages.ts';
import { decodeReplicationMessage } from '#protocol/replication-messages.ts';
import { MemoryFolder } from '../../../storage/memory-folder.ts';

const crypto = new NodeCrypto();

interface Side {
  readonly folder: MemoryFolder;
  readonly blobs: BlobStore;
  readonly exchange: BlobExchange;
}

function side(): Side {
  const folder = new MemoryFolder();
  const blobs = new BlobStore(folder, crypto);
  const environment = { crypto, after: () => () => undefined };
  const onUnavailable = (): void => assert.unreachable('it is there');
  return { folder, blobs, exchange: new BlobExchange({ blobs, environment, onUnavailable }) };
}

/** A pair whose messages arrive in the next turn of the loop. @returns what `asker` says; `served`: chunks it is sent */
function connect(asker: Side, server: Side, served: Uint8Array[] = []): BlobMessage[] {
  const said: BlobMessage[] = [];
  const peers: Record<'server' | 'asker', BlobPeer> = {
    server: {
      send(message) {
        said.push(message);
        setImmediate(() => deliver(server, peers.asker, message));
      },
      sendEncoded: () => assert.unreachable('it has nothing to serve'),
    },
    asker: {
      send: (message) => void setImmediate(() => deliver(asker, peers.server, message)),
      sendEncoded(bytes) {
        served.push(bytes);
        setImmediate(() => deliver(asker, peers.server, decoded(bytes)));
      },
    },
  };
  server.exchange.arrived(peers.asker);
  asker.exchange.arrived(peers.server);
  return said;
}

function deliver({ exchange }: Side, from: BlobPeer, message: BlobMessage): void {
  if (message.type !== 'pruned') exchange.receive(from, message);
}

function decoded(message: Uint8Array): BlobMessage {
  return decodeReplicationMessage(message, decompressBody) as BlobMessage;
}

function wants(said: readonly BlobMessage[]): unknown[] {
  return said.map((message) => message.type === 'wantBlob' && [message.from, message.count]);
}

test('the first chunks come along with the outline', async () => {
  const [asker, server] = [side(), side()];
  const content = randomBytes(3 * BLOB_CHUNK_BYTES + 7);
  const name = await server.blobs.put([content]);
  const said = connect(asker, server);
  await asker.exchange.fetch(name);
  assert.equal(wants(said), [[0, 8]]);
  assert.equal(Buffer.from(asker.blobs.open(name)?.read(0, content.length) ?? []), content);
});

test('whoever asks next is sent the same, without compressing it again; of another blob, that one', async () => {
  const server = side();
  const contents = [Buffer.alloc(3 * BLOB_CHUNK_BYTES, 'one'), Buffer.alloc(3 * BLOB_CHUNK_BYTES, 'two')];
  const sent: Uint8Array[][] = [];
  for (const content of [contents[0], contents[0], contents[1]] as Buffer[]) {
    const [asker, served] = [side(), [] as Uint8Array[]];
    const name = await server.blobs.put([content]);
    connect(asker, server, served);
    await asker.exchange.fetch(name);
    assert.equal(Buffer.from(asker.blobs.open(name)?.read(0, content.length) ?? []), content);
    sent.push(served);
  }
  const [first = [], second = [], other = []] = sent;
  assert.is(first.length, 3);
  for (const [n, message] of first.entries()) {
    assert.is(second[n], message);
    assert.is.not(other[n], message);
  }
});

test('a longer blob goes on from there, no chunk twice', async () => {
  const [asker, server] = [side(), side()];
  const name = await server.blobs.put([randomBytes(21 * BLOB_CHUNK_BYTES)]);
  const said = connect(asker, server);
  await asker.exchange.fetch(name);
  const asked = wants(said) as [from: number, count: number][];
  assert.equal(asked[0], [0, 8]);
  let next = 0;
  for (const [from, count] of asked) {
    assert.is(from, next);
    next += count;
  }
  assert.is(next, 21);
});

test('what has come can be read before it is durable', async () => {
  const [asker, server] = [side(), side()];
  const content = randomBytes(2 * BLOB_CHUNK_BYTES + 7);
  const name = await server.blobs.put([content]);
  let letGo: (() => void) | undefined;
  asker.folder.hold = () =>
    new Promise((resolve) => {
      letGo = resolve;
    });
  connect(asker, server);
  const { blob, durable } = await asker.exchange.fetchEarly(name);
  assert.not(asker.exchange.has(name));
  assert.equal(
    Buffer.from(blob?.read(BLOB_CHUNK_BYTES - 5, 12) ?? []),
    content.subarray(BLOB_CHUNK_BYTES - 5, BLOB_CHUNK_BYTES + 7),
  );
  assert.throws(() => blob?.read(BLOB_CHUNK_BYTES, content.length), /Cannot read/);
  letGo?.();
  await durable;
  assert.ok(asker.exchange.has(name));
});

test('a disk without room is told when it shows', async () => {
  const [asker, server] = [side(), side()];
  const name = await server.blobs.put([randomBytes(7)]);
  asker.folder.fault = (what) => {
    if (what.startsWith('rename')) throw new Error('no space left');
  };
  connect(asker, server);
  const { durable } = await asker.exchange.fetchEarly(name);
  await durable.then(
    () => assert.unreachable('it is durable'),
    (error: Error) => assert.match(error.message, 'no space left'),
  );
});

test('of a transfer that was begun only the rest is asked for', async () => {
  const [asker, server] = [side(), side()];
  const content = randomBytes(5 * BLOB_CHUNK_BYTES);
  const name = await server.blobs.put([content]);
  const stored = server.blobs.open(name);
  assert.ok(stored);
  const outline = server.blobs.outlineOf(stored);
  const begun = asker.blobs.partial(name, outline);
  for (const index of [0, 1, 2]) assert.ok(begun.add(server.blobs.chunk(stored, outline, index)));
  begun.close();
  const said = connect(asker, server);
  await asker.exchange.fetch(name);
  assert.equal(wants(said), [
    [0, 0],
    [3, 2],
  ]);
  assert.equal(Buffer.from(asker.blobs.open(name)?.read(0, content.length) ?? []), content);
});

test.run();
