/** What moves a program on that stands: letting it run, a step, running a frame again from its start. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { AdapterTraits, CdpSession } from '../../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../../source/script-registry-interface.ts';
import type { PausedAt } from '../stops/pause-builder.ts';
import type { PreparedStops } from '../stops/prepared-stops.ts';
import { unlessGone } from '../targets/target-gone.ts';
import { type CallTarget, callTargets, isAt, placeOfCall } from './call-targets.ts';
import { mayStandAtAwait, resumptionOf } from './compiled-await.ts';
import { frameToRestart } from './frame-restart.ts';
import type { ReturnPoints } from './return-points.ts';
import type { SkippedCode } from './skipped-code.ts';
import { STEP_METHODS, type StepChoice, type StepKind, type Stepper } from './stepper.ts';

export interface MovesParts {
  readonly cdp: CdpSession;
  readonly registry: ScriptRegistry;
  readonly adapter: AdapterTraits | undefined;
  readonly stepper: Stepper;
  readonly skipped: SkippedCode;
  readonly returns: ReturnPoints;
  readonly prepared: PreparedStops;
  /** Where the program stands. @throws {SandboxError} NOT_PAUSED: it cannot do this action */
  mustBePaused(action: string): PausedAt;
  /** V8 has answered that it runs on from this stop; its events may have overtaken that, up to the next stop. */
  onResumed(from: Pause): void;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class Moves {
  readonly #parts: MovesParts;
  /** A step into goes here first. */
  #chosenCall: GeneratedPosition | undefined;

  constructor(parts: MovesParts) {
    this.#parts = parts;
  }

  /** @throws {SandboxError} NOT_PAUSED */
  async resume(): Promise<void> {
    const { stepper, prepared, mustBePaused, onResumed, onError } = this.#parts;
    const { pause } = mustBePaused('resume it');
    stepper.end(null);
    unlessGone(prepared.update()).catch(onError);
    await this.#letRun('Debugger.resume');
    onResumed(pause);
  }

  /**
   * @param choice `call`, with `into`: one of {@link calls}; `waitMs`: how long to wait for the new stop
   * @returns the new stop, null when it ran on
   * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT
   */
  async step(kind: StepKind, { call, waitMs, skip = [] }: StepChoice = {}): Promise<Pause | null> {
    const { cdp, adapter, stepper, skipped, returns, prepared, mustBePaused } = this.#parts;
    const { callFrames } = mustBePaused('step');
    const at = call === undefined ? undefined : placeOfCall(await this.calls(), call, callFrames[0]?.location);
    const mayAwait = at === undefined && adapter === undefined && mayStandAtAwait(kind, callFrames);
    const resumption = mayAwait ? await resumptionOf(cdp, callFrames) : undefined;
    mustBePaused('step');
    const arrival = stepper.begin(kind, callFrames, waitMs);
    prepared.withdraw();
    this.#chosenCall = at;
    skipped.beginStep(skip, callFrames[0]?.location);
    try {
      if (resumption !== undefined && (await returns.set(resumption))) await this.#letRun('Debugger.resume');
      else if (at === undefined) await this.#letRun(STEP_METHODS[kind]);
      else await cdp.send('Debugger.continueToLocation', { location: at, targetCallFrames: 'current' });
    } catch (error) {
      stepper.end(null);
      throw error;
    }
    return arrival;
  }

  /** Calls that the innermost frame's line is yet to make. @throws {SandboxError} NOT_PAUSED */
  async calls(): Promise<CallTarget[]> {
    const { cdp, registry, adapter, mustBePaused } = this.#parts;
    const [top] = mustBePaused('list its calls').callFrames;
    return top === undefined || adapter !== undefined ? [] : callTargets(cdp, registry, top);
  }

  /**
   * Runs a frame again from its start.
   *
   * @throws {SandboxError} NOT_PAUSED, EVALUATION_FAILED when V8 cannot, and see {@link frameToRestart}
   */
  async restartFrame(frame: number): Promise<void> {
    const { cdp, stepper, skipped, prepared, mustBePaused } = this.#parts;
    const { callFrames } = mustBePaused('restart a frame');
    const callFrameId = frameToRestart(callFrames, frame, (each) => skipped.has(each));
    const arrival = stepper.begin('into', callFrames);
    prepared.withdraw();
    try {
      await cdp.send('Debugger.restartFrame', { callFrameId, mode: 'StepInto' });
    } catch (cause) {
      stepper.end(null);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxError('EVALUATION_FAILED', `Cannot restart frame ${frame}: ${why}`, { cause });
    }
    await arrival;
  }

  /** To be asked once at each stop. @returns whether it stands right before the call that a step into goes to */
  takeChosenCall({ callFrames: [top], hitBreakpoints = [] }: Protocol.Debugger.PausedEvent): boolean {
    const chosen = this.#chosenCall;
    this.#chosenCall = undefined;
    return chosen !== undefined && isAt(chosen, top?.location) && hitBreakpoints.length === 0;
  }

  /** A program that ends before its answer arrives did run on. */
  async #letRun(method: 'Debugger.resume' | (typeof STEP_METHODS)[StepKind]): Promise<void> {
    await unlessGone(this.#parts.cdp.send(method));
  }
}
