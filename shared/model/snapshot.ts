/**
 * A snapshot: where a program stood and what its variables held, frozen. The summary is a register of the host; the
 * content is a blob named by it, which any member that has it gives to any other.
 */

import { z } from 'zod';
import { frameSchema, pauseReasonSchema, pauseSchema, scopeSchema, variableSchema } from './pause.ts';
import { contentHashSchema, memberIdSchema, snapshotIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';

/** What made it: a stop that people saw, a command, or a breakpoint that goes on. */
export const SNAPSHOT_CAUSES = ['pause', 'command', 'breakpoint'] as const;
export type SnapshotCause = (typeof SNAPSHOT_CAUSES)[number];

/**
 * How much of the variables there is.
 * - `all`: whatever the scopes of its frames reached, within the depth that is kept
 * - `part`: the budget of size or time ended first
 * - `none`: frames only; `why` says the reason
 */
export const SNAPSHOT_VALUES = ['all', 'part', 'none'] as const;

export const MAX_SNAPSHOT_LABEL = 200;

/** Register `snapshot/<id>` of the host. */
export const snapshotSchema = z.object({
  id: snapshotIdSchema,
  target: targetIdSchema,
  /** The target's name at the time: it may be gone. */
  program: z.string().max(80),
  cause: z.enum(SNAPSHOT_CAUSES),
  /** Who asked for it; absent for a pause. */
  by: memberIdSchema.optional(),
  label: z.string().max(MAX_SNAPSHOT_LABEL).optional(),
  reason: pauseReasonSchema,
  /** The innermost frame of the program's own; absent when there was none. */
  top: frameSchema.pick({ functionName: true, file: true, line: true, column: true }).optional(),
  frames: z.number().int().nonnegative(),
  values: z.enum(SNAPSHOT_VALUES),
  why: z.string().max(200).optional(),
  /** Stops before it that left none because they came too fast. */
  passedOver: z.number().int().positive().optional(),
  /** The content, and its size on disk. */
  blob: contentHashSchema,
  bytes: z.number().int().nonnegative(),
  at: wallClockSchema,
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** A variable of a snapshot: what is behind it lies at `node`. */
export const keptVariableSchema = variableSchema
  .omit({ handle: true })
  .extend({ node: z.number().int().nonnegative().optional() });
export type KeptVariable = z.infer<typeof keptVariableSchema>;

/** An object's children, as many as were kept. */
export const keptNodeSchema = z.object({
  total: z.number().int().nonnegative(),
  variables: z.array(keptVariableSchema).max(200),
});
export type KeptNode = z.infer<typeof keptNodeSchema>;

export const keptScopeSchema = scopeSchema.extend({
  /** Absent: it was not read. */
  node: z.number().int().nonnegative().optional(),
});
export type KeptScope = z.infer<typeof keptScopeSchema>;

/** Lines around where a frame stood, for whoever has no checkout and cannot ask the host. */
export const excerptSchema = z.object({
  fromLine: z.number().int().positive(),
  lines: z.array(z.string().max(400)).max(40),
});
export type Excerpt = z.infer<typeof excerptSchema>;

/** The blob, deflated JSON. What may be a secret was masked when it was taken. */
export const snapshotContentSchema = z.object({
  version: z.literal(1),
  pause: pauseSchema,
  /** By frame index, as many frames as were looked into. */
  scopes: z.array(z.array(keptScopeSchema).max(50)).max(60),
  nodes: z.array(keptNodeSchema).max(2_000),
  /** By frame index. */
  excerpts: z.record(z.string().regex(/^\d{1,3}$/), excerptSchema),
});
export type SnapshotContent = z.infer<typeof snapshotContentSchema>;
