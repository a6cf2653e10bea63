/** The byte stream under a framed conversation: a Unix socket, or what a test puts in its place. */

export interface Transport {
  /** Keeps order; silent once closed. */
  send(bytes: Uint8Array): void;
  /** Safe to call twice. */
  close(): void;
}

export interface TransportEvents {
  onData(chunk: Uint8Array): void;
  /** Fires once; `cause` is absent on an orderly end. */
  onClose(cause?: Error): void;
}

/**
 * Opens one transport.
 *
 * @throws {SandboxError} DAEMON_UNREACHABLE; `signal.reason` on abort
 */
export type ByteConnector = (
  events: TransportEvents,
  options: { signal?: AbortSignal | undefined },
) => Promise<Transport>;
