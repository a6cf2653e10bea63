/**
 * Actions on this host's processes that no command asks for at that moment: a program comes under the debugger, a
 * breakpoint of a shared document is armed or refused, the program stops at it. Each is put down to whoever wrote it.
 */

import type { TopicEvent } from '#protocol/topics.ts';
import { type BreakpointId, hostOfTarget, type TargetId } from '#shared/ids.ts';
import type { BreakpointStatus, BreakpointView } from '#shared/model/breakpoint.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import type { HostedSandbox } from '../../sandbox/hosted-sandbox.ts';
import { maskText } from '../masking.ts';
import type { AuditTrail } from './audit-trail.ts';
import { maskCommandLine } from './describe-arguments.ts';

/** Stops that nobody asked for by a command, which would be on record itself. */
const BY_DOCUMENT: ReadonlySet<string> = new Set(['breakpoint', 'exception', 'debugger-statement']);

/** @returns a function that stops it */
export function auditEffects(sandbox: HostedSandbox, trail: AuditTrail): () => void {
  const effects = new EffectAudit(sandbox, trail);
  const { events } = sandbox.engine;
  const off = [
    events.on('targets', (event) => effects.onTarget(event)),
    events.on('breakpoints', (event) => effects.onBreakpoint(event)),
    events.on('pauses', (event) => effects.onPause(event)),
    events.on('output', (event) => effects.onOutput(event)),
  ];
  return () => {
    for (const each of off) each();
  };
}

class EffectAudit {
  readonly #sandbox: HostedSandbox;
  readonly #trail: AuditTrail;
  /** Process id by target, while attached. */
  readonly #attached = new Map<TargetId, number>();
  /** `target breakpoint` → what was last on record. */
  readonly #armed = new Map<string, { readonly said: string; readonly view: BreakpointView }>();

  constructor(sandbox: HostedSandbox, trail: AuditTrail) {
    this.#sandbox = sandbox;
    this.#trail = trail;
  }

  onTarget({ target }: TopicEvent<'targets'>): void {
    const { self } = this.#sandbox.replica;
    if (target.host !== self) return;
    const isLive = target.state !== 'exited' && target.state !== 'detached' && target.state !== 'restarting';
    const known = this.#attached.get(target.id);
    const base = { sandbox: this.#sandbox, member: self, target: target.id, outcome: 'ok' };
    if (isLive && known !== target.pid) {
      this.#attached.set(target.id, target.pid);
      this.#trail.effect({ ...base, what: 'process.attached', detail: maskCommandLine(target.argv) });
    } else if (!isLive && known !== undefined) {
      this.#attached.delete(target.id);
      const how = target.exitSignal ?? target.exitCode;
      const detail = how === undefined || how === null ? target.state : `${target.state} with ${how}`;
      this.#trail.effect({ ...base, what: 'process.left', detail });
      for (const key of [...this.#armed.keys()]) if (key.startsWith(`${target.id} `)) this.#armed.delete(key);
    }
  }

  onBreakpoint({ breakpoint, view }: TopicEvent<'breakpoints'>): void {
    const { self } = this.#sandbox.replica;
    const statuses = new Map<string, BreakpointStatus>();
    for (const status of view?.statuses ?? []) {
      if (hostOfTarget(status.target) === self) statuses.set(`${status.target} ${breakpoint}`, status);
    }
    for (const [key, status] of statuses) {
      if (view !== null) this.#onStatus(key, status, view);
    }
    for (const [key, { said, view: last }] of [...this.#armed]) {
      if (!key.endsWith(` ${breakpoint}`) || statuses.has(key)) continue;
      this.#armed.delete(key);
      if (said === 'armed') this.#say('breakpoint.disarmed', last, key.split(' ')[0] as TargetId, undefined);
    }
  }

  onPause({ target, pause }: TopicEvent<'pauses'>): void {
    const { replica, engine } = this.#sandbox;
    if (pause === null || hostOfTarget(target) !== replica.self || !BY_DOCUMENT.has(pause.reason)) return;
    const hit: BreakpointId | undefined = pause.hitBreakpoints[0];
    const cause = hit === undefined ? undefined : engine.desired.get(hit);
    const top = pause.frames[0];
    const place = top?.file === undefined ? '' : ` at ${formatSourceFile(top.file)}:${top.line}`;
    this.#trail.effect({
      sandbox: this.#sandbox,
      member: cause?.writtenBy,
      what: 'process.stopped',
      detail: `${pause.reason}${place}`,
      target,
      outcome: 'ok',
    });
  }

  /** What sandmesh itself did to a program and says in its console: let it go on, took out a breakpoint that hung it. */
  onOutput({ lines }: TopicEvent<'output'>): void {
    const { self } = this.#sandbox.replica;
    for (const { stream, target, text, dropped } of lines) {
      if (stream !== 'system' || dropped !== undefined || hostOfTarget(target) !== self) continue;
      const base = { sandbox: this.#sandbox, member: self, target, outcome: 'ok' };
      this.#trail.effect({ ...base, what: 'process.note', detail: text });
    }
  }

  #onStatus(key: string, status: BreakpointStatus, view: BreakpointView): void {
    const said = status.state === 'pending' ? '' : status.state;
    const before = this.#armed.get(key)?.said ?? '';
    this.#armed.set(key, { said, view });
    if (said === before) return;
    if (before === 'armed') this.#say('breakpoint.disarmed', view, status.target, undefined);
    if (said === 'armed') this.#say('breakpoint.armed', view, status.target, undefined);
    else if (said === 'refused') this.#say('breakpoint.refused', view, status.target, status.reason);
  }

  #say(what: string, view: BreakpointView, target: TargetId, why: string | undefined): void {
    const outcome = what === 'breakpoint.refused' ? 'FORBIDDEN' : 'ok';
    const detail = describeBreakpoint(view);
    this.#trail.effect({ sandbox: this.#sandbox, member: view.writtenBy, what, detail, target, outcome, why });
  }
}

function describeBreakpoint({ where, condition }: BreakpointView): string {
  const tail = condition === undefined ? '' : ` if ${maskText(condition)}`;
  switch (where.kind) {
    case 'line':
      return `${formatSourceFile(where.file)}:${where.line}${tail}`;
    case 'function':
      return `${where.name}()${tail}`;
    case 'exception':
      return `${where.filter} exceptions${tail}`;
    case 'script':
      return `${where.url}:${where.line}${tail}`;
    default:
      return where satisfies never;
  }
}
