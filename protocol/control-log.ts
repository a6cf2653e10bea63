/**
 * The control logs of a sandbox: the owner's and one per delegate, each an append-only, hash-chained list of signed
 * entries. Entries are checked one by one and folded into a {@link ControlState}; their texts are kept, so that they
 * can be handed on byte for byte.
 *
 * Two valid entries in one slot stop that log at the entry before, for everybody who has seen both. Both are kept and
 * passed on; of the owner's log the recovery key names the branch that goes on.
 */

import { parseHex } from '#shared/bytes.ts';
import type { SandboxId } from '#shared/ids.ts';
import { DelegateLog } from './control-delegate-log.ts';
import {
  type ControlEntry,
  type ControlEntryBody,
  type ControlSigner,
  hashControlEntry,
  parseControlEntry,
  verifyControlEntry,
} from './control-entry.ts';
import { RememberedKeys, unacceptable } from './control-fold.ts';
import { OwnerLog } from './control-owner-log.ts';
import { OWNER_LOG, seqIn } from './control-position.ts';
import { ControlState } from './control-state.ts';
import type { ControlNode, ControlTree } from './control-tree.ts';
import type { Crypto } from './crypto.ts';
import type { ControlPosition } from './envelope.ts';

/** Entries off the paths that count, in all logs: evidence, and branches that may be named yet. */
const MAX_SPARE_ENTRIES = 2000;

export interface ControlHead {
  readonly seq: number;
  /** Of the entry at `seq`; base64url, empty for seq 0. */
  readonly hash: string;
}

/** What one side knows of a log: the last entry of every branch. One, unless it forked. */
export interface LogTips {
  readonly log: number;
  readonly tips: readonly ControlHead[];
}

/** An entry as it travels. */
export interface ControlText {
  readonly log: number;
  readonly compact: string;
  readonly hash: string;
}

export class ControlLog {
  readonly sandbox: SandboxId;
  readonly #crypto: Crypto;
  readonly #keys = new RememberedKeys();
  readonly #owner: OwnerLog;
  readonly #delegates = new Map<number, DelegateLog>();
  #state: ControlState | undefined;

  /** An empty log: the first entry appended must be the genesis that `sandbox` is derived from. */
  constructor(sandbox: SandboxId, crypto: Crypto) {
    this.sandbox = sandbox;
    this.#crypto = crypto;
    this.#owner = new OwnerLog(sandbox, crypto, this.#keys.check);
  }

