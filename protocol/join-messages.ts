/**
 * What a joiner and its admitter say on `/sandmesh/join/1`: calls of a `Channel`. The joiner asks for a challenge,
 * proves the invite's secret, and is told the control log once it is admitted. See protocol/PROTOCOL.md, Join.
 */

import { z } from 'zod';
import { concatBytes, parseHex } from '#shared/bytes.ts';
import type { SandboxId } from '#shared/ids.ts';
import { memberIdSchema, sandboxIdSchema } from '#shared/model/schemas.ts';

export const JOIN_PROTOCOL = '/sandmesh/join/1';
export const JOIN_VERSION = 1;
export const NONCE_LENGTH = 32;
/** A joiner has nothing to say that is longer. */
export const MAX_JOIN_REQUEST_BYTES = 4096;

const hexKey = z.string().regex(/^[0-9a-f]{64}$/);
const hexSignature = z.string().regex(/^[0-9a-f]{128}$/);

export const joinBeginSchema = z.object({ version: z.number().int() });
/** Any joiner gets one: nothing is told about sandbox or invite before the proof. */
export const joinChallengeSchema = z.object({ nonce: hexKey });

export const joinProveSchema = z.object({
  sandbox: sandboxIdSchema,
  /** The invite's public key. */
  invite: hexKey,
  signature: hexSignature,
  name: z.string().max(64),
});

/** Cast to the joiner while somebody has to decide. */
export const joinWaitingSchema = z.object({
  /** The name of who decides, untrusted. */
  admitter: z.string().max(64),
  /**
   * Device key of who decides, when that is somebody else than the one asked: a request sealed for it is carried there.
   * Absent: the one asked decides itself.
   */
  key: hexKey.optional(),
  /** The admitter is not connected to the one asked: it hears of this when it comes. */
  away: z.boolean().optional(),
});
export type JoinWaiting = z.infer<typeof joinWaitingSchema>;

const boxSchema = z
  .string()
  .max(2048)
  .regex(/^[A-Za-z0-9_-]+$/, 'not base64url');
/** Cast by the joiner: its request, for `key` alone to read. */
export const joinSealedSchema = z.object({ key: hexKey, box: boxSchema });
/** Peer call of whoever carries it to the admitter; answered once it is decided. */
export const joinCarrySchema = z.object({ box: boxSchema });
export const JOIN_CARRY = 'join.carry';

/** What is in the box, as JSON. Both signatures are over {@link joinRequestBytes}. */
export const joinRequestSchema = z.object({
  sandbox: sandboxIdSchema,
  invite: hexKey,
  joiner: hexKey,
  name: z.string().max(64),
  /** By the invite's key: it holds the link. */
  proof: hexSignature,
  /** By the joiner's device key: nobody else asks in its name. */
  consent: hexSignature,
});
export type SealedJoinRequest = z.infer<typeof joinRequestSchema>;

export const joinGrantedSchema = z.object({
  member: memberIdSchema,
  /** The control log from its genesis: compact JWS texts. */
  control: z.array(z.string()),
});

export interface JoinProof {
  readonly sandbox: SandboxId;
  /** Raw public keys, 32 bytes each: of the invite, of the joiner's device, of the admitter's device. */
  readonly invite: Uint8Array;
  readonly joiner: Uint8Array;
  readonly admitter: Uint8Array;
  /** 32 bytes the admitter made up for this stream. */
  readonly nonce: Uint8Array;
}

const DOMAIN = new TextEncoder().encode('sbx/join/1');
const REQUEST_DOMAIN = new TextEncoder().encode('sbx/join-request/1');

/** The bytes that a carried request's two keys sign: worth nothing for another device, admitter, name or sandbox. */
export function joinRequestBytes(request: Omit<JoinProof, 'nonce'> & { readonly name: string }): Uint8Array {
  const sandbox = parseHex(request.sandbox);
  if (sandbox === undefined) throw new RangeError('A sandbox id is hex');
  const { invite, joiner, admitter, name } = request;
  return concatBytes(REQUEST_DOMAIN, sandbox, invite, joiner, admitter, new TextEncoder().encode(name));
}

/**
 * The bytes that the invite's key signs. Both device keys are in it, so that a proof is worth nothing on another
 * connection than the one noise has authenticated.
 */
export function joinProofBytes(proof: JoinProof): Uint8Array {
  const sandbox = parseHex(proof.sandbox);
  if (sandbox === undefined) throw new RangeError('A sandbox id is hex');
  return concatBytes(DOMAIN, sandbox, proof.invite, proof.joiner, proof.admitter, proof.nonce);
}
