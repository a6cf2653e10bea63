/**
 * Logpoints and tracepoints of one process: a logpoint begins as the condition of a breakpoint; one that is hit often
 * becomes code in the running script, where a hit costs next to nothing. Tracepoints are code from the start. What
 * cannot be code and is hit often is taken out, and its status says why.
 */

import type { BreakpointId, TargetId } from '#shared/ids.ts';
import type { Breakpoint, BreakpointStatus } from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { ScriptRegistry } from '../../source/script-registry-interface.ts';
import type { BreakablePlace } from '../breakpoints/breakpoint-plan.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import { endsByItself } from '../breakpoints/condition.ts';
import type { Timers } from '../timers.ts';
import type { KnownScripts } from './known-scripts.ts';
import { type LogMessage, parseLogMessage, renderLogMessage } from './log-message.ts';
import { conditionCode, editOf } from './probe-code.ts';
import type { HandedOver, RuntimeHit } from './probe-runtime.ts';
import { loggedValue, shownValue, traceText } from './probe-values.ts';
import { RuntimeLink } from './runtime-link.ts';
import { type EditOutcome, type ScriptEdit, ScriptEdits } from './script-edits.ts';

/** Hits within a second that make a logpoint hot: as a condition each costs the program tens of microseconds, or a stop. */
const HOT = 50;
const WINDOW_MS = 1000;
/** A function that runs or waits is tried again this often, and for this long. */
const RETRY_MS = 250;
const MAX_TRIES = 40;

export interface LiveProbesOptions {
  readonly target: TargetId;
  readonly scripts: KnownScripts;
  readonly registry: ScriptRegistry;
  readonly timers: Timers;
  tool(): Promise<string>;
  /** Whether code may run in the program at all by now. */
  hasBooted(): boolean;
  /** It stands, or is on its way from one stop to the next: its scripts are left alone meanwhile. */
  stands(): boolean;
  onHits(hits: Hit[]): void;
  onCounted(breakpoint: BreakpointId, hits: number): void;
  /** Its condition threw, told for the first time. @param why what it threw */
  onConditionFailed(record: Breakpoint, why: string): void;
  /** Something is to be armed otherwise. */
  onChange(): void;
}

export interface WantedProbe {
  readonly breakpoint: DesiredBreakpoint;
  readonly places: readonly BreakablePlace[];
}

/** A condition that writes down what it sees and never holds. */
export interface ProbeCondition {
  readonly place: BreakablePlace;
  readonly breakpoint: DesiredBreakpoint;
  readonly code: string;
  /** V8 may run it: it surely ends. */
  readonly isBounded: boolean;
}

type ProbeState = Pick<BreakpointStatus, 'state' | 'reason'>;

export interface ArmedProbes {
  readonly conditions: readonly ProbeCondition[];
  readonly states: ReadonlyMap<BreakpointId, ProbeState>;
  /** Scripts in which V8 has dropped every breakpoint. */
  readonly edited: ReadonlySet<string>;
}

interface Probe {
  readonly n: number;
  readonly id: BreakpointId;
  breakpoint: DesiredBreakpoint;
  readonly message: LogMessage | undefined;
  readonly expressions: readonly string[];
  readonly isBounded: boolean;
  places: readonly BreakablePlace[];
  file: SourceFile | undefined;
  mode: 'condition' | 'code' | 'out';
  state: ProbeState;
  /** Of the values that its code hands over. */
  names: readonly string[];
  since: number;
  hits: number;
  /** Times that its condition did not hold: they cost as much. */
  missed: number;
  /** It stays a condition, since it cannot be code and is not hit often. */
  stays: boolean;
  tries: number;
}

export class LiveProbes {
  readonly #options: LiveProbesOptions;
  readonly #link: RuntimeLink;
  readonly #edits: ScriptEdits;
  readonly #probes = new Map<BreakpointId, Probe>();
  readonly #byNumber = new Map<number, Probe>();
  #lastNumber = 0;
  #sequence = 0;
  #cancelRetry: (() => void) | undefined;
  /** Scripts of contexts other than the program's own: what their code names is not there. */
  readonly #outOfReach = new Set<string>();
  readonly #off: () => void;

