/**
 * Checks all that is stored of one sandbox, from the bytes up and without opening it: every record's checksum, every
 * control entry's signature and place, every envelope's form, signature and place in its chain, every blob's hash.
 * Reads only; nothing is repaired here.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { blobName } from '#protocol/blob.ts';
import type { CheckpointChain } from '#protocol/checkpoint.ts';
import { CHECKPOINT_HEADER_BYTES, parseCheckpointHeader, parseCheckpointManifest } from '#protocol/checkpoint.ts';
import { parseControlEntry } from '#protocol/control-entry.ts';
import { ControlLog } from '#protocol/control-log.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { chainKey, type Envelope, parseEnvelope, SHORT_HASH_BYTES, verifyEnvelope } from '#protocol/envelope.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { ChainScan } from '../network/replication/chains/chain-scan.ts';
import { BLOB_FOLDER, LOG_NAME } from '../network/replication/checkpoints/checkpoint-storage.ts';
import { SHARED_FOLDER } from '../network/replication/peers/shared-blobs.ts';
import { BlobStore } from '../storage/blob-store.ts';
import { type LogFile, openLogFile } from '../storage/log-file.ts';
import { checkHeader, HEADER_BYTES, type RawRecord, RecordType, readBody, readRecords } from '../storage/log-format.ts';
import { NodeStorageFolder } from '../storage/storage-folder.ts';
import { readLocalRecord } from './local-record.ts';

/** More than these say nothing new. */
const MAX_PROBLEMS = 100;
/** Others get their turn while a long log is read: an envelope costs 0.1 ms, most of it its signature. */
const TURN_RECORDS = 200;

export interface StorageProblem {
  /** Relative to the sandbox's folder. */
  readonly file: string;
  /** Byte. */
  readonly at: number;
  readonly problem: string;
}

export interface SandboxVerification {
  readonly records: number;
  readonly controlEntries: number;
  readonly envelopes: number;
  readonly chains: number;
  readonly signatures: number;
  readonly blobs: number;
  readonly problems: readonly StorageProblem[];
  /** As far as they hold: who may open this. */
  readonly control: ControlLog;
}

/**
 * @param folder the sandbox's
 * @param options `signal` gives up between two records; `quick` verifies one signature per chain, see `ChainScan`
 */
export async function verifySandbox(
  folder: string,
  sandbox: SandboxId,
  crypto: Crypto,
  options: { signal?: AbortSignal; quick?: boolean } = {},
): Promise<SandboxVerification> {
  const walk = new StorageWalk(folder, sandbox, crypto, options);
  return await walk.run();
}

interface StoredText {
  readonly text: string;
  readonly at: number;
}

/** Where an envelope lies whose predecessor is to be found. */
interface OpenEnd {
  readonly chain: string;
  readonly seq: number;
  readonly previous: string;
  readonly at: number;
}

class StorageWalk {
  readonly #folder: string;
  readonly #sandbox: SandboxId;
  readonly #crypto: Crypto;
  readonly #signal: AbortSignal | undefined;
  readonly #quick: boolean;
  readonly #control: ControlLog;
  readonly #problems: StorageProblem[] = [];
  /** Device keys ever granted, by member number: a forked log may have given a number twice. */
  readonly #keys = new Map<number, Uint8Array[]>();
  /** `chain seq` → hashes of the envelopes there, several at a fork. */
  readonly #hashes = new Map<string, string[]>();
  readonly #chains = new Set<string>();
  readonly #ends: OpenEnd[] = [];
  readonly #base = new Map<string, CheckpointChain>();
  #records = 0;
  #controlEntries = 0;
  #envelopes = 0;
  #signatures = 0;
  #blobs = 0;

  constructor(
    folder: string,
    sandbox: SandboxId,
    crypto: Crypto,
    { signal, quick = false }: { signal?: AbortSignal; quick?: boolean },
  ) {
    this.#folder = folder;
    this.#sandbox = sandbox;
    this.#crypto = crypto;
    this.#signal = signal;
    this.#quick = quick;
    this.#control = new ControlLog(sandbox, crypto);
  }

