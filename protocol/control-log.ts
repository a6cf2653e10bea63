/**
 * The owner's control log: an append-only, hash-chained list of signed entries, checked one by one and folded into a
 * {@link ControlState}. It holds the texts, so that they can be handed on byte for byte.
 */

import { parseHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import {
  type ControlEntry,
  type ControlEntryBody,
  type ControlSigner,
  hashControlEntry,
  parseControlEntry,
  verifyControlEntry,
} from './control-entry.ts';
import { ControlState } from './control-state.ts';
import type { Crypto } from './crypto.ts';
import { isSafePublicKey } from './ed25519-key.ts';
import { deriveSandboxId } from './sandbox-id.ts';

export interface ControlHead {
  readonly seq: number;
  /** Of the entry at `seq`; base64url. */
  readonly hash: string;
}

export class ControlLog {
  readonly sandbox: SandboxId;
  readonly #crypto: Crypto;
  readonly #entries: string[] = [];
  readonly #hashes: string[] = [];
  readonly #state: ControlState;

  /** An empty log: the first entry appended must be the genesis that `sandbox` is derived from. */
  constructor(sandbox: SandboxId, crypto: Crypto, options: { checkKeys?: boolean } = {}) {
    this.sandbox = sandbox;
    this.#crypto = crypto;
    this.#state = new ControlState(options);
  }

  get state(): ControlState {
    return this.#state;
  }
  get seq(): number {
    return this.#entries.length;
  }
  get head(): ControlHead {
    return { seq: this.seq, hash: this.hashAt(this.seq) };
  }

  /** Empty text for 0 and for a seq not yet reached. */
  hashAt(seq: number): string {
    return this.#hashes[seq - 1] ?? '';
  }

  /** Compact JWS texts with `from <= seq <= to`. */
  entries(from = 1, to = this.seq): readonly string[] {
    return this.#entries.slice(from - 1, to);
  }

  /**
   * Checks the next entry (chain, sandbox, signature, meaning) and folds it.
   *
   * @param options `trusted`: read back from our own disk, where it got only after these checks; skips the signature
   * @throws {SandboxError} BAD_CONTROL_ENTRY; the log is unchanged then
   */
  async append(compact: string, options: { trusted?: boolean } = {}): Promise<ControlEntry> {
    const entry = this.#parseNext(compact);
    if (options.trusted !== true) await verifyControlEntry(compact, this.#signerOf(entry));
    // Another append may have won while the signature was checked.
    if (entry.seq !== this.seq + 1 || entry.previous !== this.hashAt(this.seq)) throw outOfPlace(entry, this.head);
    this.#state.apply(entry);
    this.#entries.push(compact);
    this.#hashes.push(hashControlEntry(compact, (bytes) => this.#crypto.sha256(bytes)));
    return entry;
  }

  /** Signs what follows the head. The result must be appended before the next is signed. */
  async sign(body: ControlEntryBody, signer: ControlSigner, now: number): Promise<string> {
    const head = this.head;
    return await signer.sign({
      v: 1,
      sandbox: this.sandbox,
      log: 0,
      seq: head.seq + 1,
      previous: head.hash,
      at: now,
      ...body,
    } as ControlEntry);
  }

  #parseNext(compact: string): ControlEntry {
    const entry = parseControlEntry(compact);
    if (entry.sandbox !== this.sandbox) throw refuse(entry, `it belongs to sandbox ${entry.sandbox}`);
    if (entry.log !== 0) throw refuse(entry, `it belongs to log ${entry.log}`);
    if (entry.seq !== this.seq + 1 || entry.previous !== this.hashAt(this.seq)) throw outOfPlace(entry, this.head);
    return entry;
  }

  #signerOf(entry: ControlEntry): Uint8Array {
    if (entry.type !== 'genesis') return this.#state.ownerKey;
    const ownerKey = parseHex(entry.ownerKey) as Uint8Array;
    const founding = {
      ownerKey,
      nonce: parseHex(entry.nonce) as Uint8Array,
      recoveryHash: parseHex(entry.recoveryHash) as Uint8Array,
    };
    if (deriveSandboxId(founding, this.#crypto) !== this.sandbox) throw refuse(entry, 'the sandbox id is not its hash');
    if (!isSafePublicKey(ownerKey)) throw refuse(entry, 'the owner key is no safe Ed25519 key');
    return ownerKey;
  }
}

function outOfPlace(entry: ControlEntry, head: ControlHead): SandboxError {
  return refuse(entry, `it does not follow entry ${head.seq}`);
}

function refuse(entry: ControlEntry, why: string): SandboxError {
  return new SandboxError('BAD_CONTROL_ENTRY', `Cannot accept control entry ${entry.seq} ("${entry.type}"): ${why}`);
}
