/** Commands about who may come in and with which rights: invites, roles, removal, delegates, sessions, the control key. */

import { z } from 'zod';
import { memberIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { ROLES } from '#shared/rights.ts';
import { defineCommand } from './command.ts';
import { linkResultSchema } from './sandbox-commands.ts';

const DAY_MS = 24 * 3600_000;
const GIVEN_ROLES = z.enum(ROLES).exclude(['owner']);

export const inviteViewSchema = z.object({
  /** Start of the invite's public key: its name in commands. Not the secret. */
  id: z.string(),
  role: z.enum(ROLES),
  uses: z.number().int(),
  used: z.number().int(),
  expiresAt: wallClockSchema,
  approval: z.boolean(),
  /** `open` while it can still be used. */
  state: z.enum(['open', 'used', 'expired', 'revoked']),
  /** Who decides about it; absent when that is the owner. */
  admitter: memberIdSchema.optional(),
  addresses: z.array(z.string()),
});

export const sessionSchema = z.object({
  member: memberIdSchema,
  openedAt: wallClockSchema,
  lastSeenAt: wallClockSchema,
  /** Then it is cut, and both sides prove their keys anew. */
  expiresAt: wallClockSchema,
  /** Where the other side is seen from. */
  address: z.string(),
});

export const accessCommands = {
  'invite.create': defineCommand('invite.create', {
    summary: 'Make a link with its own role, number of uses, expiry and addresses',
    args: () =>
      z.object({
        role: GIVEN_ROLES.optional(),
        uses: z.number().int().min(1).max(1000).optional(),
        expiresMs: z
          .number()
          .int()
          .min(60_000)
          .max(365 * DAY_MS)
          .optional(),
        /** Ask the admitter before anybody joins; by default for roles that can touch a process. */
        approval: z.boolean().optional(),
        /** Addresses and ranges it is good from (`192.168.1.7`, `10.0.0.0/8`, `fd00::/8`); who reads them judges them. */
        addresses: z.array(z.string()).optional(),
        /** A delegate who decides about it instead of whoever makes it. */
        admitter: memberIdSchema.optional(),
      }),
    result: () => linkResultSchema.extend({ invite: inviteViewSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'invite.list': defineCommand('invite.list', {
    summary: 'List invites: role, uses, expiry, who decides',
    args: () => z.object({}),
    result: () => z.object({ invites: z.array(inviteViewSchema) }),
    right: 'local',
    effect: 'read',
  }),
  'invite.revoke': defineCommand('invite.revoke', {
    summary: 'Close an invite: its link lets nobody in any more',
    args: () => z.object({ invite: z.string().min(4).max(64) }),
    result: () => z.object({ invite: inviteViewSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'member.revoke': defineCommand('member.revoke', {
    summary: 'Remove a member: what it writes from now on counts for nothing',
    args: () => z.object({ member: memberIdSchema }),
    result: () => z.object({ member: memberIdSchema, name: z.string() }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'member.role': defineCommand('member.role', {
    summary: 'Change the role of a member',
    args: () => z.object({ member: memberIdSchema, role: z.enum(ROLES) }),
    result: () => z.object({ member: memberIdSchema, name: z.string(), role: z.enum(ROLES) }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'member.delegate': defineCommand('member.delegate', {
    summary: 'Let a member admit others up to a role while the owner is away, or take that back',
    args: () => z.object({ member: memberIdSchema, role: GIVEN_ROLES.optional(), end: z.boolean().optional() }),
    result: () =>
      z.object({
        member: memberIdSchema,
        name: z.string(),
        /** The highest it may give; absent when taken back. */
        role: z.enum(ROLES).optional(),
      }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'member.key': defineCommand('member.key', {
    summary: 'Tell the owner the public key of the control log this member would keep as a delegate',
    args: () => z.object({}),
    result: () => z.object({ key: z.string().regex(/^[0-9a-f]{64}$/) }),
    right: 'admin',
    // It makes a key file, but writes nothing in this member's name.
    effect: 'read',
  }),
  'session.list': defineCommand('session.list', {
    summary: 'List who is connected here: since when, last seen, until when',
    args: () => z.object({}),
    result: () => z.object({ sessions: z.array(sessionSchema) }),
    right: 'local',
    effect: 'read',
  }),
  'sandbox.recover': defineCommand('sandbox.recover', {
    summary:
      'Take the sandbox over with its recovery key: a new control key, and the branch of a forked log that goes on',
    args: () =>
      z.object({
        /** File with the recovery key, absolute; by default the one kept with the sandbox. */
        file: z.string().max(4096).optional(),
        /** Start of a branch's hash, or `none` to drop all branches. Needed when the log has forked. */
        branch: z.string().min(4).max(64).optional(),
      }),
    result: () =>
      z.object({
        /** Entry of the owner's log by which it happened. */
        seq: z.number().int(),
        /** Where the next recovery key lies now. */
        recoveryFile: z.string(),
      }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'key.protect': defineCommand('key.protect', {
    summary: "Keep the sandbox's control key under a passphrase or in the system's keyring, or take that off",
    args: () =>
      z.object({
        /** Of now, when there is one. */
        passphrase: z.string().max(1000).optional(),
        /** Absent: the key is kept without one. */
        next: z.string().min(8).max(1000).optional(),
        /** Under a secret that the keyring of this user keeps; without `next`. */
        keyring: z.boolean().optional(),
      }),
    result: () => z.object({ protected: z.boolean(), by: z.enum(['passphrase', 'keyring', 'none']) }),
    right: 'local',
    effect: 'write',
    timeoutMs: 90_000,
  }),
  'key.unlock': defineCommand('key.unlock', {
    summary: 'Unlock the control key until the daemon ends',
    args: () =>
      z.object({
        /** Absent: the keyring has it. */
        passphrase: z.string().max(1000).optional(),
      }),
    result: () => z.object({ unlocked: z.literal(true) }),
    right: 'local',
    effect: 'write',
    timeoutMs: 90_000,
  }),
};
