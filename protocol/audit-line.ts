/**
 * One line of a daemon's audit log: what it says, and how it is bound to the line before it and to the device's key.
 * A line is a JSON object whose last fields are `hash` and, where a batch ended, `signature`; so it reads with any
 * JSON tool and still has exactly one text.
 */

import { z } from 'zod';
import { concatBytes, toHex } from '#shared/bytes.ts';
import { memberIdSchema, sandboxIdSchema, targetIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import type { Crypto, Signer } from './crypto.ts';

const HASH_DOMAIN = new TextEncoder().encode('sbx/audit/1\n');
const SIGNATURE_DOMAIN = new TextEncoder().encode('sbx/audit-head/1\n');
const LINE = /^(\{.*),"hash":"([0-9a-f]{64})"(?:,"signature":"([A-Za-z0-9_-]{86})")?\}$/su;
export const MAX_AUDIT_LINE_CHARS = 16 * 1024;

/**
 * What kind of line.
 * - `opened`: a daemon began to write; what had begun before and has no end was cut short with the daemon before
 * - `begun`: about to act on a process here; written before it acts
 * - `ended`: how what line `of` began came out
 * - `done`: something whole: a command that ran elsewhere, a look that policy has recorded, what a shared document did
 * - `denied`: refused
 */
export const AUDIT_TYPES = ['opened', 'begun', 'ended', 'done', 'denied'] as const;

const text = (max: number) => z.string().max(max);
const hexHash = z.string().regex(/^[0-9a-f]{64}$/);

export const auditEntrySchema = z.object({
  v: z.literal(1),
  /** From 1, without gaps. */
  seq: z.number().int().positive(),
  /** `hash` of the line before; empty for the first. */
  previous: z.union([z.literal(''), hexHash]),
  at: wallClockSchema,
  type: z.enum(AUDIT_TYPES),
  /** `ended`: the line that began it. */
  of: z.number().int().positive().optional(),
  sandbox: sandboxIdSchema.optional(),
  /** Who: member number in that sandbox, name as it was, and key fingerprint, which alone tells for sure. */
  member: memberIdSchema.optional(),
  name: text(64).optional(),
  key: text(40).optional(),
  /** How it was asked: over this user's own socket, by a peer, by what stands in a shared document, or not at all. */
  via: z.enum(['local', 'peer', 'document', 'daemon']),
  /** A command of the catalogue, or what a document did: `breakpoint.armed`, `process.stopped` … */
  what: text(80),
  /** Its arguments in one line, secrets masked. */
  detail: text(2_000).optional(),
  target: targetIdSchema.optional(),
  program: text(80).optional(),
  pid: z.number().int().optional(),
  level: text(20).optional(),
  /** `begun`, `ok`, or an error's stable code. */
  outcome: text(40),
  /** The refusal's sentence, the verdict of a policy … */
  why: text(600).optional(),
  /** This many like it within the following seconds are not listed one by one. */
  times: z.number().int().positive().optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
/** What happened, without its place in the chain. */
export type AuditFacts = Omit<AuditEntry, 'v' | 'seq' | 'previous' | 'at'>;

export interface AuditHead {
  readonly seq: number;
  /** 64 hex digits; empty before the first line. */
  readonly hash: string;
}

export interface ParsedAuditLine {
  readonly entry: AuditEntry;
  /** As the line states it. */
  readonly hash: string;
  /** What it must be. */
  readonly computed: string;
  readonly signature: Uint8Array | undefined;
}

/** @returns the JSON that is hashed, and its hash */
export function sealAuditEntry(entry: AuditEntry, crypto: Pick<Crypto, 'sha256'>): { body: string; hash: string } {
  const body = JSON.stringify(entry);
  return { body, hash: hashOf(body, crypto) };
}

/** @param signer given for the last line of a batch; @returns the line without its newline */
export function formatAuditLine(body: string, hash: string, signer?: Signer): string {
  const open = `${body.slice(0, -1)},"hash":"${hash}"`;
  if (signer === undefined) return `${open}}`;
  return `${open},"signature":"${encodeBase64Url(signer.sign(signedBytes(hash)))}"}`;
}

/** @returns undefined when it is no line of an audit log */
export function parseAuditLine(line: string, crypto: Pick<Crypto, 'sha256'>): ParsedAuditLine | undefined {
  const match = line.length > MAX_AUDIT_LINE_CHARS ? null : LINE.exec(line);
  if (match === null) return undefined;
  const [, open = '', hash = '', signature] = match;
  const body = `${open}}`;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // No JSON, no line: whoever asked says which one.
    return undefined;
  }
  const parsed = auditEntrySchema.safeParse(json);
  if (!parsed.success) return undefined;
  return {
    entry: parsed.data,
    hash,
    computed: hashOf(body, crypto),
    // One that is no base64url is a bad signature, not a line without one: those are common, and no sign of an edit.
    signature: signature === undefined ? undefined : (decodeBase64Url(signature) ?? new Uint8Array(0)),
  };
}

export function verifyAuditHead(hash: string, signature: Uint8Array, key: Uint8Array, crypto: Crypto): boolean {
  return crypto.verify(key, signedBytes(hash), signature);
}

function hashOf(body: string, crypto: Pick<Crypto, 'sha256'>): string {
  return toHex(crypto.sha256(HASH_DOMAIN, new TextEncoder().encode(body)));
}

function signedBytes(hash: string): Uint8Array {
  return concatBytes(SIGNATURE_DOMAIN, new TextEncoder().encode(hash));
}
