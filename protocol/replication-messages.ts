/**
 * What replication says over one link (protocol/PROTOCOL.md, Replication messages): a type byte, a flag byte, a body.
 * Bodies are CBOR, but for envelopes, which are plain length-prefixed bytes. Compression is the caller's: this file
 * only carries its flag.
 */

import * as cbor from 'cborg';
import { parseHex, plainBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { isMemberId, type MemberId, type SandboxId } from '#shared/ids.ts';
import { type BlobMessage, blobMessageFields, parseBlobMessage } from './blob-messages.ts';
import { CborReader } from './canonical-cbor.ts';
import type { LogTips } from './control-log.ts';
import { MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, SHORT_HASH_BYTES } from './envelope.ts';

export const REPLICATION_VERSION = 1;
/** Of one message, decompressed. */
export const MAX_MESSAGE_BYTES = 3 * 1024 * 1024;
export const MAX_HEADS = 50_000;
/** Places of one chain named in a pull. */
export const MAX_HAVE = 64;
/** The owner's and every delegate's. */
const MAX_LOGS = 257;
/** Branches told of one log: with two it is known to be forked, and what is sent for them shows the others. */
const MAX_TIPS = 64;
const MAX_ENVELOPE_BYTES = MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + 128;
/** What the flag byte says of the body. */
const FORMATS: readonly (CompressionFormat | undefined)[] = [undefined, 'deflate', 'brotli'];

const MessageType = {
  hello: 1,
  needControl: 2,
  control: 3,
  heads: 4,
  pull: 5,
  envelopes: 6,
  wantBlob: 7,
  blobOutline: 8,
  blobChunk: 9,
  pruned: 10,
  served: 11,
} as const;

/** Head of one chain, or of one line of a chain that forked; `hash` is the short hash of the header at `seq`. */
export interface Head {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** Everything of one chain up to an envelope, after the latest that both have. */
export interface Want extends Head {
  /** Envelopes of the chain that the asker has, of every line it knows; at most {@link MAX_HAVE}. */
  readonly have: readonly { readonly seq: number; readonly hash: Uint8Array }[];
}

export type ReplicationMessage =
  /** To a key that is an active member by the sender's control logs. */
  | { readonly type: 'hello'; readonly sandbox: SandboxId; readonly logs: readonly LogTips[] }
  /** "Show me control entries beyond these." The only thing ever said to a key that is no member. */
  | { readonly type: 'needControl'; readonly sandbox: SandboxId; readonly logs: readonly LogTips[] }
  /** Each after what it follows, the owner's before those that stand on them. */
  | { readonly type: 'control'; readonly entries: readonly string[] }
  /** All heads when `full`, else those that changed. */
  | { readonly type: 'heads'; readonly full: boolean; readonly heads: readonly Head[] }
  | { readonly type: 'pull'; readonly wants: readonly Want[] }
  | { readonly type: 'envelopes'; readonly envelopes: readonly Uint8Array[] }
  /** A pull has been answered, as far as one answer goes. */
  | { readonly type: 'served' }
  | BlobMessage;

/** Raw deflate for what is live, brotli for what lasts. */
export type CompressionFormat = 'deflate' | 'brotli';
/** Compresses a body, or says it is not worth it. */
export type Compress = (body: Uint8Array, format: CompressionFormat) => Uint8Array | undefined;
/** Decompresses up to `maxBytes`; throws on anything else. */
export type Decompress = (body: Uint8Array, format: CompressionFormat, maxBytes: number) => Uint8Array;

export function encodeReplicationMessage(message: ReplicationMessage, compress: Compress): Uint8Array {
  const body = encodeBody(message);
  const format = message.type === 'blobChunk' ? 'brotli' : 'deflate';
  const small = compress(body, format);
  const chosen = small ?? body;
  const bytes = new Uint8Array(2 + chosen.length);
  bytes[0] = MessageType[message.type];
  bytes[1] = FORMATS.indexOf(small === undefined ? undefined : format);
  bytes.set(chosen, 2);
  return bytes;
}

/** Reads an untrusted message. @throws {SandboxError} BAD_FRAME */
export function decodeReplicationMessage(bytes: Uint8Array, decompress: Decompress): ReplicationMessage {
  if (bytes.length < 2 || bytes.length > MAX_MESSAGE_BYTES) throw bad(`it has ${bytes.length} bytes`);
  const flags = bytes[1] as number;
  if (flags >= FORMATS.length) throw bad(`its flags are ${flags}`);
  const format = FORMATS[flags];
  let body = plainBytes(bytes).subarray(2);
  if (format !== undefined) {
    try {
      body = decompress(body, format, MAX_MESSAGE_BYTES);
    } catch (cause) {
      throw new SandboxError('BAD_FRAME', 'Cannot read a replication message: it does not decompress', { cause });
    }
  }
  switch (bytes[0]) {
    case MessageType.hello:
      return parseOpening('hello', decodeCbor(body));
    case MessageType.needControl:
      return parseOpening('needControl', decodeCbor(body));
    case MessageType.control:
      return parseControl(decodeCbor(body));
    case MessageType.heads:
      return parseHeads(decodeCbor(body));
    case MessageType.pull:
      return parsePull(decodeCbor(body));
    case MessageType.envelopes:
      return { type: 'envelopes', envelopes: splitEnvelopes(body) };
    case MessageType.served:
      if (body.length > 0) throw bad('its body is not empty');
      return { type: 'served' };
    case MessageType.wantBlob:
      return parseBlobMessage('wantBlob', decodeCbor(body));
    case MessageType.blobOutline:
      return parseBlobMessage('blobOutline', decodeCbor(body));
    case MessageType.blobChunk:
      return readChunk(body);
    case MessageType.pruned:
      return parseBlobMessage('pruned', decodeCbor(body));
    default:
      throw bad(`its type is ${bytes[0]}`);
  }
}

function encodeBody(message: ReplicationMessage): Uint8Array {
  switch (message.type) {
    case 'hello':
    case 'needControl':
      return cbor.encode([REPLICATION_VERSION, parseHex(message.sandbox), message.logs.map(encodeTips)]);
    case 'control':
      return cbor.encode(message.entries);
    case 'heads':
      return cbor.encode([message.full, message.heads.map(encodeHead)]);
    case 'pull':
      return cbor.encode(message.wants.map((want) => [...encodeHead(want), want.have.flatMap((h) => [h.seq, h.hash])]));
    case 'envelopes':
      return joinEnvelopes(message.envelopes);
    case 'served':
      return new Uint8Array(0);
    default:
      return cbor.encode(blobMessageFields(message));
  }
}

function encodeHead({ member, incarnation, seq, hash }: Head): unknown[] {
  return [member, incarnation, seq, hash];
}

function joinEnvelopes(envelopes: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const envelope of envelopes) length += 4 + envelope.length;
  const body = new Uint8Array(length);
  const view = new DataView(body.buffer);
  let at = 0;
  for (const envelope of envelopes) {
    view.setUint32(at, envelope.length);
    body.set(envelope, at + 4);
    at += 4 + envelope.length;
  }
  return body;
}

function splitEnvelopes(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const envelopes: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    if (at + 4 > body.length) throw bad('it ends inside a length');
    const length = view.getUint32(at);
    if (length > MAX_ENVELOPE_BYTES || at + 4 + length > body.length) throw bad(`an envelope has ${length} bytes`);
    envelopes.push(body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return envelopes;
}

function decodeCbor(body: Uint8Array): unknown[] {
  let value: unknown;
  try {
    value = cbor.decode(body, { strict: true, allowIndefinite: false, allowUndefined: false, allowBigInt: false });
  } catch (cause) {
    throw new SandboxError('BAD_FRAME', 'Cannot read a replication message: it is not CBOR', { cause });
  }
  if (!Array.isArray(value)) throw bad('it is no array');
  return value as unknown[];
}

/** The chunk is a view: a copy of each would be one of the whole blob. */
function readChunk(body: Uint8Array): ReplicationMessage {
  const reader = new CborReader(plainBytes(body));
  let fields: unknown[];
  try {
    if (reader.array() !== 3) throw bad('it is no chunk');
    fields = [reader.bytes(), reader.uint(), reader.bytes()];
  } catch (cause) {
    throw new SandboxError('BAD_FRAME', 'Cannot read a replication message: its chunk is malformed', { cause });
  }
  if (!reader.done) throw bad('something follows its chunk');
  return parseBlobMessage('blobChunk', fields);
}

function encodeTips({ log, tips }: LogTips): unknown[] {
  return [log, ...tips.slice(0, MAX_TIPS).flatMap(({ seq, hash }) => [seq, hash])];
}

function parseOpening(type: 'hello' | 'needControl', fields: unknown[]): ReplicationMessage {
  const [version, sandbox, logs] = fields;
  if (version !== REPLICATION_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot replicate with a peer of version ${String(version)}`, {
      hint: 'Update the older sandmesh of the two.',
    });
  }
  if (!(sandbox instanceof Uint8Array) || sandbox.length !== 20) throw bad('its opening is malformed');
  if (!Array.isArray(logs) || logs.length > MAX_LOGS) throw bad('its control logs are malformed');
  return { type, sandbox: toHex(sandbox) as SandboxId, logs: (logs as unknown[]).map(parseTips) };
}

function parseTips(item: unknown): LogTips {
  if (!Array.isArray(item) || item.length % 2 !== 1 || item.length > 1 + 2 * MAX_TIPS) throw bad('a log is malformed');
  const [log, ...rest] = item as unknown[];
  if (!isUint(log)) throw bad('a log has no number');
  const tips: LogTips['tips'][number][] = [];
  for (let i = 0; i < rest.length; i += 2) {
    const [seq, hash] = rest.slice(i, i + 2);
    if (!isUint(seq) || seq < 1 || typeof hash !== 'string' || hash.length > 64) throw bad('a head is malformed');
    tips.push({ seq, hash });
  }
  return { log, tips };
}

function parseControl(entries: unknown[]): ReplicationMessage {
  for (const entry of entries) if (typeof entry !== 'string') throw bad('a control entry is no text');
  return { type: 'control', entries: entries as string[] };
}

function parseHeads(fields: unknown[]): ReplicationMessage {
  const [full, list] = fields;
  if (typeof full !== 'boolean' || !Array.isArray(list) || list.length > MAX_HEADS)
    throw bad('its heads are malformed');
  return { type: 'heads', full, heads: (list as unknown[]).map((item) => parseHead(item, 4)) };
}

function parsePull(fields: unknown[]): ReplicationMessage {
  if (fields.length > MAX_HEADS) throw bad('it pulls too much');
  const wants = fields.map((item): Want => {
    const head = parseHead(item, 5);
    const list = (item as unknown[])[4];
    if (!Array.isArray(list) || list.length % 2 !== 0 || list.length > 2 * MAX_HAVE) throw bad('a pull is malformed');
    const have: Want['have'][number][] = [];
    for (let i = 0; i < list.length; i += 2) have.push(parsePlace(list[i], list[i + 1]));
    return { ...head, have };
  });
  return { type: 'pull', wants };
}

function parseHead(item: unknown, length: number): Head {
  if (!Array.isArray(item) || item.length !== length) throw bad('a chain is malformed');
  const [member, incarnation, seq, hash] = item as unknown[];
  if (!isMemberId(member) || !isUint(incarnation) || incarnation >= 2 ** 32) throw bad('a chain is out of range');
  return { member, incarnation, ...parsePlace(seq, hash) };
}

function parsePlace(seq: unknown, hash: unknown): { seq: number; hash: Uint8Array } {
  if (!isUint(seq) || seq < 1) throw bad('a head is out of range');
  if (!(hash instanceof Uint8Array) || hash.length !== SHORT_HASH_BYTES) throw bad('a head has no hash');
  return { seq, hash };
}

function isUint(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_FRAME', `Cannot read a replication message: ${why}`);
}
