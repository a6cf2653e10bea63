/** Commands that open, share, join and leave sandboxes, and about the people in them. */

import { z } from 'zod';
import { chatLineSchema, memberSchema, pendingRequestSchema, presenceSchema } from '#shared/model/member.ts';
import { memberIdSchema, sandboxIdSchema, targetIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { ROLES } from '#shared/rights.ts';
import { defineCommand } from './command.ts';

export const sandboxSummarySchema = z.object({
  id: sandboxIdSchema,
  name: z.string(),
  /** Local folder bound to it, if any. */
  folder: z.string().optional(),
  self: memberIdSchema,
  role: z.enum(ROLES),
  /** `private` never leaves the machine; `loopback` until shared; `lan` once shared. */
  reach: z.enum(['private', 'loopback', 'lan']),
  members: z.number().int(),
  online: z.number().int(),
  targets: z.number().int(),
  /** What is wrong until somebody settles it: a control log that has forked, this member removed. */
  warnings: z.array(z.string()).optional(),
});

export const linkResultSchema = z.object({
  sandbox: sandboxSummarySchema,
  /** Secret: anyone who holds it may ask to join. Absent when the sandbox is private. */
  link: z.string().optional(),
  role: z.enum(ROLES).optional(),
  expiresAt: wallClockSchema.optional(),
  addresses: z.array(z.string()),
});

export const sandboxCommands = {
  'sandbox.open': defineCommand('sandbox.open', {
    summary: 'Open the sandbox bound to a project folder, creating it the first time, and give its link',
    args: () =>
      z.object({
        folder: z.string(),
        /** Another one than the folder's, whose binding stays as it is. */
        sandbox: sandboxIdSchema.optional(),
        private: z.boolean().optional(),
        share: z.boolean().optional(),
      }),
    result: () => linkResultSchema,
    right: 'local',
    subject: 'daemon',
    effect: 'write',
  }),
  'sandbox.list': defineCommand('sandbox.list', {
    summary: 'List the sandboxes this daemon is a member of',
    args: () => z.object({}),
    result: () =>
      z.object({
        sandboxes: z.array(sandboxSummarySchema),
        /** Those that lie here and cannot be opened. */
        unopened: z.array(z.object({ id: sandboxIdSchema, why: z.string() })).optional(),
      }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'sandbox.share': defineCommand('sandbox.share', {
    summary: 'Listen on the local network and give a fresh link',
    args: () =>
      z.object({
        role: z.enum(ROLES).exclude(['owner']).optional(),
        reach: z.enum(['loopback', 'lan']).optional(),
      }),
    result: () => linkResultSchema,
    right: 'local',
    effect: 'write',
  }),
  'sandbox.join': defineCommand('sandbox.join', {
    summary: 'Join a sandbox by its link; waits for the approval of its owner',
    args: () =>
      z.object({
        /** Its length is judged by who reads it, with a better word for it. */
        link: z.string(),
        /** A checkout of the project to bind, if there is one. */
        folder: z.string().optional(),
        /** Keep trying after the first 10 s. */
        keepTrying: z.boolean().optional(),
      }),
    result: () => z.object({ sandbox: sandboxSummarySchema, bound: z.boolean() }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    timeoutMs: 24 * 3600_000,
  }),
  'sandbox.get': defineCommand('sandbox.get', {
    summary: 'Describe one sandbox',
    args: () => z.object({}),
    result: () => sandboxSummarySchema,
    right: 'view',
    effect: 'read',
  }),
  'sandbox.update': defineCommand('sandbox.update', {
    summary: 'Rename the sandbox for everybody, or change who can reach this machine for it',
    args: () =>
      z.object({
        /** The owner's to give. */
        name: z.string().trim().min(1).max(64).optional(),
        reach: z.enum(['loopback', 'lan']).optional(),
      }),
    result: () => sandboxSummarySchema,
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'sandbox.leave': defineCommand('sandbox.leave', {
    summary: 'Leave the sandbox: detach its targets here and forget its keys on this machine',
    args: () =>
      z.object({
        /**
         * - `leave`: everything of it on this machine is deleted; others go on
         * - `archive`: the same, after an export (keys included) that "storage.import" brings back
         * - `destroy`: the owner's: every other member is removed and every link ended first. Whoever is connected is told and
         *   can write nothing from then on; whoever is away is told by those when they meet
         */
        mode: z.enum(['leave', 'archive', 'destroy']).default('leave'),
      }),
    result: () =>
      z.object({
        left: sandboxIdSchema,
        /** Of `archive`: where the export lies. */
        archive: z.string().optional(),
        /** Of `destroy`: names of members who were away and so have not been told. */
        away: z.array(z.string()).optional(),
        /** Of `leave` where the control key lay: names of members whom nobody can remove or give another role any more. */
        stay: z.array(z.string()).optional(),
      }),
    right: 'local',
    effect: 'write',
    audited: true,
    timeoutMs: 60_000,
  }),
  'member.list': defineCommand('member.list', {
    summary: 'List members: who is here, with which role and key',
    args: () => z.object({}),
    result: () => z.object({ members: z.array(memberSchema) }),
    right: 'view',
    effect: 'read',
  }),
  'request.list': defineCommand('request.list', {
    summary: 'List what waits for your decision',
    args: () => z.object({}),
    result: () => z.object({ requests: z.array(pendingRequestSchema) }),
    right: 'local',
    effect: 'read',
  }),
  'request.approve': defineCommand('request.approve', {
    summary: 'Say yes to a request; for a joiner optionally with a lower role',
    args: () =>
      z.object({
        /** A request's id, a unique prefix of it, or a member's name. */
        request: z.string(),
        role: z.enum(ROLES).exclude(['owner']).optional(),
      }),
    result: () => z.object({ request: pendingRequestSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'request.deny': defineCommand('request.deny', {
    summary: 'Say no to a request',
    args: () => z.object({ request: z.string() }),
    result: () => z.object({ request: pendingRequestSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'presence.set': defineCommand('presence.set', {
    summary: 'Tell the others what you look at',
    args: () => presenceSchema.omit({ member: true, pages: true }),
    result: () => z.object({}),
    right: 'view',
    effect: 'write',
  }),
  'chat.send': defineCommand('chat.send', {
    summary: 'Write a line to everybody in the sandbox',
    args: () => z.object({ text: z.string().min(1).max(4000) }),
    result: () => chatLineSchema,
    right: 'comment',
    effect: 'write',
  }),
  'chat.list': defineCommand('chat.list', {
    summary: 'Show the last chat lines, oldest first',
    args: () => z.object({ limit: z.number().int().min(1).max(1000).optional() }),
    result: () => z.object({ lines: z.array(chatLineSchema) }),
    right: 'view',
    effect: 'read',
  }),
  'lease.take': defineCommand('lease.take', {
    summary: 'Ask for the driver lease of a target: taken when free, else queued',
    args: () => z.object({ target: targetIdSchema.optional() }),
    result: () => z.object({ held: z.boolean(), holder: memberIdSchema.nullable() }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'lease.release': defineCommand('lease.release', {
    summary: 'Give the driver lease back, or hand it to a member',
    args: () => z.object({ target: targetIdSchema.optional(), to: memberIdSchema.optional() }),
    result: () => z.object({ held: z.boolean(), holder: memberIdSchema.nullable() }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
};
