/**
 * The one error class and its catalogue of stable codes.
 *
 * A code crosses every wire unchanged (CLI exit, peer reply, REST problem document); the text may be reworded.
 * Every message names the failed action, quotes the offending value and says what to do next.
 */

/** Stable code → HTTP status it maps to, and whether trying again unchanged can help. */
export const ERROR_CODES = {
  // input
  BAD_ARGUMENT: { status: 400, retry: false },
  BAD_JSON: { status: 400, retry: false },
  BAD_FRAME: { status: 400, retry: false },
  BAD_CBOR: { status: 400, retry: false },
  BAD_LINK: { status: 400, retry: false },
  BAD_ENVELOPE: { status: 400, retry: false },
  BAD_CONTROL_ENTRY: { status: 400, retry: false },
  BAD_CHECKPOINT: { status: 400, retry: false },
  BAD_EXPORT: { status: 400, retry: false },
  BAD_KEY: { status: 400, retry: false },
  FRAME_TOO_LARGE: { status: 413, retry: false },
  RESULT_TOO_LARGE: { status: 413, retry: false },
  UNKNOWN_COMMAND: { status: 404, retry: false },
  VERSION_UNSUPPORTED: { status: 426, retry: false },
  // trust
  UNAUTHENTICATED: { status: 401, retry: false },
  FORBIDDEN: { status: 403, retry: false },
  CONSENT_DENIED: { status: 403, retry: false },
  CONSENT_PENDING: { status: 403, retry: true },
  INVITE_EXPIRED: { status: 410, retry: false },
  INVITE_USED: { status: 410, retry: false },
  INVITE_REVOKED: { status: 410, retry: false },
  JOIN_DENIED: { status: 403, retry: false },
  PATH_FORBIDDEN: { status: 403, retry: false },
  LEASE_HELD: { status: 409, retry: true },
  CONTROL_FORKED: { status: 409, retry: false },
  KEY_LOCKED: { status: 423, retry: false },
  KEYRING_UNAVAILABLE: { status: 503, retry: true },
  // things that are not there
  SANDBOX_UNKNOWN: { status: 404, retry: false },
  MEMBER_UNKNOWN: { status: 404, retry: false },
  TARGET_UNKNOWN: { status: 404, retry: false },
  TARGET_GONE: { status: 410, retry: false },
  NOT_PAUSED: { status: 409, retry: true },
  HANDLE_STALE: { status: 410, retry: false },
  BREAKPOINT_UNKNOWN: { status: 404, retry: false },
  SNAPSHOT_UNKNOWN: { status: 404, retry: false },
  SOURCE_UNKNOWN: { status: 404, retry: false },
  REQUEST_UNKNOWN: { status: 404, retry: false },
  // attaching
  PROCESS_UNKNOWN: { status: 404, retry: false },
  PROCESS_FORBIDDEN: { status: 403, retry: false },
  PROCESS_NOT_NODE: { status: 422, retry: false },
  INSPECTOR_UNAVAILABLE: { status: 409, retry: true },
  // running
  EVALUATION_FAILED: { status: 422, retry: false },
  TIMEOUT: { status: 504, retry: true },
  PEER_UNREACHABLE: { status: 503, retry: true },
  DAEMON_UNREACHABLE: { status: 503, retry: true },
  DAEMON_RUNNING: { status: 409, retry: false },
  HOME_UNWRITABLE: { status: 500, retry: false },
  STORAGE_CORRUPT: { status: 500, retry: false },
  CONFIG_INVALID: { status: 400, retry: false },
  LIMIT_EXCEEDED: { status: 429, retry: true },
  CANCELLED: { status: 499, retry: true },
  INTERNAL: { status: 500, retry: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

/** What travels: plain data, safe to send to any member. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  /** What the person can do next; one sentence, shown after the message. */
  readonly hint?: string;
}

/** The only error class thrown on purpose (a programmer's mistake stays `TypeError`/`RangeError`). */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  /**
   * @param code stable, from {@link ERROR_CODES}
   * @param message the failed action with the offending value quoted
   * @param options `hint`: what to do next; `cause`: the underlying error, never sent to a peer
   */
  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  toData(): ErrorData {
    return this.hint === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, hint: this.hint };
  }

  /** Rebuilds an error from untrusted data: an unknown code becomes INTERNAL. */
  static fromData(data: { code: string; message: string; hint?: string | undefined }): SandboxError {
    const code = isErrorCode(data.code) ? data.code : 'INTERNAL';
    return new SandboxError(code, data.message, data.hint === undefined ? {} : { hint: data.hint });
  }

  /** Wraps anything thrown: a SandboxError passes, an abort keeps its reason, the rest is INTERNAL with its text. */
  static from(thrown: unknown): SandboxError {
    if (thrown instanceof SandboxError) return thrown;
    if (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError')) {
      const code = thrown.name === 'TimeoutError' ? 'TIMEOUT' : 'CANCELLED';
      return new SandboxError(code, thrown.message, { cause: thrown });
    }
    return new SandboxError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }
}
