/**
 * CDP messages as `sync` frames on the harness socket: one byte that says whether more follows, then UTF-8 JSON. A
 * message over {@link PART_BYTES} travels in parts, back to back; one over {@link MAX_MESSAGE_BYTES} is not sent at all.
 * Used by the worker and the daemon, so it pulls in nothing large.
 */

import { encodeFrame, FrameType } from '#protocol/frame.ts';
import { SandboxError } from '#shared/errors.ts';

const PART_BYTES = 1024 * 1024;
/** The text of a large bundle with its map fits; a 100 MB script's does not and is refused. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const LAST = 0;
const MORE = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * @param json one CDP message
 * @returns frames to be written in order with nothing between them; undefined when it is over {@link MAX_MESSAGE_BYTES}
 */
export function encodeCdp(json: string): Uint8Array[] | undefined {
  // a UTF-16 unit takes at least one byte: no need to encode what is hopeless
  if (json.length > MAX_MESSAGE_BYTES) return undefined;
  const bytes = encoder.encode(json);
  if (bytes.length > MAX_MESSAGE_BYTES) return undefined;
  const frames: Uint8Array[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += PART_BYTES) {
    const part = bytes.subarray(start, start + PART_BYTES);
    const payload = new Uint8Array(part.length + 1);
    payload[0] = start + PART_BYTES < bytes.length ? MORE : LAST;
    payload.set(part, 1);
    frames.push(encodeFrame(FrameType.sync, payload));
  }
  return frames;
}

/** Puts the parts of CDP messages together again. After a throw, drop the connection. */
export class CdpAssembler {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /**
   * @param payload of one `sync` frame
   * @returns a whole message's JSON text, or undefined while parts are missing
   * @throws {SandboxError} FRAME_TOO_LARGE, BAD_FRAME
   */
  push(payload: Uint8Array): string | undefined {
    const flag = payload[0];
    if (flag !== LAST && flag !== MORE) throw new SandboxError('BAD_FRAME', `Cannot read a CDP part marked ${flag}`);
    const part = payload.subarray(1);
    this.#bytes += part.length;
    if (this.#bytes > MAX_MESSAGE_BYTES) {
      throw new SandboxError('FRAME_TOO_LARGE', `Cannot read a CDP message of over ${MAX_MESSAGE_BYTES} bytes`);
    }
    if (flag === MORE) {
      this.#parts.push(part);
      return undefined;
    }
    if (this.#parts.length === 0) {
      this.#bytes = 0;
      return decoder.decode(part);
    }
    const whole = new Uint8Array(this.#bytes);
    let filled = 0;
    for (const piece of [...this.#parts, part]) {
      whole.set(piece, filled);
      filled += piece.length;
    }
    this.#parts = [];
    this.#bytes = 0;
    return decoder.decode(whole);
  }
}