  /** A snapshot: another one once an entry was appended. */
  get state(): ControlState {
    if (this.#state === undefined) {
      const delegates = [...this.#delegates.values()];
      const forks = [this.#owner, ...delegates].map(({ fork }) => fork).filter((fork) => fork !== undefined);
      const { fold: owner, contested, astray } = this.#owner;
      const folds = delegates.map(({ fold }) => fold);
      const elsewhere = this.#elsewhere;
      const heights = this.#heights;
      this.#state = new ControlState({ owner, delegates: folds, forks, contested, elsewhere, heights, astray });
    }
    return this.#state;
  }
  /** Of the owner's log, as far as it has effect. */
  get seq(): number {
    return this.#owner.path.length;
  }
  get head(): ControlHead {
    return this.headOf(OWNER_LOG);
  }

  /** The last entry of a log that has effect. */
  headOf(log: number): ControlHead {
    const node = this.#log(log)?.path.at(-1);
    return node === undefined ? { seq: 0, hash: '' } : { seq: node.entry.seq, hash: node.hash };
  }

  /** Whether there are entries without effect: of forks, settled or not. */
  get hasSpare(): boolean {
    return this.#spare() > 0;
  }

  /** Whether this very entry is here, on whatever branch. */
  has(hash: string): boolean {
    return this.#node(hash) !== undefined;
  }

  /** Whether the owner tells of this checkpoint, on whatever branch. */
  tellsOf(blob: string): boolean {
    for (const { entry } of this.#owner.tree.walk())
      if (entry.type === 'checkpoint' && entry.blob === blob) return true;
    return false;
  }

  /** Device keys, in hex, that entries without effect admit, by the number they give. */
  get #elsewhere(): ReadonlyMap<number, readonly string[]> {
    const keys = new Map<number, string[]>();
    if (!this.hasSpare) return keys;
    const counting = new Set([this.#owner, ...this.#delegates.values()].flatMap(({ path }) => path));
    for (const node of this.#nodes()) {
      const { entry } = node;
      if (entry.type === 'grant' && !counting.has(node)) {
        keys.set(entry.member, [...(keys.get(entry.member) ?? []), entry.key].sort());
      }
    }
    return keys;
  }

  /** Highest seq of every delegate's log on any branch. */
  get #heights(): ReadonlyMap<number, number> {
    return new Map([...this.#delegates].map(([log, { tree }]) => [log, tree.highest]));
  }

  hashOf(compact: string): string {
    return hashControlEntry(compact, (bytes) => this.#crypto.sha256(bytes));
  }

  /** Every entry here, in an order in which they can be appended: the owner's log first, evidence included. */
  entries(): readonly string[] {
    return [...this.#nodes()].map((node) => node.compact);
  }

  /** The last entry of every branch of every log, the owner's log first. */
  tips(): LogTips[] {
    return this.#trees().map((tree) => ({
      log: tree.log,
      tips: tree.tips().map(({ entry, hash }) => ({ seq: entry.seq, hash })),
    }));
  }

  /** Highest seq of a log on any branch here. */
  highest(log: number): number {
    return this.#log(log)?.tree.highest ?? 0;
  }

  /** The last entry of the longest branch through this one; of two equally long ones the one of the smaller hash. */
  tipBeyond(hash: string): ControlHead | undefined {
    const start = this.#node(hash);
    if (start === undefined) return undefined;
    const open = [start];
    let best = start;
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const longer = node.entry.seq - best.entry.seq;
      if (longer > 0 || (longer === 0 && node.hash < best.hash)) best = node;
      open.push(...node.children);
    }
    return { seq: best.entry.seq, hash: best.hash };
  }

  /** From an entry here back to its log's first, as far as `known` does not hold. */
  *ancestry(hash: string, known: (hash: string) => boolean): Iterable<string> {
    for (let at = this.#node(hash); at !== undefined && !known(at.hash); at = at.parent) yield at.hash;
  }

  /** The entries from one on up to another above it, oldest first; none where they are not here. */
  entriesBetween(from: string, to: string): ControlEntry[] {
    const entries: ControlEntry[] = [];
    for (let at = this.#node(to); at !== undefined; at = at.parent) {
      entries.unshift(at.entry);
      if (at.hash === from) return entries;
    }
    return [];
  }

  /** Entries that `known` does not hold, in an order in which they can be appended. @param upTo leaves out the rest */
  *entriesBeyond(known: (hash: string) => boolean, upTo?: ControlPosition): Iterable<ControlText> {
    for (const { compact, hash, entry } of this.#nodes()) {
      if (known(hash) || (upTo !== undefined && entry.seq > seqIn(upTo, entry.log))) continue;
      yield { compact, hash, log: entry.log };
    }
  }

  /**
   * Checks an entry (chain, sandbox, signature, meaning) and folds it. One that is here already changes nothing.
   *
   * @param options `trusted`: read back from our own disk, where it got only after these checks
   * @throws {SandboxError} BAD_CONTROL_ENTRY; the log is unchanged then
   */
  async append(compact: string, options: { trusted?: boolean } = {}): Promise<ControlEntry> {
    const hash = this.hashOf(compact);
    const known = this.#node(hash);
    if (known !== undefined) return known.entry;
    const trusted = options.trusted === true;
    const entry = parseControlEntry(compact);
    if (entry.sandbox !== this.sandbox) throw unacceptable(entry, `it belongs to sandbox ${entry.sandbox}`);
    const signer = await this.#verify(entry, compact, trusted);
    // Looked up only now: while the signature was verified another append may have changed what it follows.
    const node = { entry, compact, hash, parent: this.#parentOf(entry), signer, children: [] };
    this.#keys.trusting(trusted, () =>
      entry.log === OWNER_LOG ? this.#appendOwner(node) : this.#appendDelegate(node),
    );
    this.#state = undefined;
    return entry;
  }

  /**
   * Signs what follows the head of a log. The result must be appended before the next is signed.
   *
   * @param options `log`: the owner's by default; `after`: the entry to follow, when a rotation names a branch
   */
  async sign(
    body: ControlEntryBody,
    signer: ControlSigner,
    now: number,
    options: { log?: number; after?: ControlHead } = {},
  ): Promise<string> {
    const log = options.log ?? OWNER_LOG;
    const head = options.after ?? this.headOf(log);
    return await signer.sign({
      v: 1,
      sandbox: this.sandbox,
      log,
      ...(log === OWNER_LOG ? {} : { owner: this.seq }),
      seq: head.seq + 1,
      previous: head.hash,
      at: now,
      ...body,
    } as ControlEntry);
  }

  #log(log: number): OwnerLog | DelegateLog | undefined {
    return log === OWNER_LOG ? this.#owner : this.#delegates.get(log);
  }

  #trees(): ControlTree[] {
    return [this.#owner.tree, ...[...this.#delegates.values()].map(({ tree }) => tree)];
  }

  *#nodes(): Iterable<ControlNode> {
    for (const tree of this.#trees()) yield* tree.walk();
  }

  #node(hash: string): ControlNode | undefined {
    for (const tree of this.#trees()) {
      const node = tree.get(hash);
      if (node !== undefined) return node;
    }
    return undefined;
  }

  /** @throws {SandboxError} BAD_CONTROL_ENTRY when what it follows is not here, or no more may follow that */
  #parentOf(entry: ControlEntry): ControlNode | undefined {
    const tree = this.#log(entry.log)?.tree;
    const parent = tree?.get(entry.previous);
    if ((parent?.entry.seq ?? 0) !== entry.seq - 1 || (entry.seq === 1) !== (entry.previous === '')) {
      throw unacceptable(entry, 'what it follows is not here');
    }
    if (tree === undefined) return parent;
    const beside = tree.after(parent).length > 0;
    if (!tree.hasRoom(parent, entry) || (beside && this.#spare() >= MAX_SPARE_ENTRIES)) {
      throw unacceptable(entry, 'its slot holds more than enough entries already');
    }
    return parent;
  }

  #spare(): number {
    const logs = [this.#owner, ...this.#delegates.values()];
    return logs.reduce((sum, { tree, path }) => sum + tree.size - path.length, 0);
  }

  /** @returns the key that signed it, hex; undefined where it was looked at before it was stored */
  async #verify(entry: ControlEntry, compact: string, trusted: boolean): Promise<string | undefined> {
    const parent = this.#parentOf(entry);
    const own = entry.log === OWNER_LOG;
    const keys = this.#keys.trusting(trusted, () =>
      own ? [this.#owner.signerOf(entry, parent)] : this.#owner.delegateKeys(entry.log),
    );
    if (trusted && keys.length === 1) return undefined;
    for (const [i, key] of keys.entries()) {
      try {
        await verifyControlEntry(compact, parseHex(key) as Uint8Array);
        return key;
      } catch (error) {
        // Branches of a forked log may have given a delegate several keys.
        if (i === keys.length - 1) throw error;
      }
    }
    throw unacceptable(entry, `no delegate keeps log ${entry.log}`);
  }

  #appendOwner(node: ControlNode): void {
    const grew = this.#owner.append(node);
    for (const log of this.#delegates.values()) {
      if (grew) log.advance();
      else log.refold();
    }
  }

  #appendDelegate(node: ControlNode): void {
    const { log: number } = node.entry;
    const log = this.#delegates.get(number) ?? new DelegateLog(number, this.#owner, this.#keys.check);
    log.append(node);
    this.#delegates.set(number, log);
  }
}
