/** A stopped target: why, where, and the handles by which its state is read. */

import { z } from 'zod';
import { breakpointIdSchema, contentHashSchema, memberIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';
import { sourceFileSchema } from './source-file.ts';

export const scopeSchema = z.object({
  /** CDP's scope types: local, closure, block, catch, with, script, eval, module, wasm-expression-stack, global. */
  type: z.string().max(40),
  name: z.string().max(200).optional(),
});
export type Scope = z.infer<typeof scopeSchema>;

export const frameSchema = z.object({
  /** 0 is the innermost frame. */
  index: z.number().int().nonnegative(),
  functionName: z.string().max(300),
  /** Absent for code without a file (eval, REPL). */
  file: sourceFileSchema.optional(),
  line: z.number().int(),
  column: z.number().int(),
  /** Hash of the source text as shown (after source maps): fetch once by `source`, cache for ever. */
  source: contentHashSchema.optional(),
  /** Node internals and the like: shown dimmed. */
  internal: z.boolean().optional(),
  scopes: z.array(scopeSchema).max(50),
});
export type Frame = z.infer<typeof frameSchema>;

/** A breakpoint of one's own holds the program for this long at most; whoever has `control` may release it before. */
export const HOLD_LIMIT_MS = 10_000;

export const pauseReasonSchema = z.enum([
  'breakpoint',
  'step',
  'exception',
  'pause-command',
  'debugger-statement',
  'entry',
  'other',
]);

/**
 * Register `pause/<target>/<thread>` of the host; null while running. `id` grows with each pause of the target, so a
 * client can tell a new stop at the same place.
 */
export const pauseSchema = z.object({
  id: z.number().int().positive(),
  target: targetIdSchema,
  /** `main`, or a worker's id. */
  thread: z.string().max(40),
  reason: pauseReasonSchema,
  /** The thrown value's preview when reason is `exception`. */
  detail: z.string().max(500).optional(),
  hitBreakpoints: z.array(breakpointIdSchema),
  /** It stands for the one breakpoint of kind `mine` of this member, for {@link HOLD_LIMIT_MS} at most. */
  heldBy: memberIdSchema.optional(),
  /** Innermost first; a longer stack is cut and `totalFrames` says how deep it was. */
  frames: z.array(frameSchema).max(60),
  totalFrames: z.number().int().nonnegative(),
  at: wallClockSchema,
});
export type Pause = z.infer<typeof pauseSchema>;

/**
 * A value as shown. `handle` opens its children by `variables`; it dies when the target resumes (HANDLE_STALE).
 */
export const variableSchema = z.object({
  name: z.string(),
  /** Preview text made at the host, masked there, at most 1,000 characters. */
  value: z.string(),
  type: z.string(),
  handle: z.string().max(64).optional(),
  /** Known number of children for arrays, maps, sets, typed arrays. */
  size: z.number().int().nonnegative().optional(),
  /** How it can be reached from its parent in an expression. */
  kind: z.enum(['property', 'accessor', 'internal', 'index', 'return', 'this']).optional(),
  writable: z.boolean().optional(),
  /** An expression that gives it in its frame, where there is a plain one. */
  path: z.string().max(2000).optional(),
});
export type Variable = z.infer<typeof variableSchema>;

/** Who may step; register `lease/<target>` of the host. */
export const leaseSchema = z.object({
  target: targetIdSchema,
  holder: memberIdSchema.nullable(),
  /** Members waiting, in order of asking. */
  queue: z.array(memberIdSchema),
  /** Lapses after this long without a step; milliseconds from the last step. */
  idleLimitMs: z.number().int().positive(),
});
export type Lease = z.infer<typeof leaseSchema>;