  constructor(options: LiveProbesOptions) {
    this.#options = options;
    this.#off = options.scripts.running.on('Debugger.scriptParsed', ({ scriptId, executionContextAuxData }) => {
      const { isDefault } = (executionContextAuxData ?? {}) as { isDefault?: boolean };
      if (isDefault === false) this.#outOfReach.add(scriptId);
    });
    this.#link = new RuntimeLink({
      cdp: options.scripts.running,
      timers: options.timers,
      tool: options.tool,
      onHandedOver: (what) => this.#onHandedOver(what),
    });
    this.#edits = new ScriptEdits(options.scripts, this.#link);
  }

  /**
   * A daemon that was killed has left its code in the program: it goes before places are looked for.
   *
   * @returns scripts whose text changed
   */
  async clearLeft(): Promise<readonly string[]> {
    const { scripts, stands } = this.#options;
    if (scripts.left.size === 0) return [];
    const cleared = stands() ? [] : await this.#edits.clear();
    if (scripts.left.size > 0) this.#retryLater();
    return cleared;
  }

  /** Makes these the probes that there are. One call after the other. */
  async arm(all: readonly WantedProbe[]): Promise<ArmedProbes> {
    const states = new Map<BreakpointId, ProbeState>();
    const wanted = all.flatMap(({ breakpoint, places }) => {
      const reached = places.filter(({ scriptId }) => !this.#outOfReach.has(scriptId));
      if (reached.length > 0 || places.length === 0) return [{ breakpoint, places: reached }];
      states.set(breakpoint.record.id, OUT_OF_REACH);
      return [];
    });
    if (wanted.length > 0 && !this.#options.hasBooted()) {
      for (const { breakpoint } of wanted) states.set(breakpoint.record.id, NOT_BOOTED);
      return { conditions: [], states, edited: new Set() };
    }
    await this.#letGo(new Map(wanted.map(({ breakpoint }) => [breakpoint.record.id, breakpoint.record])));
    for (const each of wanted) await this.#take(each);
    const edited = await this.#edit();
    const conditions = [...this.#probes.values()].flatMap((probe) => conditionsOf(probe));
    for (const { id, state } of this.#probes.values()) states.set(id, state);
    return { conditions, states, edited };
  }

  /** Everything out, as far as the program lets go of it. */
  async release(): Promise<void> {
    this.#cancelRetry?.();
    await this.#letGo(new Map());
    if (this.#edits.edited.length > 0) await this.#edit();
  }

  end(): void {
    this.#off();
    this.#cancelRetry?.();
    this.#link.end();
  }

  /** Whatever was changed or taken out takes nothing down from now on, also where its code is still in a script. */
  async #letGo(wanted: ReadonlyMap<BreakpointId, Breakpoint>): Promise<void> {
    const gone = [...this.#probes.values()].filter(
      ({ id, breakpoint }) => JSON.stringify(wanted.get(id)) !== JSON.stringify(breakpoint.record),
    );
    for (const { id } of gone) this.#probes.delete(id);
    await Promise.all(
      gone.map(async ({ n }) => {
        await this.#link.call('disarm', n);
        this.#byNumber.delete(n);
      }),
    );
  }

  async #take({ breakpoint, places }: WantedProbe): Promise<void> {
    const { record } = breakpoint;
    const known = this.#probes.get(record.id);
    if (known !== undefined) {
      known.breakpoint = breakpoint;
      known.places = places;
      return;
    }
    const probe = this.#open(breakpoint, places);
    const [place] = places;
    if (place !== undefined) probe.file = (await this.#options.registry.locate(place)).file;
    await this.#link.call('add', probe.n, record.kind === 'trace');
    this.#probes.set(probe.id, probe);
    this.#byNumber.set(probe.n, probe);
  }

  #open(breakpoint: DesiredBreakpoint, places: readonly BreakablePlace[]): Probe {
    const { record } = breakpoint;
    const message = record.log === undefined ? undefined : parseLogMessage(record.log);
    const expressions = message?.expressions ?? record.capture ?? [];
    const all = record.condition === undefined ? expressions : [...expressions, record.condition];
    return {
      n: ++this.#lastNumber,
      id: record.id,
      breakpoint,
      message,
      expressions,
      isBounded: all.every(endsByItself),
      places,
      file: undefined,
      mode: record.kind === 'trace' ? 'code' : 'condition',
      state: { state: 'armed' },
      names: expressions,
      since: this.#options.timers.now(),
      hits: 0,
      missed: 0,
      stays: false,
      tries: 0,
    };
  }

  /** @returns scripts whose text changed */
  async #edit(): Promise<Set<string>> {
    const wanted = this.#wantedEdits();
    const changed = new Set<string>();
    if (wanted.size === 0) return changed;
    if (this.#options.stands()) {
      this.#retryLater();
      for (const probe of this.#probes.values()) if (probe.mode === 'code' && probe.tries === 0) probe.state = STANDS;
      return changed;
    }
    const outcomes = new Map<string, EditOutcome>();
    for (const [scriptId, edits] of wanted) {
      const done = await this.#edits.apply(scriptId, edits);
      for (const [key, outcome] of done.outcomes) outcomes.set(key, outcome);
      if (done.changed) changed.add(scriptId);
      if (edits.length === 0 && !done.restored) this.#retryLater();
    }
    for (const probe of this.#probes.values()) if (probe.mode === 'code') this.#judge(probe, outcomes);
    return changed;
  }

  /** By script; one that has something in it and is to have nothing gets an empty list. */
  #wantedEdits(): Map<string, ScriptEdit[]> {
    const wanted = new Map<string, ScriptEdit[]>(this.#edits.edited.map((scriptId) => [scriptId, []]));
    for (const probe of this.#probes.values()) {
      if (probe.mode !== 'code') continue;
      for (const place of probe.places) {
        wanted.set(place.scriptId, [...(wanted.get(place.scriptId) ?? []), editOf(probe, place)]);
      }
    }
    return wanted;
  }

  /** What became of a probe's code at its places. */
  #judge(probe: Probe, outcomes: ReadonlyMap<string, EditOutcome>): void {
    const found = probe.places.flatMap((place) => outcomes.get(editOf(probe, place).key) ?? []);
    const impossible = found.find((outcome) => outcome.how === 'impossible');
    if (impossible !== undefined) {
      if (isSeldomHit(probe)) return stay(probe);
      probe.mode = 'out';
      const hot =
        probe.message === undefined ? 'Cannot be traced' : `Taken out: hit more than ${HOT} times a second, and`;
      probe.state = { state: 'refused', reason: `${hot}: ${impossible.reason}`.replace('and:', 'and').slice(0, 300) };
      return;
    }
    if (found.some(({ how }) => how === 'blocked')) {
      probe.tries += 1;
      const isLast = probe.tries >= MAX_TRIES;
      if (isSeldomHit(probe)) return isLast ? stay(probe) : this.#retryLater();
      if (!isLast) {
        probe.state = { state: 'pending', reason: 'Its function runs or waits: tried again until it has returned' };
        return this.#retryLater();
      }
      probe.mode = 'out';
      probe.state = {
        state: 'refused',
        reason: 'Taken out: its function never returns, so that its code cannot change',
      };
      return;
    }
    const [first] = found;
    if (first?.how !== 'in') return;
    probe.tries = 0;
    probe.names = first.names;
    const isBlind = probe.message === undefined && !first.seesThrows;
    probe.state = { state: 'armed', ...(isBlind ? { reason: 'Calls that throw leave no record' } : {}) };
  }

  #retryLater(): void {
    this.#cancelRetry ??= this.#options.timers.after(RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#options.onChange();
    });
  }

  #onHandedOver({ counts, hits, failed }: HandedOver): void {
    for (const [n, count, missed] of counts) {
      const probe = this.#byNumber.get(n);
      if (probe === undefined) continue;
      if (count > 0) this.#options.onCounted(probe.id, count);
      if (probe.mode === 'condition') this.#watch(probe, count, missed);
    }
    const shown = hits.flatMap((hit) => {
      const probe = this.#byNumber.get(hit.n);
      return probe === undefined ? [] : [this.#describe(probe, hit)];
    });
    if (shown.length > 0) this.#options.onHits(shown);
    for (const [n, threw] of failed) {
      const record = this.#byNumber.get(n)?.breakpoint.record;
      if (record !== undefined) this.#options.onConditionFailed(record, loggedValue('', threw));
    }
  }

  #watch(probe: Probe, count: number, missed: number): void {
    const now = this.#options.timers.now();
    if (now - probe.since > WINDOW_MS) {
      probe.since = now;
      probe.hits = 0;
      probe.missed = 0;
    }
    probe.hits += count;
    probe.missed += missed;
    if (probe.hits + (probe.stays ? 0 : probe.missed) < HOT) return;
    probe.mode = 'code';
    this.#link.call('add', probe.n, true).then(
      () => this.#options.onChange(),
      // The program has ended.
      () => undefined,
    );
  }

  #describe(probe: Probe, hit: RuntimeHit): Hit {
    const { breakpoint, message, places, file } = probe;
    const { values, returned, threw, durationMs } = hit;
    const isTrace = message === undefined;
    const shown = values.slice(0, 60).map((taken, i) => shownValue(probe.names[i] ?? '', taken));
    const ends = {
      ...(returned === undefined ? {} : { returned: shownValue('returned', returned).value }),
      ...(threw === undefined ? {} : { threw: shownValue('threw', threw).value }),
      ...(durationMs === undefined ? {} : { durationMs }),
    };
    const text = isTrace
      ? traceText(breakpoint.record, shown, ends)
      : renderLogMessage(
          message,
          values.map((taken, i) => loggedValue(probe.names[i] ?? '', taken)),
        );
    return {
      target: this.#options.target,
      breakpoint: probe.id,
      by: breakpoint.writtenBy,
      kind: isTrace ? 'trace' : 'log',
      sequence: ++this.#sequence,
      time: hit.time,
      at: this.#options.timers.now(),
      asyncId: hit.asyncId,
      ...(file === undefined ? {} : { file }),
      line: places[0]?.line ?? 0,
      text: text.slice(0, 10_000),
      values: shown,
      ...ends,
      ...(hit.passedOver > 0 ? { passedOver: Math.floor(hit.passedOver) } : {}),
    };
  }
}

const NOT_BOOTED: ProbeState = { state: 'pending', reason: 'Armed once the program has begun' };
const OUT_OF_REACH: ProbeState = {
  state: 'refused',
  reason: 'It runs in a context of its own (vm, a test of jest), which logpoints and tracepoints do not reach',
};
const STANDS: ProbeState = { state: 'pending', reason: 'Armed once the program runs on' };

/** Taking out a logpoint because of what it does not tell would be no help. */
function isSeldomHit({ message, hits }: Probe): boolean {
  return message !== undefined && hits < HOT;
}

function stay(probe: Probe): void {
  probe.mode = 'condition';
  probe.stays = true;
  probe.tries = 0;
  probe.state = { state: 'armed' };
}

function conditionsOf(probe: Probe): ProbeCondition[] {
  const { mode, places, breakpoint, isBounded, tries } = probe;
  const isYetToBeCode = mode === 'code' && tries > 0 && isSeldomHit(probe);
  if (mode !== 'condition' && !isYetToBeCode) return [];
  const code = conditionCode(probe);
  return places.map((place) => ({ place, breakpoint, code, isBounded }));
}
