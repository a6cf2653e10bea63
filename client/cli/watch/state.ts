/** What `watch` knows: a snapshot of the sandbox, kept current by events. Draws nothing, asks nothing. */

import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { BreakpointView } from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { ChatLine, Member, PendingRequest } from '#shared/model/member.ts';
import type { Frame } from '#shared/model/pause.ts';
import type { ConsoleLine } from '#shared/model/target.ts';
import { memberNames } from '../lookup.ts';
import { aliveFirst, type TargetView } from '../render/targets.ts';

/** More than any screen shows. */
const KEPT_OUTPUT_LINES = 200;

export const WATCHED_TOPICS = [
  'targets',
  'pauses',
  'breakpoints',
  'leases',
  'output',
  'hits',
  'values',
  'metrics',
  'members',
  'presence',
  'chat',
  'requests',
  'notices',
] as const;

export interface WatchSnapshot {
  /** The sandbox's name; empty when it cannot be told which of several it is. */
  readonly title: string;
  readonly targets: readonly TargetView[];
  readonly members: readonly Member[];
  readonly breakpoints: readonly BreakpointView[];
  readonly requests: readonly PendingRequest[];
  readonly output: readonly ConsoleLine[];
}

export interface WatchMessage {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

export class WatchState {
  readonly targets = new Map<TargetId, TargetView>();
  readonly members = new Map<MemberId, Member>();
  readonly breakpoints = new Map<BreakpointId, BreakpointView>();
  readonly requests = new Map<string, PendingRequest>();
  readonly output = new Map<TargetId, ConsoleLine[]>();
  selected: TargetId | undefined;
  /** Frame looked at in the selected target. */
  frame = 0;
  message: WatchMessage | undefined;
  chat: ChatLine | undefined;
  connected = true;
  title = '';

  /** Replaces everything that a reconnection may have missed; the selection stays where it can. */
  load(snapshot: WatchSnapshot): void {
    this.targets.clear();
    this.members.clear();
    this.breakpoints.clear();
    this.requests.clear();
    this.output.clear();
    for (const target of snapshot.targets) this.targets.set(target.id, target);
    for (const member of snapshot.members) this.members.set(member.id, member);
    for (const view of snapshot.breakpoints) this.breakpoints.set(view.id, view);
    for (const request of snapshot.requests) this.requests.set(request.id, request);
    this.#addOutput(snapshot.output);
    this.title = snapshot.title;
    this.connected = true;
    if (this.selected === undefined || !this.targets.has(this.selected)) this.select(this.#mostInteresting());
  }

  apply(message: TopicMessage): void {
    switch (message.topic) {
      case 'targets':
        return this.#updateTarget(message.event.target);
      case 'pauses':
        return this.#updatePause(message.event.target, message.event.pause);
      case 'breakpoints':
        if (message.event.view === null) this.breakpoints.delete(message.event.breakpoint);
        else this.breakpoints.set(message.event.breakpoint, message.event.view);
        return;
      case 'leases':
        return this.#patch(message.event.lease.target, { lease: message.event.lease });
      case 'output':
        return this.#addOutput(message.event.lines);
      case 'hits':
        return this.#addHits(message.event.hits);
      case 'metrics':
        this.#patch(message.event.metrics.target, { metrics: message.event.metrics });
        if (message.event.alarm !== undefined) this.message = { level: 'warn', text: message.event.alarm };
        return;
      case 'members':
        return void this.members.set(message.event.member.id, message.event.member);
      case 'presence': {
        const { presence } = message.event;
        const member = this.members.get(presence.member);
        if (member !== undefined) this.members.set(member.id, { ...member, presence });
        return;
      }
      case 'chat':
        this.chat = message.event.line;
        return;
      case 'requests':
        if (message.event.outcome === 'pending') this.requests.set(message.event.request.id, message.event.request);
        else this.requests.delete(message.event.request.id);
        return;
      case 'snapshots':
      case 'values':
        // Looked into with commands of their own.
        return;
      case 'notices':
        this.message = message.event;
        return;
      default:
        message satisfies never;
    }
  }

  get target(): TargetView | undefined {
    return this.selected === undefined ? undefined : this.targets.get(this.selected);
  }

  /** The frame looked at, of the selected target's pause. */
  get currentFrame(): Frame | undefined {
    return this.target?.pause?.frames.find((frame) => frame.index === this.frame);
  }

  /** The oldest: what `a` and `d` answer. */
  get firstRequest(): PendingRequest | undefined {
    return [...this.requests.values()].sort((a, b) => a.at - b.at)[0];
  }

  get self(): Member | undefined {
    return [...this.members.values()].find((member) => member.self);
  }

  memberName(id: MemberId): string {
    return memberNames([...this.members.values()])(id);
  }

  select(target: TargetId | undefined): void {
    this.selected = target;
    this.frame = firstOwnFrame(this.target);
  }

  selectNext(): void {
    const ids = aliveFirst([...this.targets.values()]).map((target) => target.id);
    const at = this.selected === undefined ? -1 : ids.indexOf(this.selected);
    this.select(ids[(at + 1) % Math.max(1, ids.length)]);
  }

  /** @param by +1 towards the callers */
  moveFrame(by: 1 | -1): void {
    const indexes = (this.target?.pause?.frames ?? []).map((frame) => frame.index);
    const at = indexes.indexOf(this.frame);
    this.frame = indexes[at + by] ?? this.frame;
  }

  #updateTarget(target: Omit<TargetView, 'pause' | 'lease' | 'metrics'>): void {
    const before = this.targets.get(target.id);
    this.targets.set(target.id, {
      ...target,
      pause: target.state === 'paused' ? (before?.pause ?? null) : null,
      lease: before?.lease ?? null,
      metrics: before?.metrics ?? null,
    });
    if (this.selected === undefined) this.select(target.id);
  }

