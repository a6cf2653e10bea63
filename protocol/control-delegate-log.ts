/**
 * One delegate's log: the tree of its entries, and the path that has effect under the owner's log as it stands. An entry
 * that stands on a part of the owner's log that has no effect (above a fork) is kept and judged again later.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { DelegateFold } from './control-delegate-fold.ts';
import type { KeyCheck } from './control-fold.ts';
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

  /** @throws {SandboxError} BAD_CONTROL_ENTRY when it means nothing where it stands; nothing is changed then */
  append(node: ControlNode): void {
    const waits = this.#owner.fork !== undefined && (node.entry.owner ?? 0) > this.#owner.path.length;
    if (!waits && node.parent === this.#path.at(-1) && this.tree.after(node.parent).length === 0) {
      this.#fold.apply(node.entry, node.signer);
      this.tree.add(node);
      this.#path.push(node);
      return;
    }
    const fold = this.#newFold();
    const judged = pathTo(node.parent).every((before) => means(fold, before));
    if (judged && !waits) fold.apply(node.entry, node.signer);
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

  #newFold(): DelegateFold {
    return new DelegateFold(this.tree.log as MemberId, this.#owner.fold, this.#checkKey);
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
