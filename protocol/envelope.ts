/**
 * One signed update as bytes (protocol/PROTOCOL.md, Envelope): canonical CBOR `[header, signature, payload]`, the
 * header itself a canonical CBOR array in a byte string, so that hash and signature cover exact bytes and the payload
 * may be pruned or kept elsewhere. What an envelope may do is judged by replication, not here.
 */

import * as cbor from 'cborg';
import { compareBytes, equalBytes, parseHex, plainBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { isMemberId, type MemberId, type SandboxId } from '#shared/ids.ts';
import { type Crypto, HASH_BYTES, SIGNATURE_BYTES, type Signer } from './crypto.ts';
import { SANDBOX_ID_BYTES } from './sandbox-id.ts';

export const ENVELOPE_VERSION = 1;
/** The author splits larger ticks at clock boundaries. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Room for {@link MAX_DEPS} dependencies and the longest document name. */
export const MAX_HEADER_BYTES = 64 * 1024;
export const MAX_DEPS = 1000;
/** Bytes of a header hash that a dependency quotes: enough to tell the branches of a forked chain apart. */
export const SHORT_HASH_BYTES = 16;
const MAX_CONTROL_LOGS = 256;
const DOMAIN = new TextEncoder().encode('sbx/envelope/1');

/** What a payload is: a Yjs V1 update, register writes, or nothing: such an envelope only declares dependencies. */
export const EnvelopeKind = { update: 0, registers: 1, declaration: 2 } as const;
export type EnvelopeKind = (typeof EnvelopeKind)[keyof typeof EnvelopeKind];

/** Head of another chain that the author had applied when it wrote; `hash` names the branch. */
export interface Dep {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly seq: number;
  /** First {@link SHORT_HASH_BYTES} of that header's hash. */
  readonly hash: Uint8Array;
}

/**
 * Position in the control log(s): the owner's log seq first, then pairs of delegate (member number) and its log's seq,
 * ascending. `[7]` or `[7, 12, 3]`.
 */
export type ControlPosition = readonly number[];

export interface EnvelopeHeader {
  readonly sandbox: SandboxId;
  readonly member: MemberId;
  /** Random per daemon start, 32 bits. */
  readonly incarnation: number;
  /** From 1, along the chain of this member and incarnation. */
  readonly seq: number;
  /** Hash of the header before it in the chain; empty for seq 1. */
  readonly previous: Uint8Array;
  readonly control: ControlPosition;
  /** What the author had newly seen since its envelope before; sorted by member, incarnation, seq, hash. */
  readonly deps: readonly Dep[];
  readonly document: string;
  readonly kind: EnvelopeKind;
  /** Yjs clock at which the update's structs start, per document and chain; 0 for other kinds. */
  readonly clock: number;
  readonly payloadHash: Uint8Array;
}

export interface Envelope {
  readonly header: EnvelopeHeader;
  /** SHA-256 of the header's bytes: the link of the chain. */
  readonly hash: Uint8Array;
  readonly headerBytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly payload: Uint8Array;
}

/** Signs one envelope. @returns its bytes and itself, sharing memory with `payload` */
export function sealEnvelope(
  fields: Omit<EnvelopeHeader, 'payloadHash'>,
  payload: Uint8Array,
  signer: Signer,
  crypto: Crypto,
): { bytes: Uint8Array; envelope: Envelope } {
  const header: EnvelopeHeader = { ...fields, payloadHash: crypto.sha256(payload) };
  const headerBytes = encodeHeader(header);
  const hash = crypto.sha256(headerBytes);
  const signature = signer.sign(signedMessage(hash));
  return {
    bytes: plainBytes(cbor.encode([headerBytes, signature, payload])),
    envelope: { header, hash, headerBytes, signature, payload },
  };
}

/** Whether `key` signed this header. The payload is bound by its hash, checked when parsed. */
export function verifyEnvelope(envelope: Envelope, key: Uint8Array, crypto: Crypto): boolean {
  return crypto.verify(key, signedMessage(envelope.hash), envelope.signature);
}

/**
 * Reads untrusted bytes: size, canonical form, ranges and the payload's hash. The signature is not checked.
 *
 * @param bytes copied where the result needs them
 * @throws {SandboxError} BAD_ENVELOPE
 */
export function parseEnvelope(bytes: Uint8Array, crypto: Crypto): Envelope {
  if (bytes.length > MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + 128) throw bad(`${bytes.length} bytes are too many`);
  const outer = decodeCanonical(plainBytes(bytes));
  if (!Array.isArray(outer) || outer.length !== 3) throw bad('it is no array of three');
  const [headerBytes, signature, payload] = outer as unknown[];
  if (!isBytes(headerBytes) || headerBytes.length > MAX_HEADER_BYTES) throw bad('its header is missing or too long');
  if (!isBytes(signature) || signature.length !== SIGNATURE_BYTES) throw bad('its signature is not 64 bytes');
  if (!isBytes(payload) || payload.length > MAX_PAYLOAD_BYTES) throw bad('its payload is missing or too long');
  const header = parseHeader(decodeCanonical(headerBytes));
  if (!equalBytes(header.payloadHash, crypto.sha256(payload))) throw bad('its payload does not match its hash');
  return { header, hash: crypto.sha256(headerBytes), headerBytes, signature, payload };
}

/** `member/incarnation`: one chain, as a map key. */
export function chainKey(member: number, incarnation: number): string {
  return `${member}/${incarnation}`;
}

function signedMessage(hash: Uint8Array): Uint8Array {
  const message = new Uint8Array(DOMAIN.length + HASH_BYTES);
  message.set(DOMAIN);
  message.set(hash, DOMAIN.length);
  return message;
}

function encodeHeader(header: EnvelopeHeader): Uint8Array {
  return cbor.encode([
    ENVELOPE_VERSION,
    parseHex(header.sandbox),
    header.member,
    header.incarnation,
    header.seq,
    header.previous,
    header.control,
    header.deps.map((dep) => [dep.member, dep.incarnation, dep.seq, dep.hash]),
    header.document,
    header.kind,
    header.clock,
    header.payloadHash,
  ]);
}

/** Decodes strictly, re-encodes and compares: one value has one form. */
function decodeCanonical(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = cbor.decode(bytes, { strict: true, allowIndefinite: false, allowUndefined: false, allowBigInt: false });
  } catch (cause) {
    throw new SandboxError('BAD_ENVELOPE', 'Cannot read an envelope: it is not CBOR', { cause });
  }
  if (!equalBytes(cbor.encode(value), bytes)) throw bad('it is not in canonical form');
  return value;
}

