/**
 * A checkpoint as bytes (protocol/PROTOCOL.md, Checkpoint): the content of every document at a set of heads, and of
 * every chain up to its head what later checks need. A header, the manifest, then one segment per document, so that a
 * document nobody reads costs nothing to open. The same heads give the same manifest everywhere.
 */

import * as cbor from 'cborg';
import { equalBytes, parseHex, plainBytes, toHex } from '#shared/bytes.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { isMemberId, type MemberId, type SandboxId } from '#shared/ids.ts';
import { HASH_BYTES } from './crypto.ts';
import { type ControlPosition, compareChains, SHORT_HASH_BYTES } from './envelope.ts';
import { packNumbers, unpackNumbers } from './packed-numbers.ts';
import { SANDBOX_ID_BYTES } from './sandbox-id.ts';

export const CHECKPOINT_VERSION = 2;
export const CHECKPOINT_HEADER_BYTES = 12;
const MAGIC = 0x534d4350;
const MAX_MANIFEST_BYTES = 512 * 1024 * 1024;

/** A step function over seq: values hold from their seq on; both lists ascend. */
export interface StepList {
  readonly seqs: readonly number[];
  readonly values: readonly number[];
}

/** The envelope of a chain that declared it, the index among the chains of what it had seen, and up to which seq. */
export type SeenInCheckpoint = readonly [at: number, chain: number, seq: number];

/** One chain up to its head. */
export interface CheckpointChain {
  readonly member: MemberId;
  readonly incarnation: number;
  /** Head, at least 1. */
  readonly seq: number;
  /** Of the header at the head. */
  readonly hash: Uint8Array;
  /** {@link SHORT_HASH_BYTES} per envelope. */
  readonly shortHashes: Uint8Array;
  /** One per envelope, ascending. */
  readonly lamports: readonly number[];
  readonly controls: readonly { readonly seq: number; readonly position: ControlPosition }[];
  /** What it declared to have seen, in order. */
  readonly seen: readonly SeenInCheckpoint[];
  /** First clock after each envelope that wrote structs, by document. */
  readonly clocks: readonly (readonly [document: DocumentName, steps: StepList])[];
}

export interface CheckpointDocument {
  readonly name: DocumentName;
  /** SHA-256 of the canonical content. */
  readonly contentHash: Uint8Array;
  /** Of its segment. */
  readonly bytes: number;
}

export interface CheckpointManifest {
  readonly sandbox: SandboxId;
  /** The control logs under which the contents were judged. */
  readonly position: ControlPosition;
  /** Sorted by member, then incarnation. */
  readonly chains: readonly CheckpointChain[];
  /** Sorted by name; segments lie in this order. */
  readonly documents: readonly CheckpointDocument[];
}

/** Header and manifest; the documents' segments follow. */
export function encodeCheckpointStart(manifest: CheckpointManifest): Uint8Array {
  const index = new Map(manifest.documents.map(({ name }, i) => [name, i]));
  const body = cbor.encode([
    CHECKPOINT_VERSION,
    parseHex(manifest.sandbox),
    manifest.position,
    manifest.chains.map((chain) => encodeChain(chain, index)),
    manifest.documents.map(({ name, contentHash, bytes }) => [name, contentHash, bytes]),
  ]);
  const start = new Uint8Array(CHECKPOINT_HEADER_BYTES + body.length);
  const view = new DataView(start.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, CHECKPOINT_VERSION);
  view.setUint32(8, body.length);
  start.set(body, CHECKPOINT_HEADER_BYTES);
  return start;
}

