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

/** Cast to the joiner while a person has to decide. */
export const joinWaitingSchema = z.object({ admitter: z.string().max(64) });
export type JoinWaiting = z.infer<typeof joinWaitingSchema>;

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

/**
 * The bytes that the invite's key signs. Both device keys are in it, so that a proof is worth nothing on another
 * connection than the one noise has authenticated.
 */
export function joinProofBytes(proof: JoinProof): Uint8Array {
  const sandbox = parseHex(proof.sandbox);
  if (sandbox === undefined) throw new RangeError('A sandbox id is hex');
  return concatBytes(DOMAIN, sandbox, proof.invite, proof.joiner, proof.admitter, proof.nonce);
}
