/** A process that a member's daemon has attached to, and how it fares. */

import { z } from 'zod';
import { memberIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';

/**
 * Register `target/<target>` of the host. A restart by a watcher keeps the id: same launch, same entry, new pid.
 */
export const targetSchema = z.object({
  id: targetIdSchema,
  host: memberIdSchema,
  /** Short, for people: the package's or the entry file's name, made unique per host. */
  name: z.string().max(80),
  mode: z.enum(['harness', 'external', 'adapter']),
  state: z.enum(['starting', 'running', 'paused', 'restarting', 'exited', 'detached']),
  pid: z.number().int(),
  /** A worker thread of that process, by its `threadId`; absent: the process, by its main thread. */
  thread: z.number().int().positive().optional(),
  argv: z.array(z.string().max(1000)).max(64),
  /** Entry script as a path from the project root, if it lies in it. */
  entry: z.string().max(1024).optional(),
  runtime: z.string().max(60),
  level: z.enum(['development', 'staging', 'production']),
  restarts: z.number().int().nonnegative(),
  /** Held at its first line until somebody joined. */
  held: z.boolean(),
  exitCode: z.number().int().nullable().optional(),
  exitSignal: z.string().max(20).nullable().optional(),
  startedAt: wallClockSchema,
});
export type Target = z.infer<typeof targetSchema>;

/** One reading of the process monitor; topic `metrics`, and in `status`. */
export const processMetricsSchema = z.object({
  target: targetIdSchema,
  rssBytes: z.number().nonnegative(),
  /** Share of one core, 0..cores. */
  cpu: z.number().nonnegative(),
  eventLoopDelayMs: z.number().nonnegative().optional(),
  activeHandles: z.number().int().nonnegative().optional(),
  heapUsedBytes: z.number().nonnegative().optional(),
  restarts: z.number().int().nonnegative(),
  uptimeMs: z.number().nonnegative(),
  at: wallClockSchema,
});
export type ProcessMetrics = z.infer<typeof processMetricsSchema>;

/** A process of this user that could be attached to (`attach` without an argument). */
export const processCandidateSchema = z.object({
  pid: z.number().int(),
  command: z.string(),
  cwd: z.string().optional(),
  /** Already open inspector port, if any. */
  inspectorPort: z.number().int().optional(),
  /** Why it cannot be attached to, in plain words. */
  obstacle: z.string().optional(),
});
export type ProcessCandidate = z.infer<typeof processCandidateSchema>;

/** One line of a target's console; topic `output`. `sequence` grows by one per line at the host, gaps were dropped. */
export const consoleLineSchema = z.object({
  target: targetIdSchema,
  sequence: z.number().int().nonnegative(),
  stream: z.enum(['log', 'info', 'warn', 'error', 'debug', 'trace', 'system']),
  text: z.string().max(10_000),
  at: wallClockSchema,
  /** Lines dropped right before this one because they came faster than the limit. */
  dropped: z.number().int().positive().optional(),
});
export type ConsoleLine = z.infer<typeof consoleLineSchema>;
