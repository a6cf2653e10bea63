/**
 * Which rooms of a sandbox pages may still come back to, kept beside its log. A room is named after the document, its
 * generation and the page's incarnation, with a code that only this daemon can make: so it knows the names it gave after
 * a restart too, however many there were. Three things make every name of the past stale: another folder (a restored
 * or copied home may lack what a page was told), another start of the machine (the end of the log may be lost), damage.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeBase64Url, encodeBase64Url } from '#protocol/base64url.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { SandboxId } from '#shared/ids.ts';
import { readJsonFile, writeFileAtomic } from '../../storage/atomic-file.ts';
import { placeOf } from '../../storage/folder-place.ts';

const CODE_BYTES = 12;

const recordSchema = z.object({
  version: z.literal(1),
  /** Of the folder at the time: it must be the same. */
  place: z.string(),
  secret: z.string(),
  documents: z.record(z.string(), z.object({ generation: z.number().int(), makeup: z.string() })),
});
type PageRecordFile = z.infer<typeof recordSchema>;

/** What a room's name says. */
export interface RoomName {
  readonly sandbox: SandboxId;
  readonly document: DocumentName;
  readonly generation: number;
  readonly incarnation: number;
  /** Proves that this daemon gave the name. */
  readonly code: string;
}

/** @returns `<sandbox>/<document>/<generation>/<incarnation>.<code>`, plain enough for any path of a URL */
export function formatRoom({ sandbox, document, generation, incarnation, code }: RoomName): string {
  const name = encodeBase64Url(new TextEncoder().encode(document));
  return `${sandbox}/${name}/${generation}/${incarnation.toString(16).padStart(8, '0')}.${code}`;
}

/** @returns undefined for what is no room's name; whether it was given is {@link PageRecord.knows}'s to say */
export function parseRoom(text: string): RoomName | undefined {
  const match = /^([0-9a-f]{40})\/([\w-]{1,6000})\/(\d{1,9})\/([0-9a-f]{8})\.([\w-]{16})$/.exec(text);
  if (match === null) return undefined;
  const [, sandbox, name, generation, incarnation, code] = match as unknown as string[];
  const bytes = decodeBase64Url(name as string);
  if (bytes === undefined) return undefined;
  return {
    sandbox: sandbox as SandboxId,
    document: new TextDecoder().decode(bytes) as DocumentName,
    generation: Number(generation),
    incarnation: Number.parseInt(incarnation as string, 16),
    code: code as string,
  };
}

export class PageRecord {
  readonly #file: string;
  readonly #makeup: (document: DocumentName) => string;
  #record: PageRecordFile;

  /**
   * @param folder the sandbox's own
   * @param makeup of a document as the replica has it: equal while it only grows
   */
  constructor(folder: string, makeup: (document: DocumentName) => string) {
    this.#file = join(folder, 'pages.json');
    this.#makeup = (document) => createHash('sha256').update(makeup(document)).digest('base64url');
    const place = placeOf(folder);
    const known = read(this.#file);
    if (known?.place === place) this.#record = known;
    else this.#record = { version: 1, place, secret: randomBytes(32).toString('base64url'), documents: {} };
  }

  /** Grows whenever pages can't go on with what they have. @throws {SandboxError} HOME_UNWRITABLE */
  generation(document: DocumentName): number {
    const makeup = this.#makeup(document);
    const { documents } = this.#record;
    const known = Object.hasOwn(documents, document) ? documents[document] : undefined;
    if (known?.makeup === makeup) return known.generation;
    const generation = (known?.generation ?? 0) + 1;
    this.#save({ ...documents, [document]: { generation, makeup } });
    return generation;
  }

  /** A checkpoint took the place of envelopes: what documents hold is the same. */
  rebased(): void {
    const documents = Object.entries(this.#record.documents).map(([name, { generation }]) => {
      return [name, { generation, makeup: this.#makeup(name as DocumentName) }] as const;
    });
    if (documents.length > 0) this.#save(Object.fromEntries(documents));
  }

  /** The document was built anew: its generation is another one if that made a difference. */
  wasReset(document: DocumentName): void {
    if (Object.hasOwn(this.#record.documents, document)) this.generation(document);
  }

  code(document: DocumentName, generation: number, incarnation: number): string {
    const hmac = createHmac('sha256', this.#record.secret);
    const bytes = hmac.update(`${generation} ${incarnation} ${document}`).digest().subarray(0, CODE_BYTES);
    return bytes.toString('base64url');
  }

  /** Whether this daemon gave the name, since when pages can come back. */
  knows({ document, generation, incarnation, code }: RoomName): boolean {
    return timingSafeEqual(Buffer.from(code), Buffer.from(this.code(document, generation, incarnation)));
  }

  #save(documents: PageRecordFile['documents']): void {
    this.#record = { ...this.#record, documents };
    writeFileAtomic(this.#file, `${JSON.stringify(this.#record)}\n`);
  }
}

/** One that can't be read is as good as none: pages start anew. */
function read(file: string): PageRecordFile | undefined {
  try {
    return recordSchema.parse(readJsonFile(file));
  } catch {
    return undefined;
  }
}
