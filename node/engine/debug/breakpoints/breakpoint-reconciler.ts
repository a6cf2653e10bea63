/**
 * Turns what members want into what one process does: wanted breakpoints of all members, merged per place, since V8
 * takes one breakpoint a place; each keeps its owner. One reconciler per process; it writes no register itself.
 */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import { type BreakpointStatus, carriesCode, type ExceptionFilter, isProbe } from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { AdapterTraits } from '../../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../../source/script-registry-interface.ts';
import { TOOL_URL } from '../inspection-tool/functions.ts';
import type { KnownScripts } from '../probes/known-scripts.ts';
import { type ArmedProbes, LiveProbes } from '../probes/live-probes.ts';
import type { Timers } from '../timers.ts';
import { ArmedPlaces, CONDITION_LIMIT_MS, type ConditionTest, type PlaceWish } from './armed-places.ts';
import { beyondAdapter, codeProblem } from './breakpoint-obstacles.ts';
import type { BreakablePlace, BreakpointPlan } from './breakpoint-plan.ts';
import { BreakpointPlanner } from './breakpoint-planner.ts';
import type { DesiredBreakpoint } from './breakpoint-records.ts';
import { CodeFailures } from './code-failures.ts';
import { EntryProbes } from './entry-probes.ts';

export interface ReconcilerOptions {
  readonly target: TargetId;
  readonly cdp: KnownScripts;
  readonly registry: ScriptRegistry;
  readonly timers: Timers;
  /** Folder whose scripts are probed; undefined: anywhere outside packages. */
  readonly root: string | undefined;
  desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint>;
  /** Whether conditions of this member may run here: its right and the host's consent, as of now. */
  mayRunCode(member: MemberId): boolean;
  nameOf(member: MemberId): string;
  /** Why breakpoints of this member do not stop the program now; undefined: they do. */
  whyNotStop(member: MemberId): string | undefined;
  /** Code of a breakpoint failed: a sentence for everybody. */
  onCodeFailure(text: string): void;
  /** Told only when something about it changed; undefined: the breakpoint is gone. */
  onStatus(breakpoint: BreakpointId, status: BreakpointStatus | undefined): void;
  /** What debugs the program, when it is no Node process: its code is in another language. */
  readonly adapter?: AdapterTraits | undefined;
  /** Absolute path of a file on this machine. */
  pathOf?(file: SourceFile): string | undefined;
  /** Object id of the inspection tool. */
  tool(): Promise<string>;
  /** Whether code may run in the program by now. */
  hasBooted(): boolean;
  /** It stands, or is on its way to its next stop. */
  stands(): boolean;
  onHits(hits: Hit[]): void;
  /** What V8 stops at may have changed. */
  onArmed(): Promise<void>;
  /** Breakpoints in these scripts come or go once it has resolved. */
  beforeChange(scripts: ReadonlySet<string>): Promise<void>;
}

interface PlannedBreakpoint {
  readonly breakpoint: DesiredBreakpoint;
  readonly plan: BreakpointPlan;
}

/** Hits of a breakpoint are told this often at most. */
const HITS_LAG_MS = 50;

/** A breakpoint whose snapshots come too fast is left out for so long. */
const REST_MS = 1_000;

const ENDLESS = `Its code ran longer than ${CONDITION_LIMIT_MS} ms and was stopped: disable and enable it to try again`;

