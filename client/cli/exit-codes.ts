/** The one table of exit codes, by the kind of failure. Documented in `sandmesh --help` and the README. */

import type { ErrorCode } from '#shared/errors.ts';

export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  daemonUnreachable: 3,
  denied: 4,
  notFound: 5,
  timeout: 6,
  notNow: 7,
  /** As a shell reports Ctrl-C: 128 + SIGINT. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** For people, in order. */
export const EXIT_CODE_HELP: readonly (readonly [number, string])[] = [
  [ExitCode.ok, 'done'],
  [ExitCode.failure, 'failed (also: the evaluated expression threw)'],
  [ExitCode.usage, 'wrong usage: an unknown option, a bad argument, link, export or configuration'],
  [ExitCode.daemonUnreachable, 'no daemon is running, or it cannot start'],
  [ExitCode.denied, 'denied: by role, by the host, or by the system'],
  [ExitCode.notFound, 'no such sandbox, target, breakpoint, snapshot, file, member or process'],
  [ExitCode.timeout, 'no answer in time, or the other machine cannot be reached'],
  [
    ExitCode.notNow,
    'not now: the program is not paused, somebody else drives, a limit is reached, the control key is locked',
  ],
  [ExitCode.interrupted, 'interrupted by Ctrl-C'],
];

const BY_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  BAD_ARGUMENT: ExitCode.usage,
  BAD_LINK: ExitCode.usage,
  BAD_EXPORT: ExitCode.usage,
  CONFIG_INVALID: ExitCode.usage,
  UNKNOWN_COMMAND: ExitCode.usage,
  DAEMON_UNREACHABLE: ExitCode.daemonUnreachable,
  HOME_UNWRITABLE: ExitCode.daemonUnreachable,
  UNAUTHENTICATED: ExitCode.denied,
  FORBIDDEN: ExitCode.denied,
  CONSENT_DENIED: ExitCode.denied,
  CONSENT_PENDING: ExitCode.denied,
  INVITE_EXPIRED: ExitCode.denied,
  INVITE_USED: ExitCode.denied,
  INVITE_REVOKED: ExitCode.denied,
  JOIN_DENIED: ExitCode.denied,
  PATH_FORBIDDEN: ExitCode.denied,
  PROCESS_FORBIDDEN: ExitCode.denied,
  SANDBOX_UNKNOWN: ExitCode.notFound,
  MEMBER_UNKNOWN: ExitCode.notFound,
  TARGET_UNKNOWN: ExitCode.notFound,
  TARGET_GONE: ExitCode.notFound,
  BREAKPOINT_UNKNOWN: ExitCode.notFound,
  SNAPSHOT_UNKNOWN: ExitCode.notFound,
  SOURCE_UNKNOWN: ExitCode.notFound,
  REQUEST_UNKNOWN: ExitCode.notFound,
  PROCESS_UNKNOWN: ExitCode.notFound,
  TIMEOUT: ExitCode.timeout,
  PEER_UNREACHABLE: ExitCode.timeout,
  NOT_PAUSED: ExitCode.notNow,
  LEASE_HELD: ExitCode.notNow,
  LIMIT_EXCEEDED: ExitCode.notNow,
  KEY_LOCKED: ExitCode.notNow,
  KEYRING_UNAVAILABLE: ExitCode.notNow,
  INSPECTOR_UNAVAILABLE: ExitCode.notNow,
  DAEMON_RUNNING: ExitCode.notNow,
  CANCELLED: ExitCode.interrupted,
};

/** Every code that is not in the table is a plain failure. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_ERROR[code] ?? ExitCode.failure;
}
