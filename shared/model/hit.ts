/** What a logpoint or tracepoint recorded when the program came by; topic `hits`. */

import { z } from 'zod';
import { breakpointIdSchema, memberIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';
import { sourceFileSchema } from './source-file.ts';

export const hitValueSchema = z.object({
  /** An argument's name, or the expression. */
  name: z.string().max(500),
  /** Preview text made at the host. */
  value: z.string().max(1000),
});
export type HitValue = z.infer<typeof hitValueSchema>;

export const hitSchema = z.object({
  target: targetIdSchema,
  breakpoint: breakpointIdSchema,
  /** Whose it is. */
  by: memberIdSchema,
  kind: z.enum(['log', 'trace']),
  /** Grows by one per hit of the target that was recorded. */
  sequence: z.number().int().nonnegative(),
  /** Milliseconds of the program's monotonic clock: of two hits of one target the later has the larger. */
  time: z.number().nonnegative(),
  at: wallClockSchema,
  /** Node's id of the asynchronous operation it ran in. */
  asyncId: z.number().int().nonnegative(),
  file: sourceFileSchema.optional(),
  line: z.number().int(),
  /** A logpoint's line; what a tracepoint saw, in one line. */
  text: z.string().max(10_000),
  /** Arguments and expressions. */
  values: z.array(hitValueSchema).max(60),
  /** Of a tracepoint: how the call ended, and how long it took. */
  returned: z.string().max(1000).optional(),
  threw: z.string().max(1000).optional(),
  durationMs: z.number().nonnegative().optional(),
  /** Hits of this breakpoint right before that were counted, not recorded: they came faster than the limit. */
  passedOver: z.number().int().positive().optional(),
});
export type Hit = z.infer<typeof hitSchema>;
