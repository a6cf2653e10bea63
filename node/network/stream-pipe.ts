/** A libp2p stream as what `Channel` and its owners need: bytes in order, how far the peer lags, one end. */

import type { Stream } from '@libp2p/interface';
import { SandboxError } from '#shared/errors.ts';
import { makeNeededEventsOnly } from './needed-events.ts';
import { updateWindowRarely } from './window-updates.ts';

export interface StreamPipeHandlers {
  readonly onBytes: (chunk: Uint8Array) => void;
  /** The peer has taken what was queued. */
  readonly onDrain: () => void;
  /** Once, whichever side ended it. */
  readonly onClose: (reason: SandboxError) => void;
}

/** How long a farewell may take to leave before the stream is cut. */
const CLOSE_TIMEOUT_MS = 500;

export class StreamPipe {
  readonly #stream: Stream;
  readonly #handlers: StreamPipeHandlers;
  #closed = false;

  constructor(stream: Stream, handlers: StreamPipeHandlers) {
    this.#stream = stream;
    this.#handlers = handlers;
    updateWindowRarely(stream);
    makeNeededEventsOnly(stream);
    stream.addEventListener('message', (event) => {
      const data = event.data;
      for (const chunk of data instanceof Uint8Array ? [data] : data) {
        if (!this.#closed) handlers.onBytes(chunk);
      }
    });
    // libp2p sends what it had queued in a microtask after this event: only then is it known whether all went out.
    stream.addEventListener('drain', () => {
      setImmediate(() => {
        if (!this.#closed && !this.congested) handlers.onDrain();
      });
    });
    stream.addEventListener('remoteCloseWrite', () => this.close(lost('the peer closed the stream')));
    stream.addEventListener('close', (event) => this.#end(lost(event.error?.message ?? 'the stream was closed')));
  }

  /** True while the peer has not taken all that was sent: bulk waits for `onDrain`. */
  get congested(): boolean {
    return this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > 0;
  }

  /** Bytes sent and not yet taken by the transport. */
  get buffered(): number {
    return this.#stream.writeBufferLength;
  }

  /** Never throws: bytes for a stream that has just ended are lost like any on the way. */
  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#stream.send(bytes);
    } catch (cause) {
      this.cut(lost(cause instanceof Error ? cause.message : String(cause)));
    }
  }

  /** Lets what was sent go out, then ends the stream. */
  close(reason: SandboxError): void {
    if (this.#closed) return;
    this.#stream.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) }).then(
      // The other side may never close its end.
      () => setTimeout(() => this.#stream.abort(reason), CLOSE_TIMEOUT_MS).unref(),
      () => this.#stream.abort(reason),
    );
    this.#end(reason);
  }

  /** Ends the stream at once and tells the peer so. */
  cut(reason: SandboxError): void {
    this.#stream.abort(reason);
    this.#end(reason);
  }

  #end(reason: SandboxError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers.onClose(reason);
  }
}

function lost(why: string): SandboxError {
  return new SandboxError('PEER_UNREACHABLE', `The connection to the peer was lost: ${why}`);
}
