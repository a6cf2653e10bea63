/**
 * One DevTools client of one target, as if it had a session of its own: ids that mean something to it alone, the
 * scripts and the pause it came too late for, events in V8's form. What it may call is look-calls.ts and
 * evaluate-calls.ts, one function per method; what is in neither is refused.
 */

import type { Protocol } from 'devtools-protocol';
import type { CdpEventMessage, CdpEvents } from '#protocol/catalogue/cdp-commands.ts';
import { CDP_NO_OPS, type CdpRoute, routeOfCdp } from '#protocol/catalogue/cdp-methods.ts';
import type { MemberId } from '#shared/ids.ts';
import type { VirtualSession } from '../inspection/virtual-session.ts';
import type { PausedAt } from '../stops/pause-builder.ts';
import { isException, reasonsOf } from '../stops/stop-reasons.ts';
import type { TargetSession } from '../targets/target-session.ts';
import { EVALUATE_CALLS } from './evaluate-calls.ts';
import { IdMap } from './id-map.ts';
import { LOOK_CALLS } from './look-calls.ts';
import { ObjectTable } from './object-table.ts';
import { type ClientIds, toClient } from './outgoing.ts';
import { refused } from './refusal.ts';

/** Deeper stacks are cut: a stack overflow has 10,000 frames, each a kilobyte of JSON. */
const MAX_FRAMES = 1_000;
/** Events are sent in portions of about this many characters, well below a frame. */
const PORTION_CHARS = 512 * 1024;
/** One that is larger even alone is not sent. */
const MAX_EVENT_CHARS = 3 * 1024 * 1024;
/** Maps inside scripts may be of any size; tools do without. */
const MAX_MAP_CHARS = 1024 * 1024;

export type Params = Readonly<Record<string, unknown>>;

export interface CallOptions {
  /** Policy lets code run, but not change anything. */
  readonly readOnly: boolean;
  readonly signal: AbortSignal;
}

export type Call = (session: CdpClientSession, params: Params, options: CallOptions) => Promise<object>;

export interface CdpClientSessionOptions {
  readonly id: string;
  readonly member: MemberId;
  readonly process: TargetSession;
  /** Through which it looks at values: rights, masking. */
  readonly view: VirtualSession;
  /** @returns false when it is so far behind that it must go */
  send(message: Omit<CdpEvents, 'session'>): boolean;
  /** It has to be closed, for this reason. */
  onBehind(reason: string): void;
}

export class CdpClientSession {
  readonly #options: CdpClientSessionOptions;
  readonly scripts = new IdMap('script');
  readonly frames = new IdMap('call frame');
  readonly contexts = new IdMap('execution context');
  readonly objects = new ObjectTable();
  /** Groups of this client at V8, to be released with it. */
  readonly groups = new Set<string>();
  hears: { runtime: boolean; debugger: boolean } = { runtime: false, debugger: false };
  #queue: CdpEventMessage[] = [];
  #flushing: NodeJS.Immediate | undefined;

