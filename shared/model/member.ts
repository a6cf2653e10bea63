/** Members of a sandbox, what they look at, and what waits for a person's decision. */

import { z } from 'zod';
import { MAX_DOCUMENT_NAME_LENGTH } from '../documents/document-name.ts';
import { RIGHTS, ROLES } from '../rights.ts';
import { memberIdSchema, targetIdSchema, wallClockSchema } from './schemas.ts';
import { sourceFileSchema } from './source-file.ts';

/** What a page says of where it is in a document: an editor's cursor, a selection. */
export const MAX_PAGE_STATE_CHARS = 4096;
/** Pages of one member that the others are told of. */
export const MAX_PRESENT_PAGES = 16;
export type PageState = Readonly<Record<string, unknown>>;

const pagePresenceSchema = z.object({
  /** Its id in the document; the member is part of it. */
  client: z.number().int().positive(),
  document: z.string().max(MAX_DOCUMENT_NAME_LENGTH),
  state: z
    .record(z.string(), z.unknown())
    .refine((state) => JSON.stringify(state).length <= MAX_PAGE_STATE_CHARS, 'a state this large is no cursor'),
});

/** Ephemeral; signed by nothing but the noise stream it came over; never stored. */
export const presenceSchema = z.object({
  member: memberIdSchema,
  file: sourceFileSchema.optional(),
  line: z.number().int().positive().optional(),
  target: targetIdSchema.optional(),
  /** Frame index looked at, 0 innermost. */
  frame: z.number().int().nonnegative().optional(),
  /** What they use: cli, watch, web, vscode … */
  client: z.string().max(40).optional(),
  /** Its pages that have documents open; written by its daemon. */
  pages: z.array(pagePresenceSchema).max(MAX_PRESENT_PAGES).optional(),
});
export type Presence = z.infer<typeof presenceSchema>;

export const memberSchema = z.object({
  id: memberIdSchema,
  /** Untrusted text the member chose; control and bidi characters removed. */
  name: z.string().max(64),
  role: z.enum(ROLES),
  /** First 16 hex digits of the key's SHA-256, in groups of four. */
  fingerprint: z.string(),
  /** Why the name may deceive: it reads like another member's, or mixes scripts. */
  warning: z.string().max(400).optional(),
  /** CSS hex colour derived from the member number. */
  color: z.string(),
  online: z.boolean(),
  self: z.boolean(),
  removed: z.boolean(),
  presence: presenceSchema.optional(),
  lastSeenAt: wallClockSchema.optional(),
});
export type Member = z.infer<typeof memberSchema>;

/**
 * Something that waits for this daemon's person: a joiner at the door, a right to be consented to, or (`action`) one
 * command that policy asks about every time.
 */
export const pendingRequestSchema = z.object({
  id: z.string().max(32),
  kind: z.enum(['join', 'consent', 'lease', 'action']),
  name: z.string().max(64),
  fingerprint: z.string(),
  member: memberIdSchema.optional(),
  target: targetIdSchema.optional(),
  /** Name of the target's program: what an answer to a consent question is remembered under. */
  program: z.string().max(80).optional(),
  right: z.enum(RIGHTS).optional(),
  role: z.enum(ROLES).optional(),
  /** One plain sentence: what saying yes puts at stake. */
  stake: z.string(),
  /** Why the name may deceive: it reads like another member's, or mixes scripts. */
  warning: z.string().max(400).optional(),
  at: wallClockSchema,
  expiresAt: wallClockSchema,
});
export type PendingRequest = z.infer<typeof pendingRequestSchema>;

/** One chat line; register `chat/<n>.<incarnation>` in `notes/<member>`. */
export const chatLineSchema = z.object({
  member: memberIdSchema,
  text: z.string().min(1).max(4000),
  at: wallClockSchema,
});
export type ChatLine = z.infer<typeof chatLineSchema>;
