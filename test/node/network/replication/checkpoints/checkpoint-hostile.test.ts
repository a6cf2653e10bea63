import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { BlobStore } from '#node/storage/blob-store.ts';
import type { CheckpointManifest } from '#protocol/checkpoint.ts';
import { encodeCheckpointStart, parseCheckpointHeader, parseCheckpointManifest } from '#protocol/checkpoint.ts';
import { encodeSegment, parseSegment } from '#protocol/checkpoint-segment.ts';
import { encodeCanonicalDoc as canonical } from '#shared/documents/canonical-content.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { type FolderNode, withFolders } from '../folder-fixture.ts';
import { linkPair } from '../link-pair.ts';
import { contentOf, level, link, until } from '../sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/src/shop.ts';
/** Type byte of the message. */
const BLOB_CHUNK = 9;

const insert = (node: FolderNode, text: string): Promise<void> =>
  node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, text));
const textOf = (node: FolderNode): string => node.replica.document(DRAFT).getText('text').toString();

interface TakenApart {
  manifest: CheckpointManifest;
  readonly segments: Uint8Array[];
}

/** Replaces what the owner last made by a blob of one's own making, signed all the same. */
async function forge(owner: FolderNode, change: (checkpoint: TakenApart) => void): Promise<string> {
  const made = (await owner.replica.makeCheckpoint()) as string;
  const blobs = new BlobStore(owner.folder.folder('blobs'), nodeEnvironment().crypto);
  const blob = blobs.open(made);
  if (blob === undefined) throw new Error('there is no blob');
  const length = parseCheckpointHeader(blob.read(0, 12));
  const checkpoint: TakenApart = { manifest: parseCheckpointManifest(blob.read(12, length)), segments: [] };
  let at = 12 + length;
  for (const { bytes } of checkpoint.manifest.documents) {
    checkpoint.segments.push(blob.read(at, bytes));
    at += bytes;
  }
  blob.close();
  change(checkpoint);
  const { manifest, segments } = checkpoint;
  const { authority, controlLog } = owner.replica;
  const { position } = controlLog.state;
  const name = await blobs.put([encodeCheckpointStart({ ...manifest, position }), ...segments]);
  const heads = manifest.chains.map(
    ({ member, incarnation, seq }) => [member, incarnation, seq] as [never, number, number],
  );
  await authority?.checkpoint(name, heads, position);
  return name;
}

/** Another text in the draft, consistent in itself; with `lie` it states the content that is not there any more. */
function withOtherText(
  { manifest, segments }: TakenApart,
  change: (text: string) => string,
  { lie = false } = {},
): void {
  const { crypto } = nodeEnvironment();
  const i = manifest.documents.findIndex(({ name }) => name === DRAFT);
  const segment = parseSegment(segments[i] as Uint8Array, 'crdt');
  if (segment.kind !== 'crdt') throw new Error('the draft is no text');
  const bytes = Buffer.from(segment.state);
  const before = bytes.toString('latin1');
  const state = new Uint8Array(Buffer.from(change(before), 'latin1'));
  const doc = new Y.Doc();
  Y.applyUpdate(doc, state);
  const forged = encodeSegment({ ...segment, state });
  segments[i] = forged;
  const document = manifest.documents[i] as { bytes: number; contentHash: Uint8Array };
  document.bytes = forged.length;
  if (!lie) document.contentHash = crypto.sha256(canonical(doc));
}

/** An owner and a guest that are level about the guest's text. */
function withHonestText(
  body: (scene: { owner: FolderNode; guest: FolderNode; before: string }) => Promise<void>,
): Promise<void> {
  return withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    for (let n = 0; n < 5; n++) await insert(guest, `honest ${n} `);
    await until(() => level([owner, guest]), 'level');
    await body({ owner, guest, before: textOf(guest) });
  });
}

