/**
 * Frames: the one framing of every byte stream between processes (CLI socket, harness socket, peer streams).
 * The layout is written down in protocol/PROTOCOL.md, Frames. What a payload means is `messages.ts`'s business.
 */

import { SandboxError } from '#shared/errors.ts';

/** "SMSH" */
export const FRAME_MAGIC = 0x534d5348;
export const FRAME_VERSION = 1;
export const FRAME_HEADER_BYTES = 12;
/** Payload bytes of one frame unless a gateway sets less: an update of 64 KiB, a batch, a page of variables fit. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** Beyond this many, unread chunks are merged: each costs some 200 bytes, which a peer that drips single bytes multiplies. */
const MAX_PENDING_CHUNKS = 1024;

/** The specification's five communication patterns; call and reply are the two halves of the first. */
export const FrameType = { call: 1, reply: 2, cast: 3, broadcast: 4, sync: 5, control: 6 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  readonly type: FrameType;
  readonly payload: Uint8Array;
}

function isFrameType(type: number): type is FrameType {
  return type >= FrameType.call && type <= FrameType.control;
}

/**
 * Puts the 12-byte header before a payload, in one new buffer.
 *
 * @throws {SandboxError} FRAME_TOO_LARGE
 */
export function encodeFrame(type: FrameType, payload: Uint8Array, maxFrameBytes = MAX_FRAME_BYTES): Uint8Array {
  if (payload.length > maxFrameBytes) throw tooLarge('send', payload.length, maxFrameBytes);
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FRAME_MAGIC);
  view.setUint16(4, FRAME_VERSION);
  view.setUint16(6, type);
  view.setUint32(8, payload.length);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/**
 * Splits a byte stream into frames. After a throw the stream's boundaries are lost: drop the connection.
 */
export class FrameDecoder {
  readonly #maxFrameBytes: number;
  /** Unread chunks in order; `#offset` bytes of the first are consumed. */
  #chunks: Uint8Array[] = [];
  #offset = 0;
  #buffered = 0;
  #broken: SandboxError | undefined;

  /** @param maxFrameBytes payload bytes only, the header excluded */
  constructor(maxFrameBytes = MAX_FRAME_BYTES) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * @param chunk any length; may hold 0..n frames and a partial tail; not copied until a frame is complete
   * @returns frames in arrival order
   * @throws {SandboxError} BAD_FRAME, VERSION_UNSUPPORTED or FRAME_TOO_LARGE; the decoder is unusable afterwards
   */
  push(chunk: Uint8Array): Frame[] {
    if (this.#broken) throw this.#broken;
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.#buffered += chunk.length;
    }
    if (this.#chunks.length > MAX_PENDING_CHUNKS) this.#merge();
    const frames: Frame[] = [];
    try {
      for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    } catch (error) {
      this.#broken = SandboxError.from(error);
      this.#chunks = [];
      throw this.#broken;
    }
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#buffered < FRAME_HEADER_BYTES) return undefined;
    const header = this.#peek(FRAME_HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, FRAME_HEADER_BYTES);
    const magic = view.getUint32(0);
    if (magic !== FRAME_MAGIC) {
      throw new SandboxError('BAD_FRAME', `Cannot read a frame: it starts with 0x${magic.toString(16)}, not "SMSH"`, {
        hint: 'The other side does not speak the sandmesh protocol.',
      });
    }
    const version = view.getUint16(4);
    if (version !== FRAME_VERSION) {
      throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read a frame of version ${version}`, {
        hint: `This sandmesh speaks version ${FRAME_VERSION}: update the older side.`,
      });
    }
    const type = view.getUint16(6);
    if (!isFrameType(type)) throw new SandboxError('BAD_FRAME', `Cannot read a frame of unknown type ${type}`);
    const length = view.getUint32(8);
    if (length > this.#maxFrameBytes) throw tooLarge('read', length, this.#maxFrameBytes);
    if (this.#buffered < FRAME_HEADER_BYTES + length) return undefined;
    this.#take(FRAME_HEADER_BYTES);
    return { type, payload: this.#take(length) };
  }

  /** The next `count` bytes without consuming them; copies only when they span chunks. */
  #peek(count: number): Uint8Array {
    const first = this.#chunks[0] as Uint8Array;
    if (first.length - this.#offset >= count) return first.subarray(this.#offset, this.#offset + count);
    return this.#join(count);
  }

  #take(count: number): Uint8Array {
    const bytes = count === 0 ? new Uint8Array(0) : this.#peek(count);
    this.#buffered -= count;
    let left = count;
    while (left > 0) {
      const rest = (this.#chunks[0] as Uint8Array).length - this.#offset;
      if (rest > left) {
        this.#offset += left;
        break;
      }
      this.#chunks.shift();
      this.#offset = 0;
      left -= rest;
    }
    return bytes;
  }

  #merge(): void {
    this.#chunks = [this.#join(this.#buffered)];
    this.#offset = 0;
  }

  #join(count: number): Uint8Array {
    const joined = new Uint8Array(count);
    let filled = 0;
    for (let i = 0; filled < count; i++) {
      const chunk = this.#chunks[i] as Uint8Array;
      const part = chunk.subarray(i === 0 ? this.#offset : 0).subarray(0, count - filled);
      joined.set(part, filled);
      filled += part.length;
    }
    return joined;
  }
}

function tooLarge(action: string, bytes: number, limit: number): SandboxError {
  return new SandboxError('FRAME_TOO_LARGE', `Cannot ${action} a frame of ${bytes} bytes: the limit is ${limit}`);
}