function parseHeader(value: unknown): EnvelopeHeader {
  if (!Array.isArray(value)) throw bad('its header is no array');
  const fields = value as unknown[];
  if (fields[0] !== ENVELOPE_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read an envelope of version ${String(fields[0])}`, {
      hint: 'Update sandmesh on this machine.',
    });
  }
  if (fields.length !== 12) throw bad(`its header has ${fields.length} fields, not 12`);
  const [, sandbox, member, incarnation, seq, previous, control, deps, document, kind, clock, payloadHash] = fields;
  if (!isBytes(sandbox) || sandbox.length !== SANDBOX_ID_BYTES) throw bad('its sandbox id is not 20 bytes');
  if (!isMemberId(member)) throw bad('its member is no member number');
  if (!isUint(incarnation, 2 ** 32)) throw bad('its incarnation is out of range');
  if (!isUint(seq) || seq < 1) throw bad('its seq is out of range');
  if (!isBytes(previous) || previous.length !== (seq === 1 ? 0 : HASH_BYTES))
    throw bad('its previous hash is malformed');
  if (typeof document !== 'string') throw bad('its document is no text');
  if (!isKind(kind)) throw bad('its kind is unknown');
  if (!isUint(clock) || (kind !== EnvelopeKind.update && clock !== 0)) throw bad('its clock is out of range');
  if (!isBytes(payloadHash) || payloadHash.length !== HASH_BYTES) throw bad('its payload hash is not 32 bytes');
  return {
    sandbox: toHex(sandbox) as SandboxId,
    member,
    incarnation,
    seq,
    previous,
    control: parseControlPosition(control),
    deps: parseDeps(deps),
    document,
    kind,
    clock,
    payloadHash,
  };
}

function parseControlPosition(value: unknown): ControlPosition {
  if (!Array.isArray(value) || value.length % 2 !== 1 || value.length > 1 + 2 * MAX_CONTROL_LOGS) {
    throw bad('its control position is malformed');
  }
  const numbers = value as unknown[];
  for (const [i, number] of numbers.entries()) {
    if (!isUint(number) || number < 1) throw bad('its control position is out of range');
    if (i > 2 && i % 2 === 1 && number <= (numbers[i - 2] as number)) throw bad('its control position is unsorted');
  }
  return numbers as number[];
}

function parseDeps(value: unknown): Dep[] {
  if (!Array.isArray(value) || value.length > MAX_DEPS) throw bad('its dependencies are malformed');
  const deps: Dep[] = [];
  for (const item of value as unknown[]) {
    if (!Array.isArray(item) || item.length !== 4) throw bad('a dependency is malformed');
    const [member, incarnation, seq, hash] = item as unknown[];
    if (!isMemberId(member) || !isUint(incarnation, 2 ** 32) || !isUint(seq) || seq < 1) {
      throw bad('a dependency is out of range');
    }
    if (!isBytes(hash) || hash.length !== SHORT_HASH_BYTES) throw bad('a dependency has no hash');
    const dep = { member, incarnation, seq, hash };
    const before = deps.at(-1);
    if (before !== undefined && compareDeps(before, dep) >= 0) throw bad('its dependencies are unsorted');
    deps.push(dep);
  }
  return deps;
}

/** The order of chains. */
export function compareChains(
  a: { readonly member: number; readonly incarnation: number },
  b: { readonly member: number; readonly incarnation: number },
): number {
  return a.member - b.member || a.incarnation - b.incarnation;
}

/** By chain, seq and hash: two heads of one chain are two lines of it. */
export function compareDeps(a: Dep, b: Dep): number {
  return compareChains(a, b) || a.seq - b.seq || compareBytes(a.hash, b.hash);
}

function isKind(value: unknown): value is EnvelopeKind {
  return value === EnvelopeKind.update || value === EnvelopeKind.registers || value === EnvelopeKind.declaration;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isUint(value: unknown, below = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below && !Object.is(value, -0);
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_ENVELOPE', `Cannot read an envelope: ${why}`);
}
