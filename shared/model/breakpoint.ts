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
 * What a breakpoint does when the program comes by.
 * - `ours`: stops it for everybody (a record without a kind)
 * - `mine`: stops it for its author where nobody else drives, for a limited time; else like `snapshot`
 * - `snapshot`: leaves a snapshot; the program stands for milliseconds
 * - `log`: writes a line, without a stop
 * - `trace`: records calls of a function, without a stop
 */
export const BREAKPOINT_KINDS = ['ours', 'mine', 'snapshot', 'log', 'trace'] as const;
export const breakpointKindSchema = z.enum(BREAKPOINT_KINDS);
export type BreakpointKind = z.infer<typeof breakpointKindSchema>;

/** What a logpoint writes: text with JavaScript expressions in braces, `user {user.id} has {cart.length}`. */
export const logMessageSchema = z.string().min(1).max(2000);
/** Expressions that a tracepoint records besides arguments and result, at the beginning of a call. */
export const captureSchema = z.array(z.string().min(1).max(500)).max(10);

/**
 * One record of the Y.Map `breakpoints`, keyed by id. One that carries code (see {@link carriesCode}) lives in `probes`
 * (right `evaluate`), all others in `debug` (right `breakpoint`). `author` is display only; the truth is the chain
 * that wrote the record. Records of a kind other than `ours` lie in the map `points` of the same document: a daemon that
 * does not know them sees none, and cannot take them for breakpoints that stop.
 */
export const breakpointSchema = z.object({
  id: breakpointIdSchema,
  author: memberIdSchema,
  where: breakpointWhereSchema,
  enabled: z.boolean(),
  /** Absent: `ours`. */
  kind: breakpointKindSchema.optional(),
  /** Of the kind `log`. */
  log: logMessageSchema.optional(),
  /** Of the kind `trace`. */
  capture: captureSchema.optional(),
  condition: z.string().min(1).max(2000).optional(),
  /** At which of its hits in a process it stops; counted by each host, no code. */
  hitCondition: hitConditionSchema.optional(),
  createdAt: wallClockSchema,
});
export type Breakpoint = z.infer<typeof breakpointSchema>;

export function kindOf({ kind }: Pick<Breakpoint, 'kind'>): BreakpointKind {
  return kind ?? 'ours';
}

/** Whether it never stops the program. */
export function isProbe({ kind }: Pick<Breakpoint, 'kind'>): boolean {
  return kind === 'log' || kind === 'trace';
}

/** Whether code of its author runs in the program: the right `evaluate` and the host's consent are needed. */
export function carriesCode(record: Pick<Breakpoint, 'kind' | 'condition'>): boolean {
  return record.condition !== undefined || isProbe(record);
}

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
