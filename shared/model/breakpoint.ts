/**
 * Breakpoints: what members want (desired, in the documents `debug` and `probes`) and what a host made of it
 * (actual, in that host's registers).
 */

import { z } from 'zod';
import { breakpointIdSchema, memberIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';
import { positionSchema, sourceFileSchema } from './source-file.ts';

export const exceptionFilterSchema = z.enum(['caught', 'uncaught', 'all']);
export type ExceptionFilter = z.infer<typeof exceptionFilterSchema>;

export const breakpointWhereSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('line'), file: sourceFileSchema, ...positionSchema.shape }),
  z.object({ kind: z.literal('function'), name: z.string().min(1).max(256) }),
  z.object({ kind: z.literal('exception'), filter: exceptionFilterSchema }),
  /**
   * A place in running code as a DevTools client named it, where no line of a source file says the same: scripts by
   * their URL, or by a pattern over URLs (see `parseUrlPattern`), and a position as V8 counts, but from 1.
   */
  z.object({
    kind: z.literal('script'),
    url: z.string().min(1).max(1024),
    isPattern: z.boolean().optional(),
    ...positionSchema.shape,
  }),
]);
export type BreakpointWhere = z.infer<typeof breakpointWhereSchema>;

/** `5`: at the fifth hit; `>= 3`, `> 2`, `< 4`, `<= 4`, `== 5`; `% 2`: at every second. */
export const HIT_CONDITION = /^(?:(?:[<>]=?|==?=?|%)\s{0,4})?\d{1,9}$/;
export const hitConditionSchema = z.string().regex(HIT_CONDITION, 'write a count, such as 5, >= 3 or % 2');

/**
 * One record of the Y.Map `breakpoints`, keyed by id. A record with a `condition` carries code: it lives in `probes`
 * (right `evaluate`), all others in `debug` (right `breakpoint`). `author` is display only; the truth is the chain
 * that wrote the record.
 */
export const breakpointSchema = z.object({
  id: breakpointIdSchema,
  author: memberIdSchema,
  where: breakpointWhereSchema,
  enabled: z.boolean(),
  condition: z.string().min(1).max(2000).optional(),
  /** At which of its hits in a process it stops; counted by each host, no code. */
  hitCondition: hitConditionSchema.optional(),
  createdAt: wallClockSchema,
});
export type Breakpoint = z.infer<typeof breakpointSchema>;

/** What one host made of one breakpoint in one target; register `armed/<target>/<breakpoint>`. */
export const breakpointStatusSchema = z.object({
  breakpoint: breakpointIdSchema,
  target: targetIdSchema,
  state: z.enum(['armed', 'pending', 'refused']),
  /** Where it really stands when armed, after sliding to the next line with code. */
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  /** One sentence: why pending, why refused, or that it slid. */
  reason: z.string().max(300).optional(),
  hits: z.number().int().nonnegative(),
});
export type BreakpointStatus = z.infer<typeof breakpointStatusSchema>;

export const breakpointViewSchema = z.object({
  ...breakpointSchema.shape,
  /** Verified writer of the record, from the signed chain. */
  writtenBy: memberIdSchema,
  statuses: z.array(breakpointStatusSchema),
});
export type BreakpointView = z.infer<typeof breakpointViewSchema>;
