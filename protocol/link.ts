/**
 * The invite link: all a joiner needs, in the fragment, so that no server ever sees it. The text guards itself: its
 * head tells its length, its tail is a CRC, so that a link cut short or mistyped is told apart from a refused one.
 * Layout in protocol/PROTOCOL.md, Link. Who may use an invite is the control log's business.
 */

import { decode, encode } from 'cborg';
import { equalBytes } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import type { Crypto } from './crypto.ts';
import { deriveSandboxId, NONCE_BYTES, type SandboxFounding } from './sandbox-id.ts';

export const LINK_VERSION = 1;
/** Longest text that is read at all; a link with 8 peers of 8 addresses stays below. */
export const MAX_LINK_LENGTH = 4096;
/** Base of a link that no relay serves. */
export const DEFAULT_LINK_BASE = 'sandmesh:';

const MAX_PEERS = 8;
const MAX_ADDRESSES = 8;
const MAX_ADDRESS_BYTES = 128;
const KEY_BYTES = 32;
const HEAD_BYTES = 3;
const HEAD_CHARACTERS = 4;
const CRC_BYTES = 4;
/** The length field has 12 bits. */
const MAX_BODY_BYTES = 0xfff;

export interface LinkPeer {
  /** Raw Ed25519 device key of whoever admits; `/p2p/` of each address follows from it. */
  readonly key: Uint8Array;
  /** Multiaddrs in their binary form, without `/p2p/`. */
  readonly addresses: readonly Uint8Array[];
}

export interface InviteLink extends SandboxFounding {
  /** Private seed of the invite's key, 32 bytes: the secret that admits. */
  readonly inviteSeed: Uint8Array;
  readonly peers: readonly LinkPeer[];
}

export interface ParsedLink extends InviteLink {
  /** Computed from owner key, nonce and recovery hash: the joiner checks the genesis entry against it. */
  readonly sandbox: SandboxId;
}

/**
 * @param base what stands before `#`: `sandmesh:` or the address of the sandbox's relay
 * @throws {RangeError} when a field has the wrong length or there are too many addresses
 */
export function encodeLink(link: InviteLink, base = DEFAULT_LINK_BASE): string {
  const problem = findProblem(link);
  if (problem !== undefined) throw new RangeError(`Cannot make a link: ${problem}`);
  const body = encodeBody(link);
  if (body.length > MAX_BODY_BYTES) throw new RangeError(`Cannot make a link: ${body.length} bytes are too many`);
  const bytes = new Uint8Array(HEAD_BYTES + body.length + CRC_BYTES);
  bytes.set(encodeHead(LINK_VERSION, body.length));
  bytes.set(body, HEAD_BYTES);
  const crcAt = HEAD_BYTES + body.length;
  new DataView(bytes.buffer).setUint32(crcAt, crc32(bytes.subarray(0, crcAt)));
  return `${base}#${encodeBase64Url(bytes)}`;
}

/**
 * Reads a link as a person pasted it: spaces, line breaks and quotes around it do not matter.
 *
 * @throws {SandboxError} BAD_LINK with a hint that tells a link cut short from one with a wrong character;
 * VERSION_UNSUPPORTED for a link of a later sandmesh
 */
