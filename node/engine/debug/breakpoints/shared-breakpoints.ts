/** The breakpoints that all members share: what is wanted, and what became of it in each target. */

import type { TopicEvent } from '#protocol/topics.ts';
import { type BreakpointId, hostOfTarget, type TargetId } from '#shared/ids.ts';
import type { BreakpointStatus, BreakpointView } from '#shared/model/breakpoint.ts';
import type { Target } from '#shared/model/target.ts';
import type { Replica } from '../../../network/replication/replica-interface.ts';
import { readStatus } from '../published/host-registers.ts';
import { type DesiredBreakpoint, readBreakpoints } from './breakpoint-records.ts';

export interface SharedBreakpointsParts {
  readonly replica: Replica;
  /** Of every member. */
  targets(): readonly Target[];
  /** What became of them in a target of this host; undefined: it is none, or none of this run. */
  statusesHere(target: TargetId): ReadonlyMap<BreakpointId, BreakpointStatus> | undefined;
  /** Other ones are wanted: to be armed before anybody is told. */
  onWanted(): void;
  /** For whoever shows them. */
  onChange(event: TopicEvent<'breakpoints'>): void;
}

export class SharedBreakpoints {
  readonly #parts: SharedBreakpointsParts;
  #desired: ReadonlyMap<BreakpointId, DesiredBreakpoint> = new Map();

  constructor(parts: SharedBreakpointsParts) {
    this.#parts = parts;
  }

  /** What members want, whatever became of it. */
  get desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint> {
    return this.#desired;
  }

  /** Reads what is wanted for the first time. */
  start(): void {
    this.#desired = readBreakpoints(this.#parts.replica);
  }

  /** The oldest first. */
  views(): BreakpointView[] {
    const targets = this.#parts.targets();
    const found = [...this.#desired.values()].map((breakpoint) => this.#viewOf(breakpoint, targets));
    return found.sort((a, b) => a.createdAt - b.createdAt);
  }

  view(id: BreakpointId): BreakpointView | undefined {
    const breakpoint = this.#desired.get(id);
    return breakpoint && this.#viewOf(breakpoint, this.#parts.targets());
  }

  /** A document that they are in has changed. */
  reread(): void {
    const { replica, onWanted, onChange } = this.#parts;
    const before = this.#desired;
    this.#desired = readBreakpoints(replica);
    onWanted();
    for (const id of before.keys()) {
      if (!this.#desired.has(id)) onChange({ breakpoint: id, view: null });
    }
    for (const [id, { record }] of this.#desired) {
      if (JSON.stringify(before.get(id)?.record) !== JSON.stringify(record)) this.tell(id);
    }
  }

  /** Something became of one. */
  tell(id: BreakpointId): void {
    const view = this.view(id);
    if (view !== undefined) this.#parts.onChange({ breakpoint: id, view });
  }

  #viewOf({ record, writtenBy }: DesiredBreakpoint, targets: readonly Target[]): BreakpointView {
    const statuses = targets.flatMap(({ id }) => this.#statusOf(id, record.id) ?? []);
    return { ...record, writtenBy, statuses };
  }

  #statusOf(target: TargetId, breakpoint: BreakpointId): BreakpointStatus | undefined {
    const { replica, statusesHere } = this.#parts;
    const own = statusesHere(target);
    if (own !== undefined) return own.get(breakpoint);
    const host = hostOfTarget(target);
    // Registers of a former run of this host are about to be cleaned.
    if (host === replica.self) return undefined;
    return readStatus(replica.registers('host', host), target, breakpoint);
  }
}