  #updatePause(id: TargetId, pause: TargetView['pause']): void {
    this.#patch(id, { pause });
    if (pause === null) return;
    // A program that stops draws the eye, unless the eye is on another stopped one.
    if (this.selected !== id && this.target?.pause == null) this.select(id);
    else if (this.selected === id) this.frame = firstOwnFrame(this.target);
  }

  #patch(id: TargetId, part: Partial<TargetView>): void {
    const target = this.targets.get(id);
    if (target !== undefined) this.targets.set(id, { ...target, ...part });
  }

  /** Among the console's lines, without a place in their sequence. */
  #addHits(hits: readonly Hit[]): void {
    for (const { target, at, text, file, line } of hits) {
      const kept = this.output.get(target) ?? [];
      const place = `${file?.path ?? ''}:${line}`;
      kept.push({ target, sequence: kept.at(-1)?.sequence ?? 0, stream: 'system', text: `${place} ${text}`, at });
      if (kept.length > KEPT_OUTPUT_LINES) kept.shift();
      this.output.set(target, kept);
    }
  }

  #addOutput(lines: readonly ConsoleLine[]): void {
    for (const line of lines) {
      const kept = this.output.get(line.target) ?? [];
      if ((kept.at(-1)?.sequence ?? -1) >= line.sequence) continue;
      kept.push(line);
      if (kept.length > KEPT_OUTPUT_LINES) kept.shift();
      this.output.set(line.target, kept);
    }
  }

  #mostInteresting(): TargetId | undefined {
    const all = aliveFirst([...this.targets.values()]);
    const paused = all
      .filter((target) => target.pause !== null)
      .sort((a, b) => (b.pause?.at ?? 0) - (a.pause?.at ?? 0));
    return (paused[0] ?? all[0])?.id;
  }
}

function firstOwnFrame(target: TargetView | undefined): number {
  const frames = target?.pause?.frames ?? [];
  return (frames.find((frame) => frame.internal !== true) ?? frames[0])?.index ?? 0;
}
