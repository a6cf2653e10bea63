/** Commands about debug sessions: what a tool opens on a target, asks about, and closes. */

import { z } from 'zod';
import { leaseSchema, pauseSchema } from '#shared/model/pause.ts';
import { sandboxIdSchema, targetIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { targetSchema } from '#shared/model/target.ts';
import { defineCommand } from './command.ts';

const sessionIdSchema = z.string().regex(/^d[0-9a-f]{12}$/, 'not a debug session id');

const debugSessionSchema = z.object({
  id: sessionIdSchema,
  sandbox: sandboxIdSchema,
  target: targetIdSchema,
  createdAt: wallClockSchema,
});

/** With what stands now. */
const debugSessionStateSchema = debugSessionSchema.extend({
  /** Null when its host is away or it was forgotten. */
  state: targetSchema.nullable(),
  pause: pauseSchema.nullable(),
  lease: leaseSchema.nullable(),
});

export const sessionCommands = {
  'debug.open': defineCommand('debug.open', {
    summary: 'Open a debug session on a target',
    args: () =>
      z.object({
        /** The only target unless given. */
        target: targetIdSchema.optional(),
      }),
    result: () => debugSessionStateSchema,
    right: 'view',
    effect: 'write',
  }),
  'debug.list': defineCommand('debug.list', {
    summary: 'List the debug sessions that are open at this daemon',
    args: () => z.object({}),
    result: () => z.object({ sessions: z.array(debugSessionSchema) }),
    right: 'view',
    subject: 'daemon',
    effect: 'read',
  }),
  'debug.get': defineCommand('debug.get', {
    summary: 'Show a debug session: its target, where it stands, who drives',
    args: () => z.object({ session: sessionIdSchema }),
    result: () => debugSessionStateSchema,
    right: 'view',
    subject: 'daemon',
    effect: 'read',
  }),
  'debug.close': defineCommand('debug.close', {
    summary: 'Close a debug session; the program runs on, attached as before',
    args: () => z.object({ session: sessionIdSchema }),
    result: () => z.object({ closed: sessionIdSchema }),
    right: 'view',
    subject: 'daemon',
    effect: 'write',
  }),
  'pause.list': defineCommand('pause.list', {
    summary: 'List the targets that stand still, with their frames',
    args: () => z.object({}),
    result: () => z.object({ pauses: z.array(pauseSchema) }),
    right: 'view',
    effect: 'read',
  }),
};
