/**
 * Where a step leads when V8 can no longer take it there. Any stop on the way (a probe, a condition found false) ends
 * V8's own step, and none leads out through Node's `require`: V8 steps out by the return positions of a function, and a
 * `return` through `finally` has none (measured on 20.20). So every statement of the program's functions that wait on
 * the stack gets a breakpoint until one of them is reached.
 */

import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { StatementOutline } from './statements.ts';

/** Setting one takes some 50 µs; the innermost functions come first. */
const MAX_POINTS = 2000;

/** A function to which the program may come back. */
export interface ReturnFrame {
  /** Of the function. */
  readonly start: Protocol.Debugger.Location;
  /** The statement with this position in it does not count: it is being stepped over. */
  readonly except?: Protocol.Debugger.Location;
  /** It comes back where it waited: nor do statements count that only lead on from there. */
  readonly isResumed?: boolean;
}

export interface ReturnTarget {
  /** Innermost first. */
  readonly frames: readonly ReturnFrame[];
  /** A stop with more frames than this on the stack is in a recursive call. */
  readonly maxDepth: number;
}

export class ReturnPoints {
  readonly #cdp: CdpSession;
  readonly #urlOf: (scriptId: string) => string;
  readonly #points = new Set<string>();
  #maxDepth = 0;
  #setting: Promise<boolean> | undefined;
  /** Grows with every clearing: what is still on its way to V8 then is not wanted any more. */
  #generation = 0;

  constructor(cdp: CdpSession, urlOf: (scriptId: string) => string) {
    this.#cdp = cdp;
    this.#urlOf = urlOf;
  }

  get isSet(): boolean {
    return this.#points.size > 0;
  }

  /** Whether a stop is one to end the step at. */
  isReached(hits: readonly string[], depth: number): boolean {
    return depth <= this.#maxDepth && hits.some((hit) => this.#points.has(hit));
  }

  /** What is being set already stays so. @returns whether there is anything to come back to */
  set(target: ReturnTarget): Promise<boolean> {
    if (this.#setting !== undefined) return this.#setting;
    const setting = this.#set(target, this.#generation).finally(() => {
      if (this.#setting === setting) this.#setting = undefined;
    });
    this.#setting = setting;
    return setting;
  }

  /** Takes them out; what is sent to the target afterwards finds them gone. */
  async clear(): Promise<void> {
    this.#generation += 1;
    this.#setting = undefined;
    const points = [...this.#points];
    this.#points.clear();
    await Promise.all(points.map((point) => this.#remove(point)));
  }

  async #set({ frames, maxDepth }: ReturnTarget, generation: number): Promise<boolean> {
    this.#maxDepth = maxDepth;
    const places: Protocol.Debugger.BreakLocation[] = [];
    for (const frame of frames) {
      if (places.length < MAX_POINTS) places.push(...(await this.#placesIn(frame)));
    }
    await Promise.all(places.slice(0, MAX_POINTS).map((place) => this.#setPoint(place, generation)));
    return this.isSet;
  }

  async #placesIn({ start, except, isResumed }: ReturnFrame): Promise<readonly Protocol.Debugger.BreakLocation[]> {
    const { locations } = await this.#cdp.send('Debugger.getPossibleBreakpoints', { start, restrictToFunction: true });
    if (except === undefined) return locations;
    const { scriptSource } = await this.#cdp.send('Debugger.getScriptSource', { scriptId: start.scriptId });
    const outline = new StatementOutline(scriptSource);
    const others = locations.filter((location) => !outline.isSame(location, except));
    if (isResumed !== true) return others;
    return others.filter((location) => !outline.resumes(location) && !outline.isSame(lastOf(location), except));
  }

  /** By URL: a breakpoint by script id could be there already, and V8 takes no second one of a kind. */
  async #setPoint(
    { scriptId, lineNumber, columnNumber = 0 }: Protocol.Debugger.BreakLocation,
    generation: number,
  ): Promise<void> {
    if (generation !== this.#generation) return;
    const url = this.#urlOf(scriptId);
    const { breakpointId } =
      url === ''
        ? await this.#cdp.send('Debugger.setBreakpoint', { location: { scriptId, lineNumber, columnNumber } })
        : await this.#cdp.send('Debugger.setBreakpointByUrl', { url, lineNumber, columnNumber });
    if (generation === this.#generation) this.#points.add(breakpointId);
    else await this.#remove(breakpointId);
  }

  async #remove(breakpointId: string): Promise<void> {
    await this.#cdp.send('Debugger.removeBreakpoint', { breakpointId });
  }
}

/** V8 returns behind the statement that does. */
export function lastOf(location: Protocol.Debugger.BreakLocation): Protocol.Debugger.Location {
  const { scriptId, lineNumber, columnNumber = 0, type } = location;
  return { scriptId, lineNumber, columnNumber: type === 'return' ? Math.max(0, columnNumber - 1) : columnNumber };
}
