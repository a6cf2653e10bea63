/**
 * What a WebSocket of the local API carries: `{type: command|event|response, id, timestamp, payload}`, JSON, one
 * message per frame. A client sends commands; each is answered by one response with its id. Events come by
 * subscription, each with a cursor from which a client that was away can go on.
 */

import { z } from 'zod';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import { TOPIC_NAMES, type TopicName } from '../topics.ts';

export const UI_PROTOCOL = 'sandmesh.v1';
/** Prefix of the WebSocket subprotocol that carries the access token where headers can't be set. */
export const BEARER_PROTOCOL_PREFIX = 'bearer.';
/** The body of a request over REST may be as large. */
export const MAX_UI_MESSAGE_BYTES = 4 * 1024 * 1024;

const envelope = {
  /** Chosen by the sender: a response has its command's. */
  id: z.string().min(1).max(100),
  /** Sender's clock, milliseconds since 1970: for people, never judged. */
  timestamp: z.number(),
};

const scope = { sandbox: sandboxIdSchema.optional(), folder: z.string().max(4096).optional() };

export const uiCommandSchema = z.object({
  type: z.literal('command'),
  ...envelope,
  payload: z.discriminatedUnion('action', [
    z.strictObject({
      action: z.literal('call'),
      command: z.string().max(80),
      args: z.record(z.string(), z.unknown()).default({}),
      timeoutMs: z.number().int().positive().optional(),
      ...scope,
    }),
    /** Goes on under a fresh access token of the same origin: a socket lives no longer than its token. */
    z.strictObject({ action: z.literal('renew'), accessToken: z.string().max(4096) }),
    /** Only to be answered: a page has no other way to see that the daemon is there. */
    z.strictObject({ action: z.literal('ping') }),
    /** Aborts a call that is under way. */
    z.strictObject({ action: z.literal('cancel'), id: z.string().max(100) }),
    /** Replaces the topics listened to in that scope; none of them ends it. */
    z.strictObject({
      action: z.literal('subscribe'),
      topics: z.array(z.enum(TOPIC_NAMES as [TopicName, ...TopicName[]])).max(40),
      /** Cursor of the last event seen: what was missed is sent first. */
      after: z.string().max(200).optional(),
      ...scope,
    }),
  ]),
});
export type UiCommand = z.infer<typeof uiCommandSchema>;

const errorSchema = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

export const uiResponseSchema = z.object({
  type: z.literal('response'),
  ...envelope,
  payload: z.discriminatedUnion('ok', [
    z.object({ ok: z.literal(true), result: z.unknown() }),
    z.object({ ok: z.literal(false), error: errorSchema }),
  ]),
});
export type UiResponse = z.infer<typeof uiResponseSchema>;

export const uiEventSchema = z.object({
  type: z.literal('event'),
  ...envelope,
  payload: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('topic'),
      topic: z.enum(TOPIC_NAMES as [TopicName, ...TopicName[]]),
      sandbox: sandboxIdSchema,
      /** Counts the events of this topic in this sandbox; a gap is an event not sent. */
      sequence: z.number().int(),
      event: z.unknown(),
      cursor: z.string(),
    }),
    /** Events were dropped because this client reads too slowly: read state anew. */
    z.object({ kind: z.literal('lagged'), dropped: z.number().int(), topics: z.array(z.string()) }),
  ]),
});
export type UiEvent = z.infer<typeof uiEventSchema>;

/** Answer to `subscribe`. */
export const uiSubscribedSchema = z.object({
  /** Where the subscription begins. */
  cursor: z.string(),
  /** False: events since `after` are no longer kept (or the daemon was restarted): read state anew. */
  complete: z.boolean(),
  replayed: z.number().int(),
});
export type UiSubscribed = z.infer<typeof uiSubscribedSchema>;
