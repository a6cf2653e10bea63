/**
 * One entry of a control log as text: a compact JWS (EdDSA) over JSON. This file signs, verifies and parses a single
 * entry; what a sequence of them means is `control-state.ts`'s business.
 *
 * The header is exactly `{"alg":"EdDSA","typ":"sandmesh-control"}`, so nothing an attacker adds to it (`jwk`, `jku`,
 * `x5c`, `crit`, another `alg`) is ever looked at.
 */

import { base64url, CompactSign, compactVerify, importJWK } from 'jose';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { memberIdSchema, sandboxIdSchema } from '#shared/model/schemas.ts';
import { ROLES } from '#shared/rights.ts';

export const CONTROL_TYPE = 'sandmesh-control';
/** A frontier of some 4,000 chains fits. */
export const MAX_ENTRY_CHARS = 256 * 1024;
const PROTECTED_HEADER = { alg: 'EdDSA', typ: CONTROL_TYPE } as const;
const HEADER_TEXT = base64url.encode(JSON.stringify(PROTECTED_HEADER));

const bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const hexKey = z.string().regex(/^[0-9a-f]{64}$/, 'not a public key in hex');
const nameSchema = z.string().max(64);
const uint = z.number().int().nonnegative();
/** `[member, incarnation, seq]` of every accepted chain head at the signer, sorted. */
const frontierSchema = z.array(z.tuple([memberIdSchema, uint, uint])).max(10_000);
/** `[delegate, seq]`: ends that delegate's log; its entries beyond seq count for nothing. */
const endedLogsSchema = z.array(z.tuple([memberIdSchema, uint])).max(1);

const common = {
  v: z.literal(1),
  sandbox: sandboxIdSchema,
  /** 0: the owner's log; else the delegate's member number. */
  log: uint,
  /** Delegates' logs only: how much of the owner's log the signer had seen. Never falls along a log. */
  owner: z.number().int().positive().optional(),
  seq: z.number().int().positive(),
  /** SHA-256 of the entry before it, base64url; empty for the first of a log. */
  previous: z.union([z.literal(''), bytes32]),
  /** The signer's clock: shown to people, never judged. */
  at: uint,
};

const device = { key: hexKey, name: nameSchema };

/** Every kind of entry. Strict: an unknown field is a refusal, so that no two versions fold one entry differently. */
export const controlEntrySchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('genesis'),
    ownerKey: hexKey,
    nonce: z.string().regex(/^[0-9a-f]{32}$/),
    recoveryHash: hexKey,
    name: nameSchema,
    /** The owner's first device: member 1. */
    device: z.strictObject(device),
  }),
  z.strictObject({ ...common, type: z.literal('config'), name: nameSchema }),
  z.strictObject({
    ...common,
    type: z.literal('invite'),
    key: hexKey,
    role: z.enum(ROLES),
    uses: z.number().int().positive().max(10_000),
    expiresAt: uint,
    approval: z.boolean(),
    /** The one who decides about it: 0 the owner, else a delegate. Addresses are judged by the admitter alone. */
    admitter: uint,
    addresses: z.array(z.string().max(64)).max(64).optional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('grant'),
    member: memberIdSchema,
    ...device,
    role: z.enum(ROLES),
    invite: hexKey.optional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('delegate'),
    member: memberIdSchema,
    /** Control key of the delegate's own log. */
    key: hexKey,
    from: memberIdSchema,
    to: memberIdSchema,
    role: z.enum(ROLES),
  }),
  z.strictObject({
    ...common,
    type: z.literal('revoke'),
    member: memberIdSchema,
    frontier: frontierSchema,
    logs: endedLogsSchema.optional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('role'),
    member: memberIdSchema,
    role: z.enum(ROLES),
    frontier: frontierSchema,
    /** On a delegate: takes the delegation back, whatever the role. */
    logs: endedLogsSchema.optional(),
  }),
  z.strictObject({ ...common, type: z.literal('revoke-invite'), key: hexKey }),
  z.strictObject({
    ...common,
    type: z.literal('policy'),
    /** Level → action → verdict; read by node/security, opaque to replication. */
    policy: z.record(z.string().max(40), z.record(z.string().max(40), z.enum(['allow', 'deny', 'audit', 'ask']))),
    frontier: frontierSchema,
  }),
  z.strictObject({
    ...common,
    type: z.literal('checkpoint'),
    /** Content hash of the checkpoint blob. */
    blob: hexKey,
    heads: frontierSchema,
    /** `[delegate, seq]`: how much of each delegate's log its content was judged by; of the owner's, all before it. */
    delegates: z.array(z.tuple([memberIdSchema, uint])).max(256),
  }),
  z.strictObject({
    ...common,
    type: z.literal('rotate'),
    /** Signed by the recovery key, which it reveals; names the branch by `previous`. */
    recoveryKey: hexKey,
    ownerKey: hexKey,
    nextRecoveryHash: hexKey,
  }),
]);
export type ControlEntry = z.infer<typeof controlEntrySchema>;
export type ControlEntryType = ControlEntry['type'];
export type Frontier = z.infer<typeof frontierSchema>;

