/** What a user of an honest daemon is told in the course of things; anything else is a fault. */

import { SandboxError } from '#shared/errors.ts';

/** When editing. */
export const EDITING: readonly string[] = ['FORBIDDEN', 'CANCELLED'];
/** When editing in a home that has rotted. */
export const EDITING_ROTTEN: readonly string[] = [...EDITING, 'STORAGE_CORRUPT'];
/** When deciding about members. */
export const DECIDING: readonly string[] = [
  ...EDITING,
  'MEMBER_UNKNOWN',
  'INVITE_REVOKED',
  'INVITE_USED',
  'INVITE_EXPIRED',
  'BAD_ARGUMENT',
  // Of a log that a home set back, or copied, has forked: until the recovery key has spoken.
  'CONTROL_FORKED',
];

/** While there is no room on the disk: refused, and nothing of it is there. */
export const NO_ROOM = 'HOME_UNWRITABLE';

export function isExpected(error: unknown, codes: readonly string[]): boolean {
  return error instanceof SandboxError && codes.includes(error.code);
}

export function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
