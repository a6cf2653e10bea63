/**
 * What pages wrote that other pages were shown and that is not signed yet, on its way to the sandbox's log: after a kill
 * it is signed from here, so that nobody was shown what is nowhere. It holds some milliseconds; once they are in the
 * log it is empty. Layout (protocol/PROTOCOL.md, The journal of pages): records like the log's, the first says version and place.
 */

import type { DocumentName } from '#shared/documents/document-name.ts';
import type { LogFile } from './log-file.ts';
import { encodeRecord, RecordType, readRecords } from './log-format.ts';

/** Another version's is of the past, as another place's is: it holds some milliseconds. */
const SCHEMA_VERSION = 1;

/** What one page wrote at once. */
export interface PageEntry {
  readonly incarnation: number;
  readonly document: DocumentName;
  /** Yjs V1, in the order they came. */
  readonly updates: readonly Uint8Array[];
}

export class PageJournal {
  readonly #file: LogFile;
  readonly #heading: () => string;

  /** @param place of the folder, now: what was written at another one is of the past, see `folder-place.ts` */
  constructor(file: LogFile, place: () => string) {
    this.#file = file;
    this.#heading = () => `${SCHEMA_VERSION} ${place()}`;
  }

  /** What was written at this place, in order; a torn end is left out. */
  read(): readonly PageEntry[] {
    const [heading, ...entries] = [...readRecords(this.#file, 0)].map(({ body }) => body.slice());
    if (heading === undefined || Buffer.from(heading).toString() !== this.#heading()) return [];
    return entries.map(decodeEntry);
  }

  /** Hands it to the system: it survives the death of this process. @throws {SandboxError} HOME_UNWRITABLE */
  add(entry: PageEntry): void {
    const record = encodeRecord(RecordType.page, encodeEntry(entry));
    if (this.#file.size > 0) return this.#file.append(record);
    const heading = encodeRecord(RecordType.page, Buffer.from(this.#heading()));
    this.#file.append(Buffer.concat([heading, record]));
  }

  /** All of it is in the log. */
  clear(): void {
    if (this.#file.size === 0) return;
    try {
      this.#file.truncate(0);
    } catch {
      // The home became read-only: what stays here is in the log, and brings nothing new when it is read.
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** `incarnation u32, bytes of the name u16, name, (length u32, update)…`, big endian. */
function encodeEntry({ incarnation, document, updates }: PageEntry): Uint8Array {
  const name = Buffer.from(document);
  const bytes = Buffer.allocUnsafe(updates.reduce((sum, { length }) => sum + 4 + length, 6 + name.length));
  bytes.writeUInt32BE(incarnation);
  bytes.writeUInt16BE(name.length, 4);
  let at = 6 + name.copy(bytes, 6);
  for (const update of updates) {
    at = bytes.writeUInt32BE(update.length, at);
    bytes.set(update, at);
    at += update.length;
  }
  return bytes;
}

function decodeEntry(body: Uint8Array): PageEntry {
  const bytes = Buffer.from(body);
  const start = 6 + bytes.readUInt16BE(4);
  const updates: Uint8Array[] = [];
  for (let at = start; at < bytes.length; ) {
    const from = at + 4;
    at = from + bytes.readUInt32BE(at);
    updates.push(bytes.subarray(from, at));
  }
  const document = bytes.toString('utf8', 6, start) as DocumentName;
  return { incarnation: bytes.readUInt32BE(0), document, updates };
}
