/**
 * The entries of one log as a tree, each under the one its `previous` names. An honest log is a path; a second entry in
 * a slot makes a branch, and both are kept: they are the evidence that stops the log there, and one of them may be
 * named later. Which path counts is `control-log.ts`'s business.
 */

import type { ControlEntry } from './control-entry.ts';

export interface ControlNode {
  readonly entry: ControlEntry;
  /** The JWS itself, as it travels. */
  readonly compact: string;
  /** What the next entry's `previous` quotes. */
  readonly hash: string;
  readonly parent: ControlNode | undefined;
  /** Public key that signed it, hex; undefined when it was read back from our own disk and not looked at again. */
  readonly signer: string | undefined;
  /** In order of arrival: nothing may depend on that order. */
  readonly children: ControlNode[];
}

/** Two prove a fork; some more are kept, since one of them may be named later. */
const MAX_SIBLINGS = 4;

export class ControlTree {
  readonly log: number;
  /** Entries at seq 1. */
  readonly roots: ControlNode[] = [];
  readonly #nodes = new Map<string, ControlNode>();
  #highest = 0;

  constructor(log: number) {
    this.log = log;
  }

  get size(): number {
    return this.#nodes.size;
  }
  /** Highest seq on any branch. */
  get highest(): number {
    return this.#highest;
  }

  get(hash: string): ControlNode | undefined {
    return this.#nodes.get(hash);
  }

  /** Entries that follow `node`; those at seq 1 for undefined. */
  after(node: ControlNode | undefined): readonly ControlNode[] {
    return node === undefined ? this.roots : node.children;
  }

  /** Whether one more entry may stand after `node`. A rotation always may: it settles what the others cannot. */
  hasRoom(node: ControlNode | undefined, entry: ControlEntry): boolean {
    return entry.type === 'rotate' || this.after(node).length < MAX_SIBLINGS;
  }

  add(node: ControlNode): void {
    (node.parent?.children ?? this.roots).push(node);
    this.#nodes.set(node.hash, node);
    this.#highest = Math.max(this.#highest, node.entry.seq);
  }

  /** The last entry of every branch: one, unless the log forked. */
  tips(): ControlNode[] {
    return [...this.#nodes.values()].filter((node) => node.children.length === 0);
  }

  /** Every entry, each after its predecessor. */
  *walk(): Iterable<ControlNode> {
    const open = [...this.roots];
    for (let node = open.shift(); node !== undefined; node = open.shift()) {
      yield node;
      open.push(...node.children);
    }
  }
}

/** From the first entry to `node`. */
export function pathTo(node: ControlNode | undefined): ControlNode[] {
  const path: ControlNode[] = [];
  for (let at = node; at !== undefined; at = at.parent) path.push(at);
  return path.reverse();
}

/** One log whose effect ends before its last entries: several valid entries stand in the slot after `seq`. */
export interface ControlFork {
  readonly log: number;
  readonly seq: number;
  /** Hashes of the entries that stand there, sorted. */
  readonly branches: readonly string[];
}

export function forkAt(log: number, seq: number, branches: readonly ControlNode[]): ControlFork {
  return { log, seq, branches: branches.map(({ hash }) => hash).sort() };
}