  async run(): Promise<SandboxVerification> {
    this.#checkLocalRecord();
    const blobs = this.#checkBlobs(BLOB_FOLDER);
    this.#checkBlobs(SHARED_FOLDER);
    if (existsSync(join(this.#folder, LOG_NAME))) await this.#checkLog(blobs);
    else this.#say(LOG_NAME, 0, 'the log is missing');
    for (const end of this.#ends) this.#checkLink(end);
    return {
      records: this.#records,
      controlEntries: this.#controlEntries,
      envelopes: this.#envelopes,
      chains: this.#chains.size,
      signatures: this.#signatures,
      blobs: this.#blobs,
      problems: this.#problems,
      control: this.#control,
    };
  }

  #checkLocalRecord(): void {
    try {
      readLocalRecord(this.#folder);
    } catch (error) {
      this.#say('local.json', 0, SandboxError.from(error).message);
    }
  }

  /** @returns names of the whole ones */
  #checkBlobs(room: string): ReadonlySet<string> {
    const folder = new NodeStorageFolder(() => join(this.#folder, room));
    const store = new BlobStore(folder, this.#crypto);
    const whole = new Set<string>();
    for (const name of folder.list().filter((each) => /^[0-9a-f]{64}$/.test(each))) {
      this.#blobs += 1;
      const blob = store.open(name);
      if (blob === undefined) continue;
      try {
        if (toHex(blobName(store.outlineOf(blob), this.#crypto)) !== name) {
          this.#say(`${room}/${name}`, 0, 'its content is not what its name is the hash of');
          continue;
        }
        whole.add(name);
      } finally {
        blob.close();
      }
    }
    return whole;
  }

  async #checkLog(blobs: ReadonlySet<string>): Promise<void> {
    const file = openLogFile(join(this.#folder, LOG_NAME));
    try {
      checkHeader(file.read(0, HEADER_BYTES));
      const onDamage = ({ from, to }: { from: number; to: number }): void =>
        this.#say(LOG_NAME, from, `${to - from} bytes are no record: their checksum does not hold`);
      const texts: StoredText[] = [];
      const end = await this.#each(readRecords(file, HEADER_BYTES, onDamage), ({ type, at, body }) => {
        this.#records += 1;
        if (type === RecordType.control) texts.push({ text: new TextDecoder().decode(body), at });
        else if (type === RecordType.checkpoint) this.#checkBase(toHex(body), at, blobs);
        else if (type !== RecordType.envelope) this.#say(LOG_NAME, at, `a record of the unknown type ${type}`);
      });
      if (end < file.size) this.#say(LOG_NAME, end, `the last ${file.size - end} bytes are no whole record`);
      await this.#checkControl(texts);
      if (this.#controlEntries === 0)
        this.#say(LOG_NAME, 0, 'it tells of nobody who is in this sandbox: it was emptied');
      if (this.#quick) return await this.#scan(file);
      await this.#each(readRecords(file, HEADER_BYTES), ({ type, at, body }) => {
        if (type === RecordType.envelope) this.#checkEnvelope(body, at);
      });
    } catch (error) {
      if (!(error instanceof SandboxError) || error.code === 'CANCELLED') throw error;
      this.#say(LOG_NAME, 0, error.message);
    } finally {
      file.close();
    }
  }

  async #each(records: Generator<RawRecord, number>, visit: (record: RawRecord) => void): Promise<number> {
    let next = records.next();
    for (let count = 1; next.done !== true; count++, next = records.next()) {
      visit(next.value);
      if (count % TURN_RECORDS !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      this.#signal?.throwIfAborted();
    }
    return next.value;
  }

  /** In rounds: after damage an entry may lie before what it follows. */
  async #checkControl(texts: readonly StoredText[]): Promise<void> {
    let waiting = [...texts];
    let why = '';
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      const left: StoredText[] = [];
      for (const stored of waiting) {
        try {
          await this.#control.append(stored.text);
          this.#controlEntries += 1;
          this.#signatures += 1;
          this.#noteKeys(stored.text);
        } catch (error) {
          why = SandboxError.from(error).message;
          left.push(stored);
        }
      }
      waiting = left;
    }
    for (const { at } of waiting) this.#say(LOG_NAME, at, `a control entry does not hold: ${why}`);
  }

  #noteKeys(text: string): void {
    const entry = parseControlEntry(text);
    const granted =
      entry.type === 'genesis'
        ? ([1, entry.device.key] as const)
        : entry.type === 'grant'
          ? ([entry.member, entry.key] as const)
          : undefined;
    if (granted === undefined) return;
    const [member, hex] = granted;
    const key = parseHex(hex);
    if (key !== undefined) this.#keys.set(member, [...(this.#keys.get(member) ?? []), key]);
  }

  #checkBase(name: string, at: number, blobs: ReadonlySet<string>): void {
    if (!blobs.has(name)) {
      return this.#say(LOG_NAME, at, `it stands on checkpoint ${name.slice(0, 8)}, which is not here whole`);
    }
    const blob = new BlobStore(new NodeStorageFolder(() => join(this.#folder, BLOB_FOLDER)), this.#crypto).open(name);
    if (blob === undefined) return;
    try {
      const length = parseCheckpointHeader(blob.read(0, CHECKPOINT_HEADER_BYTES));
      const { chains } = parseCheckpointManifest(blob.read(CHECKPOINT_HEADER_BYTES, length));
      for (const chain of chains) this.#base.set(chainKey(chain.member, chain.incarnation), chain);
    } catch (error) {
      this.#say(`${BLOB_FOLDER}/${name}`, 0, SandboxError.from(error).message);
    } finally {
      blob.close();
    }
  }

  async #scan(file: LogFile): Promise<void> {
    const crypto = this.#crypto;
    const scan = new ChainScan({ crypto, sandbox: this.#sandbox, keysOf: (member) => this.#keys.get(member) ?? [] });
    for (const chain of this.#base.values()) scan.begin(chain);
    await this.#each(readRecords(file, HEADER_BYTES), ({ type, at, body }) => {
      if (type === RecordType.envelope) scan.add(at, body);
    });
    const { envelopes, chains, signatures, problems } = scan.finish((at) => readBody(file, at) ?? new Uint8Array(0));
    this.#envelopes = envelopes;
    this.#signatures += signatures;
    for (const chain of chains) this.#chains.add(chain);
    for (const { position, problem } of problems) this.#say(LOG_NAME, position, problem);
  }

  #checkEnvelope(body: Uint8Array, at: number): void {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(body, this.#crypto);
    } catch (error) {
      return this.#say(LOG_NAME, at, SandboxError.from(error).message);
    }
    this.#envelopes += 1;
    const { sandbox, member, incarnation, seq, previous } = envelope.header;
    const chain = chainKey(member, incarnation);
    this.#chains.add(chain);
    const place = `${chain} ${seq}`;
    this.#hashes.set(place, [...(this.#hashes.get(place) ?? []), toHex(envelope.hash)]);
    if (seq > 1) this.#ends.push({ chain, seq, previous: toHex(previous), at });
    const name = `envelope ${seq} of chain ${chain}`;
    if (sandbox !== this.#sandbox) return this.#say(LOG_NAME, at, `${name} belongs to sandbox ${sandbox}`);
    const keys = this.#keys.get(member) ?? [];
    if (keys.length === 0) return this.#say(LOG_NAME, at, `${name} is by nobody whom the control log admits`);
    this.#signatures += 1;
    if (!keys.some((key) => verifyEnvelope(envelope, key, this.#crypto))) {
      this.#say(LOG_NAME, at, `${name} has a signature that does not verify`);
    }
  }

  /** What an envelope follows lies in the log, or under the checkpoint. */
  #checkLink({ chain, seq, previous, at }: OpenEnd): void {
    if (this.#hashes.get(`${chain} ${seq - 1}`)?.includes(previous) === true) return;
    const base = this.#base.get(chain);
    const short = base?.shortHashes.subarray((seq - 2) * SHORT_HASH_BYTES, (seq - 1) * SHORT_HASH_BYTES);
    if (short?.length === SHORT_HASH_BYTES && previous.startsWith(toHex(short))) return;
    this.#say(LOG_NAME, at, `envelope ${seq} of chain ${chain} follows one that is not here`);
  }

  #say(file: string, at: number, problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ file, at, problem });
  }
}