  constructor(options: CdpClientSessionOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  get member(): MemberId {
    return this.#options.member;
  }

  get process(): TargetSession {
    return this.#options.process;
  }

  get view(): VirtualSession {
    return this.#options.view;
  }

  /** Whether nothing needs to be hidden from it, as of now. */
  get seesAll(): boolean {
    return this.view.rights.has('evaluate');
  }

  /**
   * @param command that carried the call here, and whose right was checked
   * @throws {SandboxError} FORBIDDEN for what is on no list, or on that of another right
   */
  async answer(command: CdpRoute, method: string, params: Params, options: CallOptions): Promise<object> {
    if (routeOfCdp(method, params) !== command) throw refused(method, 'it is not on the list of allowed calls');
    if (CDP_NO_OPS.has(method)) return {};
    const call = LOOK_CALLS[method] ?? EVALUATE_CALLS[method];
    if (call === undefined) throw refused(method, 'there is no such worker');
    const answer = await call(this, params, options);
    // Events that led to the answer come before it.
    this.flush();
    return answer;
  }

  /** The name of one of its groups at V8. */
  groupOf(params: Params): string {
    const { objectGroup } = params;
    const group = `sandmesh-${this.id}-${typeof objectGroup === 'string' ? objectGroup.slice(0, 100) : ''}`;
    this.groups.add(group);
    return group;
  }

  ids(group: string | undefined): ClientIds {
    return {
      script: (own) => this.scripts.toClient(own),
      frame: (own) => this.frames.toClient(own),
      context: (own) => Number(this.contexts.toClient(String(own))),
      object: (own, name) =>
        this.objects.add({ objectId: Promise.resolve(own), parent: undefined, ref: undefined, name }, group),
    };
  }

  /** An answer or event of V8's, as this client may see it. @param group its objects belong to; undefined: the pause */
  shown<T extends object>(told: T, group: string | undefined): T {
    const mask = this.seesAll ? undefined : this.view.mask;
    return toClient(told, { ids: this.ids(group), mask }) as T;
  }

  onPaused(at: PausedAt): void {
    if (!this.hears.debugger) return;
    this.emit('Debugger.paused', this.#pausedParams(at));
    // The program stands while it waits to be told.
    this.flush();
  }

  onResumed(): void {
    this.objects.dropGroup(undefined);
    this.frames.clear();
    if (this.hears.debugger) this.emit('Debugger.resumed', {});
  }

  onScript(event: Protocol.Debugger.ScriptParsedEvent): void {
    if (!this.hears.debugger) return;
    const { stackTrace: _stack, sourceMapURL = '', ...rest } = event;
    this.emit('Debugger.scriptParsed', {
      ...this.shown(rest, undefined),
      sourceMapURL: sourceMapURL.length > MAX_MAP_CHARS ? '' : sourceMapURL,
    });
  }

  onContext(context: Protocol.Runtime.ExecutionContextDescription): void {
    if (!this.hears.runtime) return;
    const id = Number(this.contexts.toClient(String(context.id)));
    const { origin, name, auxData } = context;
    this.emit('Runtime.executionContextCreated', {
      context: { id, origin, name, uniqueId: `${this.id}.${id}`, ...(auxData === undefined ? {} : { auxData }) },
    });
  }

  onConsole(event: Protocol.Runtime.ConsoleAPICalledEvent): void {
    if (this.hears.runtime) this.emit('Runtime.consoleAPICalled', this.shown(event, 'console'));
  }

  onException(event: Protocol.Runtime.ExceptionThrownEvent): void {
    if (this.hears.runtime) this.emit('Runtime.exceptionThrown', this.shown(event, 'console'));
  }

  /** Tells what it missed: every context, every script, the pause. */
  replayContexts(): void {
    for (const context of this.process.scripts.contexts) this.onContext(context);
  }

  replayScripts(): void {
    for (const script of this.process.scripts.scripts) this.onScript(script);
    const { pausedAt } = this.process;
    if (pausedAt !== undefined) this.onPaused(pausedAt);
  }

  emit(method: string, params: object): void {
    this.#queue.push({ method, params: params as Record<string, unknown> });
    this.#flushing ??= setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#flushing !== undefined) clearImmediate(this.#flushing);
    this.#flushing = undefined;
    let [portion, chars]: [CdpEventMessage[], number] = [[], 0];
    for (const event of this.#queue.splice(0)) {
      const length = JSON.stringify(event).length;
      if (length > MAX_EVENT_CHARS) continue;
      if (chars > 0 && chars + length > PORTION_CHARS) {
        this.#send(portion);
        [portion, chars] = [[], 0];
      }
      portion.push(event);
      chars += length;
    }
    if (portion.length > 0) this.#send(portion);
  }

  /** The session is over: what it holds at V8 is let go. */
  end(reason: string): void {
    this.flush();
    this.#options.send({ events: [], ended: reason.slice(0, 300) });
    this.hears = { runtime: false, debugger: false };
    for (const objectGroup of this.groups) {
      // The target may be gone, and everything in it.
      this.process.cdp.send('Runtime.releaseObjectGroup', { objectGroup }).catch(() => undefined);
    }
    this.groups.clear();
  }

  #send(events: CdpEventMessage[]): void {
    if (!this.#options.send({ events })) this.#options.onBehind('it reads too slowly');
  }

  #pausedParams({ event, pause }: PausedAt): object {
    const frames = event.callFrames.slice(0, MAX_FRAMES).map(({ canBeRestarted: _no, ...frame }) => frame);
    const threw = reasonsOf(event).some(isException);
    return {
      callFrames: this.shown(frames, undefined),
      reason: threw ? 'exception' : pause.reason === 'entry' ? 'Break on start' : 'other',
      ...(threw && event.data !== undefined ? { data: this.shown(event.data, undefined) } : {}),
      // Names of the shared breakpoints: whoever set one knows it by another, and puts that in its place.
      hitBreakpoints: pause.hitBreakpoints,
    };
  }
}