test('a checkpoint with another content than its envelopes is found out by whoever has them, and said so', () =>
  withHonestText(async ({ owner, guest, before }) => {
    const forged = await forge(owner, (checkpoint) =>
      withOtherText(checkpoint, (text) => text.replaceAll('honest', 'forged')),
    );
    await until(() => guest.outcomes.includes('differs'), 'found out');
    assert.is(textOf(guest), before);
    const said = (): unknown => guest.replica.registers('notes', guest.replica.self).get('checkpoint');
    await until(() => JSON.stringify(said()).includes(forged), 'said so');
    assert.equal(said(), { blob: forged, same: false, documents: [DRAFT] });
    await guest.reopen();
    assert.is(textOf(guest), before);
  }));

test('a checkpoint whose content is not what it states is found out by whoever has the envelopes', () =>
  withHonestText(async ({ owner, guest, before }) => {
    const forgeries: ((checkpoint: TakenApart) => void)[] = [
      ({ manifest }) => void (manifest.documents[0] as { contentHash: Uint8Array }).contentHash.fill(1),
      (checkpoint) => withOtherText(checkpoint, (text) => text.replaceAll('honest', 'forged'), { lie: true }),
    ];
    for (const [i, change] of forgeries.entries()) {
      await insert(owner, `${i} `);
      await until(() => level([owner, guest]), 'level again');
      await forge(owner, change);
      await until(
        () => guest.outcomes.filter((outcome) => outcome === 'differs').length === i + 1,
        `forgery ${i} is found out`,
      );
    }
    assert.is(textOf(guest), `1 0 ${before}`);
  }));

test('a checkpoint that is malformed, or not what its entry says, is not used: envelopes are asked for instead', () =>
  withFolders(async ({ owner, join }) => {
    for (let n = 0; n < 300; n++) await insert(owner, `${n} `);
    const before = textOf(owner);
    const guest = await join('editor');
    const wire = link(owner, guest);
    await until(() => level([owner, guest]), 'level');
    wire.cut();
    const changes: ((checkpoint: TakenApart) => void)[] = [
      // A clock that its chain never wrote.
      ({ manifest }) => {
        const steps = manifest.chains[0]?.clocks[0]?.[1] as { values: number[] } | undefined;
        if (steps !== undefined) steps.values[steps.values.length - 1] = 2 ** 40;
      },
      // Yjs bytes that are none.
      ({ segments }) => void (segments[0] as Uint8Array).fill(0xff, 40),
      // Documents that end beyond the blob.
      ({ manifest }) => {
        (manifest.documents[0] as { bytes: number }).bytes += 7;
      },
    ];
    for (const [i, change] of changes.entries()) {
      await forge(owner, change);
      const late = await join('viewer');
      const links = [link(guest, late), link(owner, late)];
      await until(() => late.outcomes.includes('differs'), `forgery ${i} is found out`);
      await until(() => textOf(late) === before, `envelopes make up for forgery ${i}`);
      for (const pair of links) pair.cut();
    }
  }));

test('a chunk that is not what its hash says ends the link that brought it; another member brings the right one', () =>
  withFolders(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    for (let n = 0; n < 300; n++) await insert(owner, `${n} `);
    await owner.replica.makeCheckpoint();
    await until(() => guest.outcomes.includes('same'), 'compared');
    const late = await join('editor');
    await until(() => guest.replica.control.members.size === 3, 'the guest knows of it');
    const pair = linkPair(guest.signer.publicKey, late.signer.publicKey, {
      tamper: (message, from) => {
        if (from === 'left' && message[0] === BLOB_CHUNK)
          message[message.length - 9] = (message[message.length - 9] ?? 0) ^ 1;
        return message;
      },
    });
    guest.replica.connect(pair.left);
    late.replica.connect(pair.right);
    await until(() => pair.reasons.length > 0, 'the link is dropped');
    assert.is(textOf(late), '');
    link(owner, late);
    await until(() => level([owner, late]), 'level');
    assert.is(contentOf(late, DRAFT), contentOf(owner, DRAFT));
  }));

test.run();
