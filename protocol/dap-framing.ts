/**
 * The base protocol of the Debug Adapter Protocol: `Content-Length: N`, an empty line, N bytes of JSON. Stricter than
 * its text: any other header ends the stream, because HTTP has a Content-Length too, and a page in a browser can make
 * it send one to a port of this machine.
 */

import { SandboxError } from '#shared/errors.ts';

/** Bytes of one message's content: an IDE's own are a few hundred, a pasted expression some thousands. */
export const MAX_DAP_MESSAGE_BYTES = 4 * 1024 * 1024;
/** `Content-Length: 4194304` and its line ends take 27. */
const MAX_HEADER_BYTES = 64;
/** Beyond this many, unread chunks are merged: each costs some 200 bytes, which a sender of single bytes multiplies. */
const MAX_PENDING_CHUNKS = 1024;

const HEADER = /^Content-Length: ?(\d{1,10})\r\n\r\n$/i;
const END = [13, 10, 13, 10];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
/** Of a header, which is looked at as it comes: a byte order mark is part of it. */
const headerDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encodeDapMessage(message: object): Uint8Array {
  return frameDapContent(encoder.encode(JSON.stringify(message)));
}

/** @param content of one message: JSON as UTF-8 */
export function frameDapContent(content: Uint8Array): Uint8Array {
  const header = encoder.encode(`Content-Length: ${content.length}\r\n\r\n`);
  const bytes = new Uint8Array(header.length + content.length);
  bytes.set(header);
  bytes.set(content, header.length);
  return bytes;
}

/** Splits a byte stream into messages. After a throw the stream's boundaries are lost: drop the connection. */
export class DapDecoder {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #header: number[] = [];
  /** Bytes of the message being read; undefined while its header is. */
  #length: number | undefined;

  constructor(maxBytes = MAX_DAP_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @param chunk any length; may hold 0..n messages and a partial tail
   * @returns contents in arrival order, each valid JSON, else `undefined`: a message that says nothing
   * @throws {SandboxError} BAD_FRAME, FRAME_TOO_LARGE (by its header, before anything is kept)
   */
  push(chunk: Uint8Array): unknown[] {
    return this.split(chunk).map(parseDapContent);
  }

  /** As {@link push}, of messages that are passed on. @returns their contents, which may be parts of the chunk */
  split(chunk: Uint8Array): Uint8Array[] {
    const contents: Uint8Array[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#length === undefined) rest = this.#readHeader(rest);
      if (this.#length === undefined) break;
      const missing = this.#length - this.#buffered;
      if (rest.length < missing) {
        this.#keep(rest);
        break;
      }
      contents.push(this.#contentUpTo(rest.subarray(0, missing)));
      rest = rest.subarray(missing);
    }
    return contents;
  }

  /** @returns what follows the header, or nothing while it is incomplete */
  #readHeader(bytes: Uint8Array): Uint8Array {
    const whole = this.#header.length === 0 ? lengthOfHeader(bytes) : undefined;
    if (whole !== undefined) {
      this.#length = this.#lengthOf(bytes.subarray(0, whole));
      return bytes.subarray(whole);
    }
    for (const [index, byte] of bytes.entries()) {
      this.#header.push(byte);
      if (this.#header.length > MAX_HEADER_BYTES) throw notDap(headerDecoder.decode(Uint8Array.from(this.#header)));
      if (byte !== 10 || !END.every((end, i) => this.#header.at(i - END.length) === end)) continue;
      this.#length = this.#lengthOf(Uint8Array.from(this.#header));
      this.#header = [];
      return bytes.subarray(index + 1);
    }
    return bytes.subarray(bytes.length);
  }

  #lengthOf(header: Uint8Array): number {
    const text = headerDecoder.decode(header);
    const match = HEADER.exec(text);
    if (match === null) throw notDap(text);
    const length = Number(match[1]);
    if (length <= this.#maxBytes) return length;
    throw new SandboxError(
      'FRAME_TOO_LARGE',
      `Cannot take a message of ${length} bytes: ${this.#maxBytes} is the most`,
    );
  }

  /** @returns what was kept of a message and its rest; of one that came whole no copy is made */
  #contentUpTo(rest: Uint8Array): Uint8Array {
    this.#length = undefined;
    if (this.#buffered === 0) return rest;
    const content = merge([...this.#chunks, rest], this.#buffered + rest.length);
    this.#chunks = [];
    this.#buffered = 0;
    return content;
  }

  #keep(bytes: Uint8Array): void {
    // The chunk's memory is its owner's: it may be pooled, and larger than what is kept of it.
    if (bytes.length > 0) this.#chunks.push(new Uint8Array(bytes));
    this.#buffered += bytes.length;
    if (this.#chunks.length > MAX_PENDING_CHUNKS) this.#chunks = [merge(this.#chunks, this.#buffered)];
  }
}

/** @returns undefined unless it is all here, as it nearly always is: byte by byte a header costs more than its message */
function lengthOfHeader(bytes: Uint8Array): number | undefined {
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES - 2).indexOf(10);
  const isWhole = lineEnd > 0 && bytes[lineEnd - 1] === 13 && bytes[lineEnd + 1] === 13 && bytes[lineEnd + 2] === 10;
  return isWhole ? lineEnd + 3 : undefined;
}

function merge(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** @returns `undefined` when it is no JSON */
export function parseDapContent(content: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(content));
  } catch {
    // The stream is whole: only this message says nothing, and its sender is told.
    return undefined;
  }
}

function notDap(header: string): SandboxError {
  const shown = JSON.stringify(header.slice(0, 40));
  return new SandboxError('BAD_FRAME', `Cannot read ${shown}: not a header of the Debug Adapter Protocol`);
}
