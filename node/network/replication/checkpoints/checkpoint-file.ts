/** A checkpoint blob on disk, open for reading: its manifest in memory, its documents read when they are asked for. */

import type * as Y from 'yjs';
import {
  CHECKPOINT_HEADER_BYTES,
  type CheckpointDocument,
  type CheckpointManifest,
  parseCheckpointHeader,
  parseCheckpointManifest,
} from '#protocol/checkpoint.ts';
import { type DocumentSegment, parseSegment } from '#protocol/checkpoint-segment.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Blob } from '../../../storage/blob-store.ts';

interface Extent {
  readonly document: CheckpointDocument;
  /** Where its segment starts. */
  readonly at: number;
}

export class CheckpointFile {
  readonly name: string;
  readonly manifest: CheckpointManifest;
  #blob: Blob;
  readonly #extents = new Map<DocumentName, Extent>();
  /** Documents that were built to be checked, for whoever would build them next. */
  readonly #built = new Map<DocumentName, Y.Doc>();

  /** @param blob whole and checked; closed by {@link close}. @throws {SandboxError} BAD_CHECKPOINT */
  constructor(blob: Blob) {
    this.name = blob.name;
    this.#blob = blob;
    const length = parseCheckpointHeader(blob.read(0, Math.min(CHECKPOINT_HEADER_BYTES, blob.bytes)));
    let at = CHECKPOINT_HEADER_BYTES + length;
    if (at > blob.bytes) throw bad('its manifest goes on past its end');
    this.manifest = parseCheckpointManifest(blob.read(CHECKPOINT_HEADER_BYTES, length));
    for (const document of this.manifest.documents) {
      this.#extents.set(document.name, { document, at });
      at += document.bytes;
    }
    if (at !== blob.bytes) throw bad(`its documents take ${at} bytes of ${blob.bytes}`);
  }

  get bytes(): number {
    return this.#blob.bytes;
  }

  /** Reads from the same blob elsewhere from now on. */
  settle(blob: Blob): void {
    this.#blob.close();
    this.#blob = blob;
  }

  contentHash(name: DocumentName): Uint8Array | undefined {
    return this.#extents.get(name)?.document.contentHash;
  }

  /** Reads a document that the manifest lists. @throws {SandboxError} BAD_CHECKPOINT, STORAGE_CORRUPT */
  segment(name: DocumentName): DocumentSegment {
    const extent = this.#extents.get(name);
    const kind = classifyDocument(name)?.kind;
    if (extent === undefined || kind === undefined) throw bad(`it does not hold "${name}"`);
    return parseSegment(this.#blob.read(extent.at, extent.document.bytes), kind);
  }

  /** Leaves a document, built of its segment and nothing else, to the next {@link take}. */
  leave(name: DocumentName, doc: Y.Doc): void {
    this.#built.set(name, doc);
  }

  /** A document that was left here: the caller's now. */
  take(name: DocumentName): Y.Doc | undefined {
    const doc = this.#built.get(name);
    this.#built.delete(name);
    return doc;
  }

  /** Lets go of what nobody took. */
  forgetBuilt(): void {
    for (const doc of this.#built.values()) doc.destroy();
    this.#built.clear();
  }

  close(): void {
    this.forgetBuilt();
    this.#blob.close();
  }
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_CHECKPOINT', `Cannot read a checkpoint: ${why}`);
}
