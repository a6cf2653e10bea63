/**
 * Stops that nobody is shown. The program is taken on from them: back to where it was wanted to stop, when a step, a
 * pause or a look led into code that is skipped, else on its way.
 */

import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { INTERNAL_SCRIPTS } from '../script-urls.ts';
import type { ReturnPoints, ReturnTarget } from '../stepping/return-points.ts';
import type { SkippedCode } from '../stepping/skipped-code.ts';
import { callersOf } from '../stepping/stepper.ts';
import { unlessGone } from '../targets/target-gone.ts';
import type { AskedStops } from './asked-stops.ts';

/**
 * Statements of Node's own that a pause or a step into may walk through before it gives up: some 30 per timer, 540 for the
 * first request of a connection.
 */
const MAX_SKIPPED_STEPS = 1_500;
/** The same where the program waits below and is come back to by other means; an `emit` calls its listener in 30. */
const MAX_SKIPPED_STEPS_ON_STACK = 100;
/** Statements that a compiler added: `__generator` has some 20 per resumption of a function. */
const MAX_ADDED_STEPS = 300;

type PausedEvent = Protocol.Debugger.PausedEvent;

export interface UnshownStopsParts {
  readonly cdp: CdpSession;
  readonly asked: AskedStops;
  readonly returns: ReturnPoints;
  readonly skipped: SkippedCode;
  /** A step ended without a new stop. */
  onRanOn(): void;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class UnshownStops {
  readonly #parts: UnshownStopsParts;
  #skippedSteps = 0;
  /** V8 was told to walk through Node's own code by itself. */
  #isBlind = false;

  constructor(parts: UnshownStopsParts) {
    this.#parts = parts;
  }

  /** The program is on its way out of skipped code: what moves it on now is ours. */
  get isLeaving(): boolean {
    return this.#skippedSteps > 0;
  }

  /** The next stop is shown: whatever way led to it is over. */
  arrived(): void {
    this.#skippedSteps = 0;
    if (!this.#isBlind) return;
    this.#isBlind = false;
    this.#setBlackbox([]).catch(this.#parts.onError);
  }

  /**
   * Nobody asked for this stop: the program runs on, and a step in progress stays one.
   *
   * @returns false: a step or a pause ends here all the same, so that it stands
   */
  async continueSilently({ callFrames: stack }: PausedEvent): Promise<boolean> {
    const { cdp, asked, returns } = this.#parts;
    const { stepper } = asked;
    if (stepper.active) {
      // The step led here anyway: show it as its end.
      if (stepper.hasArrived(stack)) return false;
      const comesBack = returns.isSet || (await this.#setReturns(stepper.target(stack)));
      if (!comesBack && !asked.isPauseAsked) {
        await this.#runOn();
        return true;
      }
    }
    // Asked for while this went on: V8, which stood already, took no notice.
    if (asked.isPauseAsked) return false;
    await cdp.send('Debugger.resume');
    return true;
  }

  /**
   * Breakpoints are about to change in these scripts. V8 forgets a step over or out of a function when one of its breakpoints
   * comes or goes before the step has ended, and the program runs on (measured on 20.20 and 24.22).
   */
  async beforeChange(scripts: ReadonlySet<string>): Promise<void> {
    const { asked, returns } = this.#parts;
    const { stepper } = asked;
    const { origin = [] } = stepper;
    if (returns.isSet || !origin.some(({ location }) => scripts.has(location.scriptId))) return;
    const { frames, maxDepth } = stepper.target(origin);
    // Code that a compiler added may be all there is of a function that holds what people wrote.
    await returns.set({ frames: frames.filter(({ start }) => !this.#isSteppedThrough(start)), maxDepth });
  }

  /** @returns once it goes on: it was looked at, or is not in code of its own yet */
  async lookAndGoOn(event: PausedEvent): Promise<void> {
    const { cdp, asked, skipped } = this.#parts;
    const { callFrames } = event;
    const isWoken = asked.glances.isWoken(callFrames);
    const isInside = callFrames.some((frame) => !skipped.has(frame));
    if (!isInside && (await this.leaveSkippedCode(event))) return;
    this.arrived();
    if (isWoken) asked.glances.fail();
    else asked.glances.look(callFrames);
    await unlessGone(cdp.send('Debugger.resume'));
  }

  /**
   * A step or a pause that arrives in Node's own code, or in what this step skips, goes on to the program's: back to it
   * where it waits on the stack, else into whatever of it is called next.
   *
   * @returns whether it went on, so that this stop is not shown
   */
  async leaveSkippedCode({ callFrames }: PausedEvent): Promise<boolean> {
    const { cdp, asked, returns } = this.#parts;
    const [top] = callFrames;
    if (top === undefined) return false;
    if (this.#isAdded(top.location)) return this.#walkThroughAdded();
    if (!this.#isSteppedThrough(top.location)) return false;
    this.#skippedSteps += 1;
    const comesBack = returns.isSet || (await this.#setReturns(callersOf(callFrames)));
    const mayEnter = asked.anywhere || asked.stepper.kind === 'into';
    const limit = comesBack || asked.glances.wanted ? MAX_SKIPPED_STEPS_ON_STACK : MAX_SKIPPED_STEPS;
    if (mayEnter && this.#skippedSteps <= limit) await this.#walkOn(comesBack);
    else if (comesBack) await cdp.send('Debugger.resume');
    else if (asked.anywhere) return false;
    else await this.#runOn();
    return true;
  }

  /** Into what it calls, since the program's own is called from there, too: it waits neither on the stack nor anywhere else. */
  async #walkThroughAdded(): Promise<boolean> {
    if (this.#skippedSteps >= MAX_ADDED_STEPS) return false;
    this.#skippedSteps += 1;
    await this.#parts.cdp.send('Debugger.stepInto');
    return true;
  }

  /**
   * Where nothing of the program is on the stack V8 passes by what it can by itself: a request's handler is reached after 540
   * stops, else not after 1,400 (measured on 20.20). Only there: it would not tell of exceptions either.
   */
  async #walkOn(comesBack: boolean): Promise<void> {
    if (!comesBack && !this.#isBlind) {
      this.#isBlind = true;
      await this.#setBlackbox([INTERNAL_SCRIPTS]);
    }
    await this.#parts.cdp.send('Debugger.stepInto');
  }

  /** It holds for what the snapshot that Node starts from does not include (measured on 20.20): for most of its scripts. */
  #setBlackbox(patterns: string[]): Promise<unknown> {
    return unlessGone(this.#parts.cdp.send('Debugger.setBlackboxPatterns', { patterns }));
  }

  /** A step ends without a new stop. */
  async #runOn(): Promise<void> {
    const { cdp, asked, onRanOn } = this.#parts;
    asked.stepper.end(null);
    this.arrived();
    await cdp.send('Debugger.resume');
    onRanOn();
  }

  /** @returns whether the program comes back to any of these functions */
  #setReturns({ frames, maxDepth }: ReturnTarget): Promise<boolean> {
    const own = frames.filter(({ start }) => !this.#isSteppedThrough(start) && !this.#isAdded(start));
    return this.#parts.returns.set({ frames: own, maxDepth });
  }

  #isAdded(location: Protocol.Debugger.Location): boolean {
    return this.#parts.asked.stepper.active && this.#parts.skipped.isAdded(location);
  }

  #isSteppedThrough({ scriptId }: Protocol.Debugger.Location): boolean {
    return this.#parts.skipped.isSteppedThrough(scriptId, this.#parts.asked.stepper.active);
  }
}
