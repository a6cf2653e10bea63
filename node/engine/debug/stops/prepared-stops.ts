/**
 * Stops at breakpoints that leave a snapshot and hold nobody. What is read there is said beforehand, so that the program
 * stands for the reading alone (see prepared-looks.ts); not while somebody steps, since V8 forgets the step.
 */

import type { CdpSession } from '../../../targets/attached-process.ts';
import type { LookCall } from '../../../targets/prepared-looks.ts';
import type { CaptureLimits } from '../inspection-tool/answers.ts';
import { CAPTURE_FUNCTION } from '../inspection-tool/functions.ts';

export interface PreparedStopsParts {
  readonly cdp: CdpSession;
  /** V8's ids of breakpoints at which nobody wants more than a snapshot. */
  passing(): readonly string[];
  limits(): CaptureLimits | undefined;
  /** See {@link TargetSession.tools}. */
  tools(): Promise<readonly string[]>;
  /** Whether every stop is to be judged here. */
  isStepping(): boolean;
}

export class PreparedStops {
  readonly #parts: PreparedStopsParts;
  /** As it was told last. */
  readonly #told = new Set<string>();
  #toldCall: LookCall | undefined;
  #isUnknown = false;

  constructor(parts: PreparedStopsParts) {
    this.#parts = parts;
  }

  /** Something changed that it depends on. Told before whatever is sent once this resolves. */
  async update(): Promise<void> {
    const { passing, limits, tools, isStepping } = this.#parts;
    if (this.#isUnknown || (this.#told.size === 0 && passing().length === 0)) return;
    const [objectId = '', ...others] = await tools();
    const wanted = isStepping() ? [] : passing();
    const limit = limits();
    const isTold = wanted.length === this.#told.size && wanted.every((id) => this.#told.has(id));
    const call = limit && { objectId, others, functionDeclaration: CAPTURE_FUNCTION, limits: limit };
    if (isTold && (wanted.length === 0 || JSON.stringify(call) === JSON.stringify(this.#toldCall))) return;
    await this.#tell(wanted, call);
  }

  /** Whoever moves the program on next sends that after this. */
  withdraw(): void {
    // The session's end, if anything.
    if (this.#told.size > 0) this.#tell([], undefined).catch(() => undefined);
  }

  /** One was taken: it is not prepared any more. */
  spent(v8Breakpoint: string): void {
    this.#told.delete(v8Breakpoint);
  }

  async #tell(breakpoints: readonly string[], call: LookCall | undefined): Promise<void> {
    this.#told.clear();
    for (const id of breakpoints) this.#told.add(id);
    this.#toldCall = call;
    try {
      await this.#parts.cdp.send('Sandmesh.prepareLooks', { breakpoints, ...(call && { call }) });
    } catch {
      // A harness of an earlier version, or the session has ended: such stops are judged like any other.
      this.#isUnknown = true;
    }
  }
}
