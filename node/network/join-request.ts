/**
 * A joiner's request as one piece that others can carry: signed by the invite's key and by the joiner's device, sealed
 * for the one who decides. Who carries it learns neither who asks nor under which invite.
 */

import { type SigningKey, signingKeyFromSeed } from '#node/security/identity.ts';
import { openBox, sealBox } from '#node/security/sealed-box.ts';
import { decodeBase64Url, encodeBase64Url } from '#protocol/base64url.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { isSafePublicKey } from '#protocol/ed25519-key.ts';
import { joinRequestBytes, joinRequestSchema, type SealedJoinRequest } from '#protocol/join-messages.ts';
import type { ParsedLink } from '#protocol/link.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { cleanName } from '#shared/names.ts';

/**
 * @param admitter device key of whoever decides, as somebody else named it
 * @returns base64url; undefined for a key that is none
 */
export function sealJoinRequest(
  link: ParsedLink,
  self: SigningKey,
  admitter: Uint8Array,
  joinerName: string,
): string | undefined {
  if (!isSafePublicKey(admitter)) return undefined;
  const invite = signingKeyFromSeed(link.inviteSeed);
  const { sandbox } = link;
  const name = cleanName(joinerName);
  const bytes = joinRequestBytes({ sandbox, invite: invite.publicKey, joiner: self.publicKey, admitter, name });
  const request: SealedJoinRequest = {
    sandbox,
    invite: toHex(invite.publicKey),
    joiner: toHex(self.publicKey),
    name,
    proof: toHex(invite.sign(bytes)),
    consent: toHex(self.sign(bytes)),
  };
  return encodeBase64Url(sealBox(admitter, new TextEncoder().encode(JSON.stringify(request))));
}

/**
 * @param self the admitter
 * @throws {SandboxError} UNAUTHENTICATED, the same for every cause
 */
export function openJoinRequest(box: string, self: SigningKey, crypto: Crypto): SealedJoinRequest {
  const bytes = decodeBase64Url(box);
  if (bytes === undefined) throw refused();
  const opened = openBox(self, bytes);
  const parsed = joinRequestSchema.safeParse(parseJson(opened));
  if (!parsed.success) throw refused();
  const request = parsed.data;
  const invite = parseHex(request.invite) as Uint8Array;
  const joiner = parseHex(request.joiner) as Uint8Array;
  if (!isSafePublicKey(joiner)) throw refused();
  const { sandbox, name } = request;
  const signed = joinRequestBytes({ sandbox, invite, joiner, admitter: self.publicKey, name });
  const holdsLink = crypto.verify(invite, signed, parseHex(request.proof) as Uint8Array);
  const isItself = crypto.verify(joiner, signed, parseHex(request.consent) as Uint8Array);
  if (!holdsLink || !isItself) throw refused();
  return request;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // No request of ours: refused like any other.
    return undefined;
  }
}

function refused(): SandboxError {
  return new SandboxError('UNAUTHENTICATED', 'Cannot use a carried join request: it does not open anything here');
}
