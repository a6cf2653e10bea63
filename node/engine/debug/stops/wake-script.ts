/**
 * A script that does nothing, run to meet the stop that V8 owes: one that was asked for while the program ran no statement
 * happens in it at the latest. Once it is answered none is left to come.
 */

import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { TOOL_URL } from '../inspection-tool/functions.ts';

const URL = `${TOOL_URL}/wake`;
const SOURCE = `0\n//# sourceURL=${URL}`;

export class WakeScript {
  readonly #cdp: CdpSession;
  #scriptId: string | undefined;
  #runs = 0;

  constructor(cdp: CdpSession) {
    this.#cdp = cdp;
  }

  /** It was sent and is not answered. */
  get isRunning(): boolean {
    return this.#runs > 0;
  }

  /** @returns whether the script is this one */
  owns({ url, scriptId }: Protocol.Debugger.ScriptParsedEvent): boolean {
    if (url !== URL) return false;
    this.#scriptId = scriptId;
    return true;
  }

  /** The program stands in it, and so nowhere else. */
  isIn(callFrames: readonly Protocol.Debugger.CallFrame[]): boolean {
    return this.#scriptId !== undefined && callFrames[0]?.location.scriptId === this.#scriptId;
  }

  /** @returns once it has run, or the program is gone */
  async run(): Promise<void> {
    this.#runs += 1;
    try {
      await this.#cdp.send('Runtime.evaluate', { expression: SOURCE, silent: true });
    } catch {
      // Whoever waits for the program hears from it that it is gone.
    } finally {
      this.#runs -= 1;
    }
  }
}
