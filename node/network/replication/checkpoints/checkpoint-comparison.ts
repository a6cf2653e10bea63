/** Whether a checkpoint is what it says, and whether two say the same. */

import * as Y from 'yjs';
import { type CheckpointManifest, encodeCheckpointStart } from '#protocol/checkpoint.ts';
import { type DocumentSegment, parseSegment } from '#protocol/checkpoint-segment.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { equalBytes } from '#shared/bytes.ts';
import { buildDoc } from '#shared/documents/build-doc.ts';
import { encodeCanonicalDoc, encodeCanonicalRegisters } from '#shared/documents/canonical-content.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BuiltCheckpoint } from './checkpoint-builder.ts';
import type { CheckpointFile } from './checkpoint-file.ts';

/**
 * Compares what two manifests state; how their documents are encoded may differ.
 *
 * @returns undefined when they state the same, else the names of the documents whose content is not the same
 */
export function differences(a: CheckpointManifest, b: CheckpointManifest): readonly DocumentName[] | undefined {
  if (equalBytes(stated(a), stated(b))) return undefined;
  const hashes = new Map(b.documents.map(({ name, contentHash }) => [name, contentHash]));
  const different = a.documents.filter(({ name, contentHash }) => {
    const other = hashes.get(name);
    return other === undefined || !equalBytes(other, contentHash);
  });
  const known = new Set(a.documents.map(({ name }) => name));
  return [...different.map(({ name }) => name), ...[...hashes.keys()].filter((name) => !known.has(name))];
}

function stated(manifest: CheckpointManifest): Uint8Array {
  return encodeCheckpointStart({ ...manifest, documents: manifest.documents.map((doc) => ({ ...doc, bytes: 0 })) });
}

export interface ContentCheck {
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** The same checkpoint made here, if it could be made: what no hash states is compared with that. */
  readonly own?: BuiltCheckpoint;
  /** Documents in use, which will be built of it next: what was built to be checked is left in the file for them. */
  readonly alive?: (name: DocumentName) => boolean;
  /** Called after each document. */
  pause(): Promise<void>;
}

/**
 * Reads every document of an untrusted checkpoint and checks that it is whole: of every chain exactly what the index
 * says, and, where there is one made here to hold it against, the content that it states. Without that its hashes would
 * only be the owner's word for the owner's word: the blob is named after what is in it, and its name is signed.
 *
 * @throws {SandboxError} BAD_CHECKPOINT
 */
export async function checkContents(file: CheckpointFile, { crypto, own, alive, pause }: ContentCheck): Promise<void> {
  const ends = clockEnds(file.manifest);
  for (const [i, { name, contentHash }] of file.manifest.documents.entries()) {
    const segment = file.segment(name);
    const mine = own?.parts[i + 1];
    if (mine !== undefined && !sameDepths(segment, parseSegment(mine, segment.kind))) {
      throw bad(`"${name}" nests otherwise than its chains wrote`);
    }
    const doc = segment.kind === 'crdt' ? build(segment.state, name, ends.get(name) ?? new Map()) : undefined;
    if (own !== undefined) {
      const content =
        segment.kind === 'crdt' ? encodeCanonicalDoc(doc as Y.Doc) : encodeCanonicalRegisters(segment.rows);
      if (!equalBytes(crypto.sha256(content), contentHash)) throw bad(`"${name}" has another content than it states`);
    }
    if (doc !== undefined && alive?.(name) === true) file.leave(name, doc);
    else doc?.destroy();
    await pause();
  }
}

/** How far each client gets in each document, by its chain. */
function clockEnds({ chains }: CheckpointManifest): Map<DocumentName, Map<number, number>> {
  const ends = new Map<DocumentName, Map<number, number>>();
  for (const { member, incarnation, clocks } of chains) {
    for (const [name, { values }] of clocks) {
      const end = values.at(-1) ?? 0;
      if (end === 0) continue;
      const known = ends.get(name) ?? new Map<number, number>();
      ends.set(name, known.set(clientIdOf(member, incarnation), end));
    }
  }
  return ends;
}

function sameDepths(a: DocumentSegment, b: DocumentSegment): boolean {
  const depths = (segment: DocumentSegment): unknown => (segment.kind === 'crdt' ? segment.depths : []);
  return JSON.stringify(depths(a)) === JSON.stringify(depths(b));
}

/** @param ends clocks that its clients reach */
function build(state: Uint8Array, name: DocumentName, ends: ReadonlyMap<number, number>): Y.Doc {
  let doc: Y.Doc;
  try {
    doc = buildDoc(state);
  } catch (cause) {
    throw new SandboxError('BAD_CHECKPOINT', `Cannot use a checkpoint: "${name}" is no Yjs update`, { cause });
  }
  const { pendingStructs, pendingDs, clients } = doc.store;
  const exact = [...ends].every(([client, end]) => Y.getState(doc.store, client) === end);
  if (pendingStructs === null && pendingDs === null && clients.size === ends.size && exact) return doc;
  throw bad(`"${name}" is not what its chains wrote`);
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_CHECKPOINT', `Cannot use a checkpoint: ${why}`);
}
