/**
 * What the frames of the CLI socket and the peer gateway carry. All but `sync` are JSON; a `sync` payload is binary
 * and belongs to replication.
 */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import { issueText } from './issue-text.ts';

/** A request id is chosen by the caller and unique among its open calls. */
export const callSchema = z.object({
  id: z.number().int().nonnegative(),
  command: z.string().max(80),
  args: z.record(z.string(), z.unknown()),
  /** Absent on the CLI socket: the sandbox bound to `folder`, or the only one. Peers always name it. */
  sandbox: sandboxIdSchema.optional(),
  folder: z.string().max(4096).optional(),
  timeoutMs: z.number().int().positive().optional(),
});
export type CallMessage = z.infer<typeof callSchema>;

export const replySchema = z.discriminatedUnion('ok', [
  z.object({ id: z.number().int().nonnegative(), ok: z.literal(true), result: z.unknown() }),
  z.object({
    id: z.number().int().nonnegative(),
    ok: z.literal(false),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
  }),
]);
export type ReplyMessage = z.infer<typeof replySchema>;

export const castSchema = callSchema.omit({ id: true, timeoutMs: true });
export type CastMessage = z.infer<typeof castSchema>;

/** About the connection itself, not about a sandbox. */
export const controlSchema = z.discriminatedUnion('command', [
  z.object({
    command: z.literal('hello'),
    params: z.object({
      agent: z.string().max(100),
      protocol: z.number().int(),
      /** Peer streams only: what the stream is about, and where the sender listens (multiaddrs). */
      sandbox: sandboxIdSchema.optional(),
      addresses: z.array(z.string().max(128)).max(8).optional(),
    }),
  }),
  z.object({
    /** Peer streams only: where other members were last reachable; hints, so that a mesh finds itself. */
    command: z.literal('peers'),
    params: z.object({
      peers: z
        .array(z.object({ key: z.string().regex(/^[0-9a-f]{64}$/), addresses: z.array(z.string().max(128)).max(8) }))
        .max(64),
    }),
  }),
  z.object({
    command: z.literal('subscribe'),
    params: z.object({
      topics: z.array(z.string().max(40)).max(40),
      sandbox: sandboxIdSchema.optional(),
      folder: z.string().max(4096).optional(),
    }),
  }),
  z.object({
    /** CLI socket only, in answer to `subscribe`: nothing is listened to in that scope, and why. */
    command: z.literal('refused'),
    params: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      sandbox: sandboxIdSchema.optional(),
      folder: z.string().max(4096).optional(),
    }),
  }),
  z.object({ command: z.literal('unsubscribe'), params: z.object({ topics: z.array(z.string().max(40)).max(40) }) }),
  z.object({ command: z.literal('cancel'), params: z.object({ id: z.number().int().nonnegative() }) }),
  z.object({ command: z.literal('ping'), params: z.object({ nonce: z.number().int() }) }),
  z.object({ command: z.literal('pong'), params: z.object({ nonce: z.number().int() }) }),
  z.object({ command: z.literal('bye'), params: z.object({ reason: z.string().max(300) }) }),
]);
export type ControlMessage = z.infer<typeof controlSchema>;

/** Zod quotes unknown keys whole, and a key may be as long as a frame. */
const MAX_QUOTED = 300;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(message: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}

/**
 * Reads an untrusted JSON payload against a schema.
 *
 * @throws {SandboxError} BAD_JSON when it is not UTF-8 JSON, BAD_ARGUMENT when it does not fit; the text names the
 * offending path
 */
export function decodeJson<S extends z.ZodType>(payload: Uint8Array, schema: S): z.output<S> {
  let raw: unknown;
  try {
    raw = JSON.parse(decoder.decode(payload));
  } catch (cause) {
    throw new SandboxError('BAD_JSON', `Cannot read a message of ${payload.length} bytes: not valid JSON`, { cause });
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw badArgument('message', parsed.error);
}

/** Turns zod's first issue into our error: "Cannot use <what>: <path>: <problem>". */
export function badArgument(what: string, error: z.ZodError): SandboxError {
  const issue = error.issues[0];
  const path = (issue?.path.join('.') ?? '').slice(0, MAX_QUOTED);
  return new SandboxError(
    'BAD_ARGUMENT',
    `Cannot use ${what}: ${path === '' ? '' : `${path}: `}${issueText(issue).slice(0, MAX_QUOTED)}`,
  );
}
