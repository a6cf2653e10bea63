/** Commands about snapshots: frozen pauses, to be looked into also after the program went on or its host is away. */

import { z } from 'zod';
import { pauseSchema, scopeSchema, variableSchema } from '#shared/model/pause.ts';
import { snapshotIdSchema, targetIdSchema } from '#shared/model/schemas.ts';
import { excerptSchema, MAX_SNAPSHOT_LABEL, snapshotSchema } from '#shared/model/snapshot.ts';
import { defineCommand } from './command.ts';

const snapshot = snapshotIdSchema;

export const snapshotCommands = {
  'snapshot.take': defineCommand('snapshot.take', {
    summary: 'Freeze where a program stands and what its variables hold; a running one is stopped for milliseconds',
    args: () =>
      z.object({
        target: targetIdSchema.optional(),
        /** What it is for, shown in lists. */
        label: z.string().trim().min(1).max(MAX_SNAPSHOT_LABEL).optional(),
      }),
    result: () => snapshotSchema,
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'snapshot.list': defineCommand('snapshot.list', {
    summary: 'List the snapshots that the hosts keep, the latest first',
    args: () => z.object({ target: targetIdSchema.optional() }),
    result: () => z.object({ snapshots: z.array(snapshotSchema) }),
    right: 'view',
    effect: 'read',
  }),
  'snapshot.show': defineCommand('snapshot.show', {
    summary: 'Show a snapshot: its frames, and the scopes of one of them',
    args: () =>
      z.object({
        snapshot,
        /** 0, the innermost, unless given. */
        frame: z.number().int().min(0).max(10_000).optional(),
      }),
    result: () =>
      z.object({
        snapshot: snapshotSchema,
        pause: pauseSchema,
        scopes: z.array(
          scopeSchema.extend({ handle: z.string(), variables: z.array(variableSchema), truncated: z.boolean() }),
        ),
        /** Source around the frame's line; absent where the host serves none. */
        excerpt: excerptSchema.optional(),
      }),
    right: 'view',
    effect: 'read',
    timeoutMs: 30_000,
  }),
  'snapshot.variables': defineCommand('snapshot.variables', {
    summary: 'Open a value of a snapshot: its properties or elements, as many as were kept',
    args: () =>
      z.object({
        snapshot,
        handle: z.string().max(64),
        start: z.number().int().nonnegative().optional(),
        count: z.number().int().min(1).max(1000).optional(),
      }),
    result: () =>
      z.object({
        variables: z.array(variableSchema),
        /** Of the program's value; those beyond what was kept are not to be had. */
        total: z.number().int().nonnegative(),
        kept: z.number().int().nonnegative(),
      }),
    right: 'view',
    effect: 'read',
    timeoutMs: 30_000,
  }),
  'snapshot.remove': defineCommand('snapshot.remove', {
    summary: 'Remove a snapshot of a program of this machine, here and from the list everybody sees',
    args: () => z.object({ snapshot }),
    result: () => z.object({ removed: snapshotIdSchema }),
    right: 'local',
    effect: 'write',
  }),
};