/** @returns bytes of the manifest that follows the header. @throws {SandboxError} BAD_CHECKPOINT, VERSION_UNSUPPORTED */
export function parseCheckpointHeader(header: Uint8Array): number {
  if (header.length < CHECKPOINT_HEADER_BYTES) throw bad('it is too short');
  const view = new DataView(header.buffer, header.byteOffset);
  if (view.getUint32(0) !== MAGIC) throw bad('it does not start with "SMCP"');
  const version = view.getUint32(4);
  if (version !== CHECKPOINT_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read a checkpoint of version ${version}`, {
      hint: 'Update sandmesh on this machine.',
    });
  }
  const length = view.getUint32(8);
  if (length > MAX_MANIFEST_BYTES) throw bad(`its manifest has ${length} bytes`);
  return length;
}

/** Reads an untrusted manifest: form, ranges and order; not whether it is true. @throws {SandboxError} BAD_CHECKPOINT */
export function parseCheckpointManifest(bytes: Uint8Array): CheckpointManifest {
  const fields = decode(bytes);
  const [version, sandbox, position, chains, documents] = fields;
  if (version !== CHECKPOINT_VERSION || fields.length !== 5) throw bad('its manifest has another form');
  if (!(sandbox instanceof Uint8Array) || sandbox.length !== SANDBOX_ID_BYTES) throw bad('its sandbox id is malformed');
  const docs = list(documents, 'documents').map(parseDocument);
  for (const [i, { name }] of docs.entries()) {
    if (i > 0 && name <= (docs[i - 1] as CheckpointDocument).name) throw bad('its documents are unsorted');
  }
  const read = list(chains, 'chains').map((chain) => parseChain(chain, docs));
  for (const [i, chain] of read.entries()) {
    if (i > 0 && compareChains(read[i - 1] as CheckpointChain, chain) >= 0) throw bad('its chains are unsorted');
    checkSeen(chain, i, read);
  }
  return {
    sandbox: toHex(sandbox) as SandboxId,
    position: numbers(position, 'control position'),
    chains: read,
    documents: docs,
  };
}

function encodeChain(chain: CheckpointChain, documents: ReadonlyMap<string, number>): unknown[] {
  return [
    chain.member,
    chain.incarnation,
    chain.seq,
    chain.hash,
    chain.shortHashes,
    packNumbers([chain.lamports]),
    chain.controls.map(({ seq, position }) => [seq, position]),
    packNumbers([chain.seen.map(([at]) => at), chain.seen.map(([, other]) => other), chain.seen.map(([, , to]) => to)]),
    chain.clocks.map(([name, { seqs, values }]) => [documents.get(name) as number, packNumbers([seqs, values])]),
  ];
}

function parseChain(value: unknown, documents: readonly CheckpointDocument[]): CheckpointChain {
  const fields = list(value, 'chain');
  const [member, incarnation, seq, hash, shortHashes, lamports, controls, seen, clocks] = fields;
  if (fields.length !== 9 || !isMemberId(member)) throw bad('a chain is malformed');
  if (!isUint(incarnation) || incarnation >= 2 ** 32 || !isUint(seq) || seq < 1) throw bad('a chain is out of range');
  const shorts = bytesOf(shortHashes, seq * SHORT_HASH_BYTES);
  const head = bytesOf(hash, HASH_BYTES);
  if (!equalBytes(head.subarray(0, SHORT_HASH_BYTES), shorts.subarray(-SHORT_HASH_BYTES))) {
    throw bad('a head is not the last of its chain');
  }
  const [times] = unpack(lamports, 1);
  if (times.length !== seq || !ascends(times) || (times[0] as number) < 1) throw bad('its times do not ascend');
  const [ats, others, seqs] = unpack(seen, 3);
  const steps = list(controls, 'control positions').map((item) => {
    const [at, position] = list(item, 'control position');
    if (!isUint(at) || at < 1 || at > seq) throw bad('a control position is out of range');
    return { seq: at, position: numbers(position, 'control position') };
  });
  if (steps[0]?.seq !== 1 || !ascends(steps.map((step) => step.seq))) throw bad('its control positions are unsorted');
  return {
    member,
    incarnation,
    seq,
    hash: head,
    shortHashes: shorts,
    lamports: times,
    controls: steps,
    seen: ats.map((at, i): SeenInCheckpoint => [at, others[i] as number, seqs[i] as number]),
    clocks: list(clocks, 'clocks').map((item) => parseClocks(item, seq, documents)),
  };
}

/** In order, of others, each time farther, and not farther than they go. */
function checkSeen({ seq: head, seen }: CheckpointChain, index: number, chains: readonly CheckpointChain[]): void {
  const farthest = new Map<number, number>();
  let last = [1, -1];
  for (const [at, other, seq] of seen) {
    const isNext = at > (last[0] as number) || (at === last[0] && other > (last[1] as number));
    if (!isNext || at > head) throw bad('what a chain has seen is out of order');
    if (other === index || seq > (chains[other]?.seq ?? 0) || seq <= (farthest.get(other) ?? 0)) {
      throw bad('a chain has seen what is not there');
    }
    farthest.set(other, seq);
    last = [at, other];
  }
}

function parseClocks(value: unknown, head: number, documents: readonly CheckpointDocument[]): [DocumentName, StepList] {
  const [index, packed] = list(value, 'clocks');
  const name = isUint(index) ? documents[index]?.name : undefined;
  if (name === undefined) throw bad('a chain wrote a document that is not there');
  const [seqs, values] = unpack(packed, 2);
  if (!ascends(seqs) || !ascends(values) || (seqs[0] ?? 0) < 1 || (seqs.at(-1) ?? 0) > head) {
    throw bad('its clocks are out of order');
  }
  return [name, { seqs, values }];
}

function parseDocument(value: unknown): CheckpointDocument {
  const [name, contentHash, bytes] = list(value, 'document');
  if (typeof name !== 'string' || classifyDocument(name) === undefined) throw bad('a document has no proper name');
  if (!isUint(bytes)) throw bad('a document has no size');
  return { name: name as DocumentName, contentHash: bytesOf(contentHash, HASH_BYTES), bytes };
}

function decode(bytes: Uint8Array): unknown[] {
  let value: unknown;
  try {
    value = cbor.decode(plainBytes(bytes), { strict: true, allowIndefinite: false, allowUndefined: false });
  } catch (cause) {
    throw new SandboxError('BAD_CHECKPOINT', 'Cannot read a checkpoint: its manifest is not CBOR', { cause });
  }
  return list(value, 'manifest');
}

type Unpacked = number[][] & { 0: number[]; 1: number[]; 2: number[] };

function unpack(value: unknown, lists: number): Unpacked {
  const unpacked = value instanceof Uint8Array ? unpackNumbers(value, lists) : undefined;
  if (unpacked === undefined) throw bad('a list of numbers is malformed');
  return unpacked as Unpacked;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw bad(`its ${what} is no list`);
  return value as unknown[];
}

function numbers(value: unknown, what: string): number[] {
  const items = list(value, what);
  if (items.length % 2 !== 1 || !items.every((item) => isUint(item) && item >= 1))
    throw bad(`its ${what} is malformed`);
  return items as number[];
}

function bytesOf(value: unknown, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) throw bad(`it lacks ${length} bytes`);
  return value;
}

/** Strictly. */
function ascends(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value > (values[i - 1] as number));
}

function isUint(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_CHECKPOINT', `Cannot read a checkpoint: ${why}`);
}