export class BreakpointReconciler {
  readonly #options: ReconcilerOptions;
  readonly #probes: EntryProbes;
  readonly #planner: BreakpointPlanner;
  readonly #places: ArmedPlaces;
  readonly #live: LiveProbes;
  readonly #statuses = new Map<BreakpointId, BreakpointStatus>();
  readonly #failures = new CodeFailures();
  readonly #resting = new Set<BreakpointId>();
  /** Breakpoints whose hits were not told yet. */
  readonly #counted = new Set<BreakpointId>();
  #cancelTelling: (() => void) | undefined;
  #exceptionState: Protocol.Debugger.SetPauseOnExceptionsRequest['state'] = 'none';
  #pass: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#planner = new BreakpointPlanner({ ...options, desired: () => this.#desired() });
    this.#probes = new EntryProbes(options.cdp);
    this.#places = new ArmedPlaces(options, this.#failures);
    this.#live = new LiveProbes({
      ...options,
      scripts: options.cdp,
      onCounted: (id, hits) => this.countHits([id], hits),
      onChange: () => void this.reconcile().catch(() => undefined),
      onConditionFailed: (record, why) => {
        this.#failures.noteThrown(record, why);
        options.onCodeFailure(this.#failures.describe(record));
        this.reconcile().catch(() => undefined);
      },
    });
    // Some adapters find a breakpoint's place when its code is loaded.
    options.adapter?.onVerdict(() => void this.reconcile().catch(() => undefined));
    options.registry.onFiles((files) => {
      // A failure is the process's end, which its session reports.
      if (this.#planner.concern(files)) this.reconcile().catch(() => undefined);
    });
  }

  get statuses(): ReadonlyMap<BreakpointId, BreakpointStatus> {
    return this.#statuses;
  }

  /** Resolves when a pass that began after this call is through. */
  reconcile(): Promise<void> {
    // Disabled, it is forgotten that it failed; at once, since it may be enabled again before the pass.
    this.#failures.keep((id) => this.#options.desired().get(id)?.record.enabled === true);
    this.#queued ??= this.#pass.then(async () => {
      this.#queued = undefined;
      await this.#reconcile();
    });
    const queued = this.#queued;
    // A failed pass must not keep later ones from running.
    this.#pass = queued.catch(() => undefined);
    return queued;
  }

  /** To be told of every parsed script. */
  addScript(script: Protocol.Debugger.ScriptParsedEvent): void {
    // Scripts without a URL are evaluations, our own included: no breakpoint can name them.
    if (script.url === '' || script.url === TOOL_URL) return;
    const isWanted = this.#planner.addScript(script);
    // The registry tells onFiles what it found in it.
    this.#options.registry.add(script);
    if (isWanted) this.reconcile().catch(() => undefined);
  }

  /** Where V8 stops for a breakpoint now; empty when it is not armed. */
  placesOf(id: BreakpointId): readonly GeneratedPosition[] {
    return this.#planner.placesOf(id);
  }

  /** Whether V8 has a breakpoint of somebody's there. */
  isArmedAt(place: GeneratedPosition): boolean {
    return this.#places.has(place);
  }

  /** See {@link ArmedPlaces.passing}. */
  passing(): string[] {
    return this.#places.passing();
  }

  /** @returns empty for an evaluation, and for our own scripts */
  urlOf(scriptId: string): string {
    return this.#planner.urlOf(scriptId);
  }

  isProbe(v8Breakpoint: string): boolean {
    return this.#probes.isProbe(v8Breakpoint);
  }

  /** A probe stopped a script at its start: arms what lies in it before it runs on. */
  async scriptStarting(scriptId: string): Promise<void> {
    const url = this.urlOf(scriptId);
    await this.#probes.hit(scriptId, url);
    const files = await this.#options.registry.filesOf(scriptId);
    const wanted = this.#planner.concern(files) || this.#planner.wantsStart(url);
    // What is not pending any more may still be on its way to V8.
    await (wanted ? this.reconcile() : this.#pass);
  }

  /**
   * Whose breakpoints a stop belongs to. Of several conditions merged at one place only the true ones are named.
   *
   * @param hit V8's ids
   * @param at a place counted as hit even if V8 does not name it (the program stopped there by a probe)
   */
  async ownersOf(
    hit: readonly string[],
    at: GeneratedPosition | undefined,
    test: ConditionTest,
  ): Promise<BreakpointId[]> {
    const { owners, failed } = await this.#places.ownersOf(hit, at, test);
    for (const record of failed) this.#options.onCodeFailure(this.#failures.describe(record));
    // Taken out, or armed so that it stops no more for that, before the program runs on into it.
    if (failed.length > 0) await this.reconcile();
    return owners;
  }

  /** @returns exception breakpoints that ask for such a stop */
  exceptionOwners(uncaught: boolean): BreakpointId[] {
    const wanted: ExceptionFilter = uncaught ? 'uncaught' : 'caught';
    return this.#desired().flatMap(({ record }) => {
      const isArmed = this.#statuses.get(record.id)?.state === 'armed';
      const matches = isArmed && record.where.kind === 'exception' && ['all', wanted].includes(record.where.filter);
      return matches ? [record.id] : [];
    });
  }

  /** Counted at once; told a moment later, since the program stands. */
  countHits(breakpoints: readonly BreakpointId[], hits = 1): void {
    for (const id of breakpoints) {
      const status = this.#statuses.get(id);
      if (status === undefined) continue;
      this.#statuses.set(id, { ...status, hits: status.hits + hits });
      this.#counted.add(id);
    }
    if (this.#counted.size === 0) return;
    this.#cancelTelling ??= this.#options.timers.after(HITS_LAG_MS, () => this.#tellHits());
  }

  /** These stop the program no more for a moment: they are hit too often. */
  rest(breakpoints: readonly BreakpointId[]): void {
    const fresh = breakpoints.filter((id) => !this.#resting.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) this.#resting.add(id);
    this.#options.timers.after(REST_MS, () => {
      for (const id of fresh) this.#resting.delete(id);
      this.reconcile().catch(() => undefined);
    });
    this.reconcile().catch(() => undefined);
  }

  /** Takes code of ours out of the program, as far as it lets go of it. */
  release(): Promise<void> {
    const released = this.#pass.then(() => this.#live.release());
    // Whatever is armed later finds the session gone.
    this.#pass = released.catch(() => undefined);
    return released;
  }

  /** Nothing is told any more. */
  end(): void {
    this.#cancelTelling?.();
    this.#live.end();
  }

  #tellHits(): void {
    this.#cancelTelling = undefined;
    for (const id of this.#counted) {
      const status = this.#statuses.get(id);
      if (status !== undefined) this.#options.onStatus(id, status);
    }
    this.#counted.clear();
  }

  #desired(): DesiredBreakpoint[] {
    return [...this.#options.desired().values()].filter(({ record }) => record.enabled);
  }

  async #reconcile(): Promise<void> {
    for (const scriptId of await this.#live.clearLeft()) await this.#places.drop(scriptId);
    const desired = this.#desired();
    const planned = await Promise.all(
      desired.map(async (breakpoint) => ({
        breakpoint,
        plan: await this.#planner.plan(breakpoint, this.#obstacle(breakpoint)),
      })),
    );
    const live = await this.#live.arm(
      planned.flatMap(({ breakpoint, plan }) =>
        isProbe(breakpoint.record) && plan.state === 'armed' ? [{ breakpoint, places: plan.places }] : [],
      ),
    );
    for (const scriptId of live.edited) await this.#places.drop(scriptId);
    const awake = planned.filter(({ breakpoint }) => !this.#resting.has(breakpoint.record.id));
    await this.#places.arm(wishesOf(awake, live));
    await this.#options.onArmed();
    await Promise.all([this.#armExceptions(planned), this.#probes.want(this.#planner.patterns())]);
    this.#report(planned, live);
  }

  /** Why a breakpoint is not armed, whatever the target has loaded. */
  #obstacle({ record, writtenBy }: DesiredBreakpoint): string | undefined {
    const { condition } = record;
    const obstacle = this.#options.whyNotStop(writtenBy);
    if (obstacle !== undefined) return obstacle;
    const { adapter } = this.#options;
    const beyond = adapter === undefined ? undefined : beyondAdapter(record, adapter);
    if (beyond !== undefined) return beyond;
    if (carriesCode(record)) {
      const problem = adapter === undefined ? codeProblem(record) : undefined;
      if (problem !== undefined) return problem.slice(0, 300);
      if (!this.#options.mayRunCode(writtenBy)) {
        const what = condition === undefined ? 'It runs code' : 'Its condition is code';
        return `${what}, and the host has not allowed ${this.#options.nameOf(writtenBy)} to run code here`;
      }
      if (this.#failures.isEndless(record)) return ENDLESS;
    }
    return undefined;
  }

  async #armExceptions(planned: readonly PlannedBreakpoint[]): Promise<void> {
    const filters = new Set<ExceptionFilter>();
    for (const { breakpoint, plan } of planned) {
      const { where } = breakpoint.record;
      if (where.kind === 'exception' && plan.state === 'armed') filters.add(where.filter);
    }
    const all = filters.has('all') || (filters.has('caught') && filters.has('uncaught'));
    const state = all ? 'all' : filters.has('caught') ? 'caught' : filters.has('uncaught') ? 'uncaught' : 'none';
    if (state === this.#exceptionState) return;
    await this.#options.cdp.send('Debugger.setPauseOnExceptions', { state });
    this.#exceptionState = state;
  }

  #report(planned: readonly PlannedBreakpoint[], { states }: ArmedProbes): void {
    const alive = new Set(planned.map(({ breakpoint }) => breakpoint.record.id));
    for (const id of [...this.#statuses.keys()]) if (!alive.has(id)) this.#setStatus(id, undefined);
    this.#planner.keep(alive);
    for (const { breakpoint, plan } of planned) {
      const { id } = breakpoint.record;
      const place = plan.places[0];
      const judged = place === undefined ? undefined : this.#judged(place, plan);
      const { state, reason: why = plan.reason } = judged ?? states.get(id) ?? plan;
      const thrown = state === 'armed' ? this.#failures.thrownBy(breakpoint.record) : undefined;
      const reason = thrown === undefined ? why : `Its condition failed, which counts as false: ${thrown}`;
      this.#setStatus(id, {
        breakpoint: id,
        target: this.#options.target,
        state,
        ...(place === undefined ? {} : { line: judged?.line ?? place.line, column: place.column }),
        ...(reason === undefined ? {} : { reason }),
        hits: this.#statuses.get(id)?.hits ?? 0,
      });
    }
  }

  /** What the debug adapter made of a place, in place of what was planned. */
  #judged(
    { scriptId, lineNumber, line }: BreakablePlace,
    { reason }: BreakpointPlan,
  ): (Pick<BreakpointStatus, 'state' | 'reason'> & { line: number }) | undefined {
    const { adapter } = this.#options;
    const verdict = adapter?.verdict(scriptId, lineNumber);
    if (adapter === undefined || verdict === undefined) return undefined;
    const { isArmed, message = `${adapter.name} has not found its place yet` } = verdict;
    if (!isArmed) return { state: 'pending', line, reason: message.slice(0, 300) };
    const slid = verdict.line === line ? reason : `Line ${line} has no code: stops at line ${verdict.line}`;
    return { state: 'armed', line: verdict.line, ...(slid === undefined ? {} : { reason: slid }) };
  }

  #setStatus(id: BreakpointId, status: BreakpointStatus | undefined): void {
    const before = this.#statuses.get(id);
    if (JSON.stringify(before) === JSON.stringify(status)) return;
    if (status === undefined) this.#statuses.delete(id);
    else this.#statuses.set(id, status);
    this.#options.onStatus(id, status);
  }
}

/** Places at which V8 is to stop, or to run what a logpoint writes down. */
function wishesOf(planned: readonly PlannedBreakpoint[], { conditions }: ArmedProbes): PlaceWish[] {
  const stops = planned.filter(({ breakpoint }) => !isProbe(breakpoint.record));
  return [
    ...stops.flatMap(({ breakpoint, plan }) =>
      plan.places.map((place) => ({ place, owner: { record: breakpoint.record } })),
    ),
    ...conditions.map(({ place, breakpoint, code, isBounded }) => ({
      place,
      owner: { record: breakpoint.record, probe: { code, isBounded } },
    })),
  ];
}
