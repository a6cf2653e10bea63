/**
 * The owner's log: the tree of its entries, and the path through it that has effect. Where two entries stand in one
 * slot the path stops, unless a rotation stands under just one of them: the recovery key names the branch.
 */

import { parseHex, toHex } from '#shared/bytes.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { ControlEntry } from './control-entry.ts';
import { type KeyCheck, unacceptable } from './control-fold.ts';
import { OwnerFold } from './control-owner-fold.ts';
import { OWNER_LOG } from './control-position.ts';
import { type ControlFork, type ControlNode, ControlTree, forkAt, pathTo } from './control-tree.ts';
import type { Crypto } from './crypto.ts';
import { deriveSandboxId } from './sandbox-id.ts';

export class OwnerLog {
  readonly tree = new ControlTree(OWNER_LOG);
  readonly #sandbox: SandboxId;
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #checkKey: KeyCheck;
  #path: ControlNode[] = [];
  #fold: OwnerFold;
  #fork: ControlFork | undefined;
  /** Replayed up to `tip`, off the path: a branch arrives entry by entry. */
  #branch: { readonly tip: ControlNode | undefined; readonly fold: OwnerFold } | undefined;

  constructor(sandbox: SandboxId, crypto: Pick<Crypto, 'sha256'>, checkKey: KeyCheck) {
    this.#sandbox = sandbox;
    this.#crypto = crypto;
    this.#checkKey = checkKey;
    this.#fold = this.#newFold();
  }

  /** Entries that have effect. */
  get path(): readonly ControlNode[] {
    return this.#path;
  }
  /** Of the path; it grows in place, and is another one once another path counts. */
  get fold(): OwnerFold {
    return this.#fold;
  }
  get fork(): ControlFork | undefined {
    return this.#fork;
  }
  /** Slots of the path in which other entries stand too. */
  get contested(): readonly number[] {
    if (this.tree.size === this.#path.length) return [];
    const beside = this.#path.filter(({ parent }) => this.tree.after(parent).length > 1);
    return beside.map(({ entry }) => entry.seq);
  }

  /** Highest seq off the path; 0 where nothing is. */
  get astray(): number {
    if (this.tree.size === this.#path.length) return 0;
    const tips = this.tree.tips().filter((tip) => tip !== this.#path.at(-1));
    return Math.max(...tips.map(({ entry }) => entry.seq));
  }

  /**
   * The key, in hex, that must have signed this entry.
   *
   * @throws {SandboxError} BAD_CONTROL_ENTRY when nobody may sign it here
   */
  signerOf(entry: ControlEntry, parent: ControlNode | undefined): string {
    if (entry.type === 'genesis') {
      const founding = {
        ownerKey: parseHex(entry.ownerKey) as Uint8Array,
        nonce: parseHex(entry.nonce) as Uint8Array,
        recoveryHash: parseHex(entry.recoveryHash) as Uint8Array,
      };
      if (deriveSandboxId(founding, this.#crypto) !== this.#sandbox) {
        throw unacceptable(entry, 'the sandbox id is not its hash');
      }
      if (!this.#checkKey(founding.ownerKey)) throw unacceptable(entry, 'the owner key is no safe Ed25519 key');
      return entry.ownerKey;
    }
    if (parent === undefined) throw unacceptable(entry, 'the first entry is the genesis');
    const before = parent === this.#path.at(-1) ? this.#fold : this.#foldTo(parent);
    if (entry.type !== 'rotate') return toHex(before.ownerKey);
    if (!before.isRecoveryKey(entry.recoveryKey) || !this.#checkKey(parseHex(entry.recoveryKey) as Uint8Array)) {
      throw unacceptable(entry, 'its recovery key is not the one promised');
    }
    return entry.recoveryKey;
  }

  /**
   * Takes in an entry whose signature was verified.
   *
   * @returns whether the path only grew: what was read from it before still holds
   * @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing where it stands; nothing is changed then
   */
  append(node: ControlNode): boolean {
    const { parent } = node;
    if (parent === this.#path.at(-1) && this.tree.after(parent).length === 0) {
      this.#fold.apply(node.entry);
      this.tree.add(node);
      this.#path.push(node);
      return true;
    }
    const fold = this.#foldTo(parent);
    this.#branch = undefined;
    fold.apply(node.entry);
    this.tree.add(node);
    this.#branch = { tip: node, fold };
    return !this.#choosePath();
  }

  /** Folds of every branch: the one that counts, then those that do not. */
  *branches(): Iterable<OwnerFold> {
    yield this.#fold;
    if (this.tree.size === this.#path.length) return;
    for (const tip of this.tree.tips()) if (tip !== this.#path.at(-1)) yield this.#foldTo(tip);
  }

  /** Keys, in hex, that some branch gave to a delegate. */
  delegateKeys(member: number): string[] {
    const keys = new Set<string>();
    for (const { entry } of this.tree.walk()) {
      if (entry.type === 'delegate' && entry.member === member) keys.add(entry.key);
    }
    return [...keys];
  }

  #newFold(): OwnerFold {
    return new OwnerFold(this.#checkKey, this.#crypto);
  }

  /** A fold of its own up to an entry of any branch. */
  #foldTo(node: ControlNode | undefined): OwnerFold {
    if (node !== undefined && this.#branch?.tip === node) return this.#branch.fold;
    const fold = this.#newFold();
    for (const { entry } of pathTo(node)) fold.apply(entry);
    this.#branch = { tip: node, fold };
    return fold;
  }

  /** Walks the tree anew. @returns whether another path counts now */
  #choosePath(): boolean {
    const named = this.#named();
    const path: ControlNode[] = [];
    this.#fork = undefined;
    for (let next: readonly ControlNode[] = this.tree.roots; next.length > 0; ) {
      const spoken = next.filter((node) => named.has(node));
      const only = next.length === 1 ? next[0] : spoken.length === 1 ? spoken[0] : undefined;
      if (only === undefined) {
        this.#fork = forkAt(OWNER_LOG, path.length, next);
        break;
      }
      path.push(only);
      next = only.children;
    }
    if (path.at(-1) === this.#path.at(-1)) return false;
    this.#path = path;
    this.#fold = this.#newFold();
    for (const { entry } of path) this.#fold.apply(entry);
    return true;
  }

  /** Rotations, and what each stands on down to the rotation before it. */
  #named(): Set<ControlNode> {
    const named = new Set<ControlNode>();
    for (const node of this.tree.walk()) {
      if (node.entry.type !== 'rotate') continue;
      named.add(node);
      for (let at = node.parent; at !== undefined && at.entry.type !== 'rotate'; at = at.parent) named.add(at);
    }
    return named;
  }
}
