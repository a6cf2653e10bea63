/**
 * Turns what members want into what one process does: wanted breakpoints of all members, merged per place, since V8
 * takes one breakpoint a place; each keeps its owner. One reconciler per process; it writes no register itself.
 */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import {
  type Breakpoint,
  type BreakpointStatus,
  carriesCode,
  type ExceptionFilter,
  isProbe,
} from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import { isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import type { AdapterTraits } from '../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../source/script-registry-interface.ts';
import { ArmedPlaces, CONDITION_LIMIT_MS, type ConditionTest, type PlaceWish } from './armed-places.ts';
import {
  type BreakablePlace,
  type BreakpointPlan,
  type LoadedScript,
  planFunction,
  planLine,
  planScript,
  refused,
} from './breakpoint-plan.ts';
import type { DesiredBreakpoint } from './breakpoint-records.ts';
import { expressionProblem } from './condition.ts';
import { EntryProbes } from './entry-probes.ts';
import { TOOL_URL } from './inspection-tool.ts';
import { probeExpressionProblem } from './probes/expressions.ts';
import type { KnownScripts } from './probes/known-scripts.ts';
import { type ArmedProbes, LiveProbes } from './probes/live-probes.ts';
import { parseLogMessage } from './probes/log-message.ts';
import { escapeRegex, INTERNAL_SCRIPTS, packageScripts, projectScripts } from './script-urls.ts';
import type { Timers } from './timers.ts';
import { scriptMatcher } from './url-pattern.ts';

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
  /** Why breakpoints of this member do not stop the program now; undefined: they do. */
  whyNotStop(member: MemberId): string | undefined;
  /** Its condition did not end, so it is taken out until somebody enables it anew. */
  onEndless(breakpoint: BreakpointId): void;
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
}

interface PlannedBreakpoint {
  readonly breakpoint: DesiredBreakpoint;
  readonly plan: BreakpointPlan;
}

/** Hits of a breakpoint are told this often at most. */
const HITS_LAG_MS = 50;

/** A breakpoint whose snapshots come too fast is left out for so long. */
const REST_MS = 1_000;

const ENDLESS = `Its condition ran longer than ${CONDITION_LIMIT_MS} ms and was stopped: disable and enable it to try again`;