/** An entry without what the log fills in. */
export type ControlEntryBody = ControlEntry extends infer E
  ? E extends ControlEntry
    ? Omit<E, 'v' | 'sandbox' | 'log' | 'owner' | 'seq' | 'previous' | 'at'>
    : never
  : never;

export type EntryBody<T extends ControlEntryType> = Extract<ControlEntryBody, { type: T }>;

/** Signs entries with one control key. */
export interface ControlSigner {
  readonly publicKey: Uint8Array;
  /** @returns the compact JWS */
  sign(entry: ControlEntry): Promise<string>;
  /** Absent where it always signs. @throws {SandboxError} KEY_LOCKED */
  assertUnlocked?(): void;
}

/** @param seed 32-byte Ed25519 seed; @param publicKey its public key */
export async function controlSignerFromSeed(seed: Uint8Array, publicKey: Uint8Array): Promise<ControlSigner> {
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: base64url.encode(seed), x: base64url.encode(publicKey) };
  const key = await importJWK(jwk, 'EdDSA');
  const encoder = new TextEncoder();
  return {
    publicKey,
    sign: (entry) =>
      new CompactSign(encoder.encode(JSON.stringify(entry))).setProtectedHeader(PROTECTED_HEADER).sign(key),
  };
}

/**
 * Reads an untrusted entry without judging its signature.
 *
 * @throws {SandboxError} BAD_CONTROL_ENTRY
 */
export function parseControlEntry(compact: string): ControlEntry {
  if (compact.length > MAX_ENTRY_CHARS) throw bad(`${compact.length} characters are too many`);
  const parts = compact.split('.');
  if (parts.length !== 3) throw bad('it is no compact JWS');
  const [header, payload, signature] = parts as [string, string, string];
  if (header !== HEADER_TEXT) throw bad(`its header is not exactly ${JSON.stringify(PROTECTED_HEADER)}`);
  const payloadBytes = decodeBase64(payload);
  if (decodeBase64(signature).length !== 64) throw bad('its signature is not 64 bytes');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payloadBytes));
  } catch (cause) {
    throw new SandboxError('BAD_CONTROL_ENTRY', 'Cannot read a control entry: it is not JSON', { cause });
  }
  const parsed = controlEntrySchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw bad(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'invalid'}`);
  }
  return parsed.data;
}

/** @throws {SandboxError} BAD_CONTROL_ENTRY unless `key` signed it */
export async function verifyControlEntry(compact: string, key: Uint8Array): Promise<void> {
  try {
    const publicKey = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: base64url.encode(key) }, 'EdDSA');
    await compactVerify(compact, publicKey, { algorithms: ['EdDSA'] });
  } catch (cause) {
    throw new SandboxError('BAD_CONTROL_ENTRY', 'Cannot accept a control entry: its signature does not verify', {
      cause,
    });
  }
}

/** The link of the chain: SHA-256 of the compact text, as the next entry's `previous` has it. */
export function hashControlEntry(compact: string, sha256: (bytes: Uint8Array) => Uint8Array): string {
  return base64url.encode(sha256(new TextEncoder().encode(compact)));
}

function decodeBase64(text: string): Uint8Array {
  let decoded: Uint8Array;
  try {
    decoded = base64url.decode(text);
  } catch (cause) {
    throw new SandboxError('BAD_CONTROL_ENTRY', 'Cannot read a control entry: it is not base64url', { cause });
  }
  // One entry has one text: padding, foreign characters or loose trailing bits would give it a second hash.
  if (base64url.encode(decoded) !== text) throw bad('it is not canonical base64url');
  return decoded;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_CONTROL_ENTRY', `Cannot read a control entry: ${why}`);
}
