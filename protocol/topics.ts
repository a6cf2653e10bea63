/**
 * Topics a client can subscribe to and the shape of their events: the same for the CLI socket, peers and the
 * WebSocket to come. An event carries what changed, whole, so that a client needs no second call.
 */

import { z } from 'zod';
import { breakpointViewSchema } from '#shared/model/breakpoint.ts';
import { hitSchema } from '#shared/model/hit.ts';
import { chatLineSchema, memberSchema, pendingRequestSchema, presenceSchema } from '#shared/model/member.ts';
import { leaseSchema, pauseSchema } from '#shared/model/pause.ts';
import {
  breakpointIdSchema,
  memberIdSchema,
  sandboxIdSchema,
  snapshotIdSchema,
  targetIdSchema,
} from '#shared/model/schemas.ts';
import { snapshotSchema } from '#shared/model/snapshot.ts';
import { consoleLineSchema, processMetricsSchema, targetSchema } from '#shared/model/target.ts';

export const topics = {
  targets: z.object({ target: targetSchema }),
  /** `pause` null: the target runs again. */
  pauses: z.object({ target: targetIdSchema, pause: pauseSchema.nullable() }),
  breakpoints: z.object({ breakpoint: breakpointIdSchema, view: breakpointViewSchema.nullable() }),
  leases: z.object({ lease: leaseSchema }),
  /** `view` null: it was removed. */
  snapshots: z.object({ snapshot: snapshotIdSchema, view: snapshotSchema.nullable() }),
  output: z.object({ lines: z.array(consoleLineSchema) }),
  /** What logpoints and tracepoints recorded. */
  hits: z.object({ hits: z.array(hitSchema).max(1000) }),
  /**
   * A member ran code in a program that stands, or set a variable: what is shown of it may be out of date. `typed` false:
   * a client asked by itself, as for a watch, and whoever looked again with watches of its own would ask in turn.
   */
  values: z.object({ target: targetIdSchema, by: memberIdSchema, typed: z.boolean() }),
  metrics: z.object({ metrics: processMetricsSchema, alarm: z.string().optional() }),
  members: z.object({ member: memberSchema }),
  presence: z.object({ presence: presenceSchema }),
  chat: z.object({ line: chatLineSchema }),
  requests: z.object({
    request: pendingRequestSchema,
    outcome: z.enum(['pending', 'approved', 'denied', 'expired', 'withdrawn']),
  }),
  /** Life of a daemon: connected and lost peers, joining progress, replication notices. */
  notices: z.object({ level: z.enum(['info', 'warn', 'error']), text: z.string(), member: memberIdSchema.optional() }),
} as const;

export type TopicName = keyof typeof topics;
export type TopicEvent<T extends TopicName> = z.output<(typeof topics)[T]>;
export const TOPIC_NAMES = Object.keys(topics) as TopicName[];

/** `{broadcast, topic, event, metadata}`: `event` is checked against the topic's schema where it enters. */
export const broadcastSchema = z.object({
  topic: z.enum(TOPIC_NAMES as [TopicName, ...TopicName[]]),
  event: z.unknown(),
  metadata: z.object({ sandbox: sandboxIdSchema, sequence: z.number().int().nonnegative() }),
});
export type Broadcast = z.infer<typeof broadcastSchema>;
