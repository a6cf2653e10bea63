/**
 * One signed update as bytes (protocol/PROTOCOL.md, Envelope): canonical CBOR `[header, signature, payload]`, the
 * header itself a canonical CBOR array in a byte string, so that hash and signature cover exact bytes and the payload
 * may be pruned or kept elsewhere. What an envelope may do is judged by replication, not here.
 */

import { compareBytes, equalBytes, parseHex, plainBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { isMemberId, type MemberId, type SandboxId } from '#shared/ids.ts';
import { CborReader, CborWriter } from './canonical-cbor.ts';
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
const HEADER_FIELDS = 12;
/** A header without dependencies takes about 150 bytes. */
const HEADER_SIZE_HINT = 256;
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
    bytes: encodeEnvelope(headerBytes, signature, payload),
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
  return readCanonical(plainBytes(bytes), (reader) => {
    if (reader.array() !== 3) throw bad('it is no array of three');
    const headerBytes = reader.bytes();
    if (headerBytes.length > MAX_HEADER_BYTES) throw bad('its header is too long');
    const signature = reader.bytes();
    if (signature.length !== SIGNATURE_BYTES) throw bad('its signature is not 64 bytes');
    const payload = reader.bytes();
    if (payload.length > MAX_PAYLOAD_BYTES) throw bad('its payload is too long');
    // Copies: what is kept of an envelope must not keep the message alive that brought it.
    return openEnvelope(headerBytes.slice(), signature.slice(), payload.slice(), crypto);
  });
}

function openEnvelope(headerBytes: Uint8Array, signature: Uint8Array, payload: Uint8Array, crypto: Crypto): Envelope {
  const header = readCanonical(headerBytes, readHeader);
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

function encodeEnvelope(headerBytes: Uint8Array, signature: Uint8Array, payload: Uint8Array): Uint8Array {
  const writer = new CborWriter(headerBytes.length + signature.length + payload.length + 16);
  return writer.array(3).bytes(headerBytes).bytes(signature).bytes(payload).finish();
}

function encodeHeader(header: EnvelopeHeader): Uint8Array {
  const writer = new CborWriter(HEADER_SIZE_HINT).array(HEADER_FIELDS).uint(ENVELOPE_VERSION);
  writer.bytes(bytesOfSandbox(header.sandbox));
  writer.uint(header.member).uint(header.incarnation).uint(header.seq).bytes(header.previous);
  writer.array(header.control.length);
  for (const number of header.control) writer.uint(number);
  writer.array(header.deps.length);
  for (const dep of header.deps) {
    writer.array(4).uint(dep.member).uint(dep.incarnation).uint(dep.seq).bytes(dep.hash);
  }
  writer.text(header.document).uint(header.kind).uint(header.clock).bytes(header.payloadHash);
  return writer.finish();
}

/** One value has one form, and nothing follows it. */
function readCanonical<T>(bytes: Uint8Array, read: (reader: CborReader) => T): T {
  const reader = new CborReader(bytes);
  try {
    const value = read(reader);
    if (!reader.done) throw bad('something follows it');
    return value;
  } catch (error) {
    if (error instanceof RangeError) throw bad(`it is not in canonical form: ${error.message}`);
    throw error;
  }
}

function readHeader(reader: CborReader): EnvelopeHeader {
  const fields = reader.array();
  const version = reader.uint();
  if (version !== ENVELOPE_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read an envelope of version ${version}`, {
      hint: 'Update sandmesh on this machine.',
    });
  }
  if (fields !== HEADER_FIELDS) throw bad(`its header has ${fields} fields, not ${HEADER_FIELDS}`);
  const sandbox = reader.bytes();
  if (sandbox.length !== SANDBOX_ID_BYTES) throw bad('its sandbox id is not 20 bytes');
  const { member, incarnation } = readChain(reader);
  const seq = readSeq(reader);
  const previous = reader.bytes();
  if (previous.length !== (seq === 1 ? 0 : HASH_BYTES)) throw bad('its previous hash is malformed');
  const control = readControlPosition(reader);
  const deps = readDeps(reader);
  const document = reader.text();
  const kind = reader.uint();
  if (!isKind(kind)) throw bad('its kind is unknown');
  const clock = reader.uint();
  if (kind !== EnvelopeKind.update && clock !== 0) throw bad('its clock is out of range');
  const payloadHash = reader.bytes();
  if (payloadHash.length !== HASH_BYTES) throw bad('its payload hash is not 32 bytes');
  const id = idOfSandbox(sandbox);
  return { sandbox: id, member, incarnation, seq, previous, control, deps, document, kind, clock, payloadHash };
}

/** Of the envelope before: the next is mostly of the same. */
let lastSandbox: { readonly id: SandboxId; readonly bytes: Uint8Array } | undefined;

function idOfSandbox(bytes: Uint8Array): SandboxId {
  if (lastSandbox === undefined || !equalBytes(lastSandbox.bytes, bytes)) {
    lastSandbox = { id: toHex(bytes) as SandboxId, bytes: bytes.slice() };
  }
  return lastSandbox.id;
}

function bytesOfSandbox(id: SandboxId): Uint8Array {
  if (lastSandbox?.id !== id) lastSandbox = { id, bytes: parseHex(id) ?? new Uint8Array(0) };
  return lastSandbox.bytes;
}

function readChain(reader: CborReader): { member: MemberId; incarnation: number } {
  const member = reader.uint();
  if (!isMemberId(member)) throw bad('its member, or that of a dependency, is no member number');
  const incarnation = reader.uint();
  if (incarnation >= 2 ** 32) throw bad('its incarnation, or that of a dependency, is out of range');
  return { member, incarnation };
}

function readSeq(reader: CborReader): number {
  const seq = reader.uint();
  if (seq < 1 || seq >= Number.MAX_SAFE_INTEGER) throw bad('its seq, or that of a dependency, is out of range');
  return seq;
}

function readControlPosition(reader: CborReader): ControlPosition {
  const length = reader.array();
  if (length % 2 !== 1 || length > 1 + 2 * MAX_CONTROL_LOGS) throw bad('its control position is malformed');
  const numbers: number[] = [];
  for (let i = 0; i < length; i++) {
    const number = reader.uint();
    if (number < 1) throw bad('its control position is out of range');
    if (i > 2 && i % 2 === 1 && number <= (numbers[i - 2] as number)) throw bad('its control position is unsorted');
    numbers.push(number);
  }
  return numbers;
}

function readDeps(reader: CborReader): Dep[] {
  const length = reader.array();
  if (length > MAX_DEPS) throw bad('it has too many dependencies');
  const deps: Dep[] = [];
  for (let i = 0; i < length; i++) {
    if (reader.array() !== 4) throw bad('a dependency is malformed');
    const dep = { ...readChain(reader), seq: readSeq(reader), hash: reader.bytes() };
    if (dep.hash.length !== SHORT_HASH_BYTES) throw bad('a dependency has no hash');
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

function isKind(value: number): value is EnvelopeKind {
  return value === EnvelopeKind.update || value === EnvelopeKind.registers || value === EnvelopeKind.declaration;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_ENVELOPE', `Cannot read an envelope: ${why}`);
}