export class BreakpointReconciler {
  readonly #options: ReconcilerOptions;
  readonly #probes: EntryProbes;
  readonly #internal = new RegExp(INTERNAL_SCRIPTS);
  readonly #scripts = new Map<string, LoadedScript>();
  readonly #places: ArmedPlaces;
  readonly #live: LiveProbes;
  readonly #plans = new Map<BreakpointId, { key: string; plan: BreakpointPlan }>();
  /** Armed, but their file was loaded once more since. */
  readonly #outdated = new Set<BreakpointId>();
  readonly #statuses = new Map<BreakpointId, BreakpointStatus>();
  /** Conditions that did not end, as they were then. */
  readonly #endless = new Map<BreakpointId, string>();
  readonly #resting = new Set<BreakpointId>();
  /** Breakpoints whose hits were not told yet. */
  readonly #counted = new Set<BreakpointId>();
  #cancelTelling: (() => void) | undefined;
  #exceptionState: Protocol.Debugger.SetPauseOnExceptionsRequest['state'] = 'none';
  #pass: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#probes = new EntryProbes(options.cdp);
    this.#places = new ArmedPlaces(options.cdp, options.adapter);
    this.#live = new LiveProbes({
      ...options,
      scripts: options.cdp,
      onCounted: (id, hits) => this.countHits([id], hits),
      onChange: () => void this.reconcile().catch(() => undefined),
    });
    // Some adapters find a breakpoint's place when its code is loaded.
    options.adapter?.onVerdict(() => void this.reconcile().catch(() => undefined));
    options.registry.onFiles((files) => {
      // A failure is the process's end, which its session reports.
      if (this.#concern(files)) this.reconcile().catch(() => undefined);
    });
  }

  get statuses(): ReadonlyMap<BreakpointId, BreakpointStatus> {
    return this.#statuses;
  }

  /** Resolves when a pass that began after this call is through. */
  reconcile(): Promise<void> {
    // Disabled, it is forgotten that it did not end; at once, since it may be enabled again before the pass.
    for (const id of [...this.#endless.keys()]) {
      if (this.#options.desired().get(id)?.record.enabled !== true) this.#endless.delete(id);
    }
    this.#queued ??= this.#pass.then(async () => {
      this.#queued = undefined;
      await this.#reconcile();
    });
    const queued = this.#queued;
    // A failed pass must not keep later ones from running.
    this.#pass = queued.catch(() => undefined);
    return queued;
  }

  /** Where V8 stops for a breakpoint now; empty when it is not armed. */
  placesOf(id: BreakpointId): readonly GeneratedPosition[] {
    return this.#plans.get(id)?.plan.places ?? [];
  }

  /** To be told of every parsed script. */
  addScript(script: Protocol.Debugger.ScriptParsedEvent): void {
    // Scripts without a URL are evaluations, our own included: no breakpoint can name them.
    if (script.url === '' || script.url === TOOL_URL) return;
    this.#scripts.set(script.scriptId, { scriptId: script.scriptId, url: script.url, length: script.length ?? 0 });
    // The registry tells onFiles what it found in it.
    this.#options.registry.add(script);
    const mayDeclare = this.#wantsFunctions() && !this.#internal.test(script.url);
    if (mayDeclare || this.#wantsScript(script.url)) this.reconcile().catch(() => undefined);
  }

  /** @returns empty for an evaluation, and for our own scripts */
  urlOf(scriptId: string): string {
    return this.#scripts.get(scriptId)?.url ?? '';
  }

  isProbe(v8Breakpoint: string): boolean {
    return this.#probes.isProbe(v8Breakpoint);
  }

  /** A probe stopped a script at its start: arms what lies in it before it runs on. */
  async scriptStarting(scriptId: string): Promise<void> {
    const url = this.urlOf(scriptId);
    await this.#probes.hit(scriptId, url);
    const files = await this.#options.registry.filesOf(scriptId);
    const wanted = this.#concern(files) || this.#wantsFunctions() || this.#wantsScript(url);
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
    const { owners, endless } = await this.#places.ownersOf(hit, at, test);
    for (const record of endless) {
      this.#endless.set(record.id, codeOf(record));
      this.#options.onEndless(record.id);
    }
    // Taken out before the program runs on into it.
    if (endless.length > 0) await this.reconcile();
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

  #wantsFunctions(): boolean {
    return this.#desired().some(({ record }) => record.where.kind === 'function');
  }

  #wantsScript(url: string): boolean {
    return this.#desired().some(
      ({ record: { where } }) => where.kind === 'script' && scriptMatcher(where)?.matches(url),
    );
  }

  /**
   * Whether a script with these files is news to some breakpoint: it waits for one of them, or is armed in the script
   * that the file was before. Reloading brings the same file again, and Node reads a CommonJS main module twice when
   * `--import` is given: what it parses first never runs.
   */
  #concern(files: readonly SourceFile[]): boolean {
    let concerned = false;
    for (const { record } of this.#desired()) {
      const { id, where } = record;
      if (where.kind !== 'line' || !files.some((file) => isSameFile(file, where.file))) continue;
      this.#outdated.add(id);
      concerned = true;
    }
    return concerned;
  }

  /** Scripts in which lines are armed: what is loaded anew under their name is stopped at its start, too. */
  #armedUrls(): ReadonlySet<string> {
    const urls = new Set<string>();
    for (const { record } of this.#desired()) {
      if (record.where.kind !== 'line') continue;
      for (const { scriptId } of this.placesOf(record.id)) urls.add(this.urlOf(scriptId));
    }
    urls.delete('');
    return urls;
  }

  #pendingLines(): Extract<DesiredBreakpoint['record']['where'], { kind: 'line' }>[] {
    return this.#desired().flatMap(({ record: { id, where } }) => {
      const isPending = where.kind === 'line' && (this.#plans.get(id)?.plan.state ?? 'pending') === 'pending';
      return isPending ? [where] : [];
    });
  }

  /** URL patterns of the scripts in which something pending may turn up. */
  #probePatterns(): ReadonlySet<string> {
    const patterns = new Set<string>();
    for (const { file } of this.#pendingLines()) {
      if (file.package === 'node') continue;
      patterns.add(file.package === undefined ? projectScripts(this.#options.root) : packageScripts(file.package));
    }
    if (this.#wantsFunctions()) patterns.add(projectScripts(this.#options.root));
    for (const { record } of this.#desired()) {
      const matcher = record.where.kind === 'script' ? scriptMatcher(record.where) : undefined;
      if (matcher !== undefined) patterns.add(matcher.source);
    }
    for (const url of this.#armedUrls()) patterns.add(`^${escapeRegex(url)}$`);
    return patterns;
  }

  async #reconcile(): Promise<void> {
    const desired = this.#desired();
    const planned = await Promise.all(
      desired.map(async (breakpoint) => ({ breakpoint, plan: await this.#plan(breakpoint) })),
    );
    const live = await this.#live.arm(
      planned.flatMap(({ breakpoint, plan }) =>
        isProbe(breakpoint.record) && plan.state === 'armed' ? [{ breakpoint, places: plan.places }] : [],
      ),
    );
    for (const scriptId of live.edited) await this.#places.drop(scriptId);
    const awake = planned.filter(({ breakpoint }) => !this.#resting.has(breakpoint.record.id));
    await this.#places.arm(wishesOf(awake, live));
    await Promise.all([this.#armExceptions(planned), this.#probes.want(this.#probePatterns())]);
    this.#report(planned, live);
  }

  async #plan(breakpoint: DesiredBreakpoint): Promise<BreakpointPlan> {
    const plan = await this.#planned(breakpoint);
    this.#plans.set(breakpoint.record.id, { key: JSON.stringify(breakpoint.record.where), plan });
    return plan;
  }

  async #planned({ record, writtenBy }: DesiredBreakpoint): Promise<BreakpointPlan> {
    const { where, condition } = record;
    const obstacle = this.#options.whyNotStop(writtenBy);
    if (obstacle !== undefined) return refused(obstacle);
    const { adapter } = this.#options;
    const beyond = adapter === undefined ? undefined : beyondAdapter(record, adapter);
    if (beyond !== undefined) return refused(beyond);
    if (carriesCode(record)) {
      const problem = adapter === undefined ? codeProblem(record) : undefined;
      if (problem !== undefined) return refused(problem.slice(0, 300));
      if (!this.#options.mayRunCode(writtenBy)) {
        const what = condition === undefined ? 'It runs code' : 'Its condition is code';
        return refused(`${what}, and the host has not allowed member ${writtenBy} to run code here`);
      }
      if (this.#endless.get(record.id) === codeOf(record)) return refused(ENDLESS);
    }
    if (where.kind === 'exception') return { state: 'armed', places: [], reason: undefined };
    const { cdp, registry } = this.#options;
    const known = this.#plans.get(record.id);
    const isNews = this.#outdated.delete(record.id);
    const isKnown = known?.plan.state === 'armed' && known.key === JSON.stringify(where) && !isNews;
    // Armed places stay good: V8 drops a script's breakpoints only with the script. A probe's code would hide them.
    if (isKnown && (where.kind === 'line' || isProbe(record))) return known.plan;
    if (where.kind === 'function') return planFunction(cdp, registry, where.name, this.#scripts.values());
    if (where.kind === 'script') return planScript(cdp, registry, where, this.#scripts.values());
    if (adapter !== undefined) await this.#loadSource(where.file, adapter);
    return planLine(registry, where);
  }

  /** A file that is yet to load can be armed in: its adapter keeps the breakpoint until then. */
  async #loadSource(file: SourceFile, adapter: AdapterTraits): Promise<void> {
    const { registry, pathOf } = this.#options;
    if (await registry.has(file)) return;
    const path = pathOf?.(file);
    if (path !== undefined) adapter.loadSource(path);
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
    for (const id of [...this.#plans.keys()]) if (!alive.has(id)) this.#plans.delete(id);
    for (const { breakpoint, plan } of planned) {
      const { id } = breakpoint.record;
      const place = plan.places[0];
      const judged = place === undefined ? undefined : this.#judged(place, plan);
      const { state, reason = plan.reason } = judged ?? states.get(id) ?? plan;
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

/** Everything of a record that runs as code, for comparing. */
function codeOf({ condition = '', log = '', capture = [] }: Breakpoint): string {
  return JSON.stringify([condition, log, capture]);
}

/** Why a debug adapter cannot do what a breakpoint asks for. */
function beyondAdapter(record: Breakpoint, adapter: AdapterTraits): string | undefined {
  const { name, language } = adapter;
  const { where } = record;
  if (isProbe(record)) return `Logpoints and tracepoints are for Node programs; ${name} debugs ${language}`;
  if (where.kind === 'exception' && !adapter.stopsAt(where.filter)) {
    const which = where.filter === 'all' ? '' : `${where.filter} `;
    return `${name} does not stop at ${which}exceptions of ${language}`;
  }
  if (where.kind === 'function') return `${name} is asked for lines only: set it on the first line of "${where.name}"`;
  if (where.kind === 'script') return `${name} knows no scripts: set it by file and line`;
  return undefined;
}

/** Why the code of a record cannot be run. */
function codeProblem({ where, condition, log, capture = [] }: Breakpoint): string | undefined {
  const ofCondition = condition === undefined ? undefined : expressionProblem(condition);
  if (ofCondition !== undefined) return `The condition ${ofCondition}`;
  if ((log !== undefined || capture.length > 0) && where.kind === 'exception')
    return 'An exception has no place to record';
  const ofCapture = capture.map((expression) => probeExpressionProblem(expression)).find((each) => each !== undefined);
  if (ofCapture !== undefined) return `The expression ${ofCapture}`;
  if (log === undefined) return undefined;
  try {
    parseLogMessage(log);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
