/**
 * One delegate's log: the tree of its entries, and the path that has effect under the owner's log as it stands. An entry
 * that stands on a part of the owner's log that has no effect (above a fork) is kept and judged again later.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { DelegateFold } from './control-delegate-fold.ts';
import type { KeyCheck } from './control-fold.ts';
import type { OwnerFold } from './control-owner-fold.ts';
import type { OwnerLog } from './control-owner-log.ts';
import { type ControlFork, type ControlNode, ControlTree, forkAt, pathTo } from './control-tree.ts';

export class DelegateLog {
  readonly tree: ControlTree;
  readonly #owner: OwnerLog;
  readonly #checkKey: KeyCheck;
  #path: ControlNode[] = [];
  #fold: DelegateFold;
  #fork: ControlFork | undefined;

  constructor(member: number, owner: OwnerLog, checkKey: KeyCheck) {
    this.tree = new ControlTree(member);
    this.#owner = owner;
    this.#checkKey = checkKey;
    this.#fold = this.#newFold();
  }

  get path(): readonly ControlNode[] {
    return this.#path;
  }
  get fold(): DelegateFold {
    return this.#fold;
  }
  get fork(): ControlFork | undefined {
    return this.#fork;
  }

  /**
   * @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing where it stands, on any branch of the owner's log;
   * nothing is changed then
   */
  append(node: ControlNode): void {
    const isNext = node.parent === this.#path.at(-1) && this.tree.after(node.parent).length === 0;
    if (isNext && means(this.#fold, node)) {
      this.tree.add(node);
      this.#path.push(node);
      return;
    }
    this.#assertMeans(node);
    this.tree.add(node);
    this.refold();
  }

  /** The owner's log grew: entries that waited for it may have come to mean something. */
  advance(): void {
    if (this.#path.length < this.tree.size) this.refold();
  }

  /** Reads the tree anew under the owner's log as it stands. */
  refold(): void {
    const path: ControlNode[] = [];
    this.#fold = this.#newFold();
    this.#fork = undefined;
    for (let next: readonly ControlNode[] = this.tree.roots; next.length > 0; ) {
      const valid = next.filter((node) => {
        const fold = this.#newFold();
        return next.length === 1 || [...path, node].every((step) => means(fold, step));
      });
      if (valid.length > 1) this.#fork = forkAt(this.tree.log, path.length, valid);
      const [only] = valid;
      if (only === undefined || valid.length > 1 || !means(this.#fold, only)) break;
      path.push(only);
      next = only.children;
    }
    this.#path = path;
  }

  /**
   * What stands on a branch of the owner's log that does not count has no effect, but is kept: others took it while that
   * branch counted, and who refuses what others have is never level with them.
   */
  #assertMeans(node: ControlNode): void {
    const before = pathTo(node.parent);
    let refusal: unknown;
    for (const owner of this.#owner.branches()) {
      const fold = this.#newFold(owner);
      if (!before.every((step) => means(fold, step))) continue;
      try {
        return fold.apply(node.entry, node.signer);
      } catch (error) {
        refusal ??= error;
      }
    }
    // Where not even what it follows means anything, it means as little, and is kept beside that.
    if (refusal !== undefined) throw refusal;
  }

  #newFold(owner: OwnerFold = this.#owner.fold): DelegateFold {
    return new DelegateFold(this.tree.log as MemberId, owner, this.#checkKey);
  }
}

function means(fold: DelegateFold, node: ControlNode): boolean {
  try {
    fold.apply(node.entry, node.signer);
    return true;
  } catch (error) {
    if (error instanceof SandboxError) return false;
    throw error;
  }
}
