/** What somebody types shows a moment before its signature is verified: never for longer, and never acted upon. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REMOTE_ORIGIN } from '#node/network/replication/documents/document-store.ts';
import { compressBody, decompressBody } from '#node/network/replication/peers/compression.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { CborWriter } from '#protocol/canonical-cbor.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import { decodeReplicationMessage, encodeReplicationMessage } from '#protocol/replication-messages.ts';
import { linkPair } from './link-pair.ts';
import { contentOf, headsText, link, type Node, until, withSandbox } from './sandbox-fixture.ts';

const crypto = new NodeCrypto();

/** The message with one bit of each envelope's signature flipped; any other message as it is. */
function forge(bytes: Uint8Array): Uint8Array {
  const message = decodeReplicationMessage(bytes, decompressBody);
  if (message.type !== 'envelopes') return bytes;
  const envelopes = message.envelopes.map((envelope) => {
    const { headerBytes, signature, payload } = parseEnvelope(envelope, crypto);
    signature[9] = (signature[9] as number) ^ 1;
    return new CborWriter().array(3).bytes(headerBytes).bytes(signature).bytes(payload).finish();
  });
  return encodeReplicationMessage({ ...message, envelopes }, compressBody);
}

/** Connects two replicas; what the first sends can be changed on the way. */
function connect(a: Node, b: Node, tamper: (message: Uint8Array) => Uint8Array): string[] {
  const pair = linkPair(a.signer.publicKey, b.signer.publicKey, {
    tamper: (message, from) => (from === 'left' ? tamper(message) : message),
  });
  a.replica.connect(pair.left);
  b.replica.connect(pair.right);
  return pair.reasons;
}

async function level(a: Node, b: Node): Promise<void> {
  await until(() => a.replica.connected().length > 0 && b.replica.connected().length > 0, 'the peers are level');
}

test('a forged envelope of its author’s own link is forgotten, told to nobody, and ends the link', () =>
  withSandbox(async ({ owner, join }) => {
    const [forger, third] = [await join('editor'), await join('editor')];
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('honest', 1));
    let armed = false;
    const reasons = connect(forger, owner, (message) => (armed ? forge(message) : message));
    link(owner, third);
    await level(forger, owner);
    await until(() => headsText(forger) === headsText(owner), 'the heads are equal');
    const [before, heads] = [contentOf(owner, 'debug'), headsText(owner)];
    const [shown, changes, resets]: [unknown[], unknown[], string[]] = [[], [], []];
    const doc = owner.replica.document('debug');
    doc.getMap('breakpoints').observe(() => shown.push(doc.getMap('breakpoints').get('forged')));
    owner.replica.events.on('change', (change) => changes.push(change));
    owner.replica.events.on('reset', ({ document }) => resets.push(document));
    armed = true;
    await forger.replica.edit('debug', (draft) => draft.getMap('breakpoints').set('forged', 1));
    await until(() => reasons.length > 0, 'the link is closed');
    assert.match(String(reasons[0]), /signature does not verify/);
    assert.equal(shown, [1], 'it was shown, or this test shows nothing');
    assert.equal(changes, [], 'nothing may act upon it');
    assert.equal(resets, ['debug'], 'who watched the document is told that it was rebuilt');
    assert.is(contentOf(owner, 'debug'), before);
    assert.is(headsText(owner), heads);
    assert.is(contentOf(third, 'debug'), before);
    await owner.replica.edit('debug', (draft) => draft.getMap('breakpoints').set('later', 1));
    await until(() => headsText(third) === headsText(owner), 'honest edits go on');
    assert.is(contentOf(third, 'debug'), contentOf(owner, 'debug'));
  }));

test('an envelope that somebody else brings is not shown before it is verified', () =>
  withSandbox(async ({ owner, join }) => {
    const [author, bearer] = [await join('editor'), await join('editor')];
    link(author, bearer);
    await level(author, bearer);
    await author.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('forged', 1));
    await until(() => headsText(author) === headsText(bearer), 'the bearer has it');
    const shown: unknown[] = [];
    const doc = owner.replica.document('debug');
    doc.getMap('breakpoints').observe(() => shown.push(doc.getMap('breakpoints').toJSON()));
    const reasons = connect(bearer, owner, forge);
    await until(() => reasons.length > 0, 'the link is closed');
    assert.match(String(reasons[0]), /signature does not verify/);
    assert.equal(shown, []);
  }));

test('an honest keystroke is observed once, and its change is told after it', () =>
  withSandbox(async ({ owner, join }) => {
    const author = await join('editor');
    link(author, owner);
    await level(author, owner);
    const order: string[] = [];
    let transactions = 0;
    const doc = owner.replica.document('draft/a');
    doc.on('afterTransaction', ({ origin }) => {
      if (origin === REMOTE_ORIGIN) transactions++;
    });
    doc.getText('text').observe((event) => order.push(JSON.stringify(event.delta)));
    owner.replica.events.on('change', ({ author: member }) => order.push(`change of ${member}`));
    await author.replica.edit('draft/a', (draft) => draft.getText('text').insert(0, 'k'));
    await until(() => order.length > 1, 'it arrives');
    assert.equal(order, ['[{"insert":"k"}]', `change of ${author.replica.self}`]);
    assert.is(transactions, 1, 'what is shown is not read and applied again when it is entered');
  }));

test.run();