export function parseLink(text: string, crypto: Pick<Crypto, 'sha256'>): ParsedLink {
  const payload = payloadOf(text);
  const { version, length } = readHead(payload);
  if (version !== LINK_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read a link of version ${version}`, {
      hint: `This sandmesh reads version ${LINK_VERSION}: update it.`,
    });
  }
  const missing = Math.ceil(((HEAD_BYTES + length + CRC_BYTES) * 4) / 3) - payload.length;
  if (missing > 0) throw badLink(`it was cut short: ${missing} characters are missing`, COPY_AGAIN);
  if (missing < 0) throw badLink(`it has ${-missing} characters too many at its end`, COPY_AGAIN);
  const bytes = decodeBase64Url(payload);
  if (bytes === undefined) throw wrongCharacter();
  const crcAt = HEAD_BYTES + length;
  if (new DataView(bytes.buffer).getUint32(crcAt) !== crc32(bytes.subarray(0, crcAt))) throw wrongCharacter();
  const link = decodeBody(bytes.subarray(HEAD_BYTES, crcAt));
  return { ...link, sandbox: deriveSandboxId(link, crypto) };
}

function encodeBody(link: InviteLink): Uint8Array {
  const peers = link.peers.map((peer) => [peer.key, [...peer.addresses]]);
  return encode([link.ownerKey, link.nonce, link.recoveryHash, link.inviteSeed, peers]);
}

function decodeBody(body: Uint8Array): InviteLink {
  let raw: unknown;
  try {
    raw = decode(body, { strict: true, allowIndefinite: false, allowUndefined: false, allowInfinity: false });
  } catch (cause) {
    throw new SandboxError('BAD_LINK', 'Cannot read the link: its contents are no CBOR', { hint: ASK_AGAIN, cause });
  }
  const link = shapeOf(raw);
  if (link === undefined || findProblem(link) !== undefined || !equalBytes(encodeBody(link), body)) {
    throw badLink('its contents have an unknown shape', ASK_AGAIN);
  }
  return link;
}

function shapeOf(raw: unknown): InviteLink | undefined {
  if (!Array.isArray(raw) || raw.length !== 5) return undefined;
  const [ownerKey, nonce, recoveryHash, inviteSeed, list] = raw as unknown[];
  if (!Array.isArray(list)) return undefined;
  const peers: LinkPeer[] = [];
  for (const item of list as unknown[]) {
    if (!Array.isArray(item) || item.length !== 2) return undefined;
    const [key, addresses] = item as unknown[];
    if (!isBytes(key) || !Array.isArray(addresses) || !addresses.every(isBytes)) return undefined;
    peers.push({ key, addresses });
  }
  if (!isBytes(ownerKey) || !isBytes(nonce) || !isBytes(recoveryHash) || !isBytes(inviteSeed)) return undefined;
  return { ownerKey, nonce, recoveryHash, inviteSeed, peers };
}

function findProblem(link: InviteLink): string | undefined {
  if (link.ownerKey.length !== KEY_BYTES) return `an owner key of ${link.ownerKey.length} bytes`;
  if (link.nonce.length !== NONCE_BYTES) return `a nonce of ${link.nonce.length} bytes`;
  if (link.recoveryHash.length !== KEY_BYTES) return `a recovery hash of ${link.recoveryHash.length} bytes`;
  if (link.inviteSeed.length !== KEY_BYTES) return `an invite seed of ${link.inviteSeed.length} bytes`;
  if (link.peers.length < 1 || link.peers.length > MAX_PEERS) return `${link.peers.length} peers`;
  for (const peer of link.peers) {
    if (peer.key.length !== KEY_BYTES) return `a device key of ${peer.key.length} bytes`;
    if (peer.addresses.length > MAX_ADDRESSES) return `${peer.addresses.length} addresses of one peer`;
    const odd = peer.addresses.find((address) => address.length < 1 || address.length > MAX_ADDRESS_BYTES);
    if (odd !== undefined) return `an address of ${odd.length} bytes`;
  }
  return undefined;
}

/** 4 bits version, 12 bits body length, then a CRC-8 of these: a wrong length must not pass for a cut link. */
function encodeHead(version: number, length: number): Uint8Array {
  const first = (version << 4) | (length >> 8);
  const second = length & 0xff;
  return Uint8Array.of(first, second, crc8(first, second));
}

/** The head is three bytes so that it fills four characters exactly, and can be read from a link cut anywhere. */
function readHead(payload: string): { version: number; length: number } {
  if (payload.length < HEAD_CHARACTERS) throw badLink('it was cut short', COPY_AGAIN);
  const head = decodeBase64Url(payload.slice(0, HEAD_CHARACTERS));
  if (head === undefined) throw wrongCharacter();
  const [first, second, check] = head as unknown as [number, number, number];
  if (check !== crc8(first, second)) throw wrongCharacter();
  return { version: first >> 4, length: ((first & 0xf) << 8) | second };
}

function payloadOf(text: string): string {
  if (text.length > MAX_LINK_LENGTH) throw badLink(`it has ${text.length} characters`, 'Copy only the link.');
  // A mail program breaks long lines, a chat adds quotes, a sentence its full stop: none says anything about the link.
  const trimmed = text.replace(/\s+/g, '').replace(/^["'<([`]+|["'>)\]`.,;]+$/g, '');
  const hash = trimmed.indexOf('#');
  if (hash < 0 && !trimmed.startsWith(DEFAULT_LINK_BASE)) {
    throw badLink(`"${trimmed.length > 40 ? `${trimmed.slice(0, 40)}…` : trimmed}" is none`, START);
  }
  const payload = trimmed.slice(hash < 0 ? DEFAULT_LINK_BASE.length : hash + 1);
  const odd = /[^A-Za-z0-9_-]/u.exec(payload)?.[0];
  if (odd !== undefined) throw badLink(`a character in it is wrong: "${odd}"`, COPY_AGAIN);
  return payload;
}

const START = 'A link starts with "sandmesh:#" or is an https address with a long part after "#".';
const COPY_AGAIN = 'Copy it again from where you got it, or ask for a new one.';
const ASK_AGAIN = 'It was made by another program or a newer sandmesh: ask for a new one.';

function wrongCharacter(): SandboxError {
  return badLink('a character in it is wrong', COPY_AGAIN);
}

function badLink(why: string, hint: string): SandboxError {
  return new SandboxError('BAD_LINK', `Cannot read the link: ${why}`, { hint });
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** CRC-8 with polynomial 0x07, starting at 0xff: finds every error of up to 8 bits in a row, so every single wrong character. */
function crc8(...bytes: number[]): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}

/** CRC-32 (IEEE 802.3): finds every error of up to 32 bits in a row. No secret: it guards against mistyping only. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
