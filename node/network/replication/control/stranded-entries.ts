/**
 * Control entries that were read back from a damaged log and do not fit: what they follow is missing. They stay in the
 * log, and are taken up as soon as a peer has brought that.
 */

import { parseControlEntry } from '#protocol/control-entry.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { SandboxError } from '#shared/errors.ts';

export class StrandedEntries {
  #texts: readonly string[];

  /** @param texts in the order in which they lie in the log */
  constructor(texts: readonly string[] = []) {
    this.#texts = texts;
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Whether some belong to this log: whoever signs there without them forks it. */
  belongTo(log: number): boolean {
    return this.#texts.some((text) => parseControlEntry(text).log === log);
  }

  /** Takes up those that fit now. They are verified like something that arrived. */
  async takeUp(control: ControlLog): Promise<void> {
    for (let before = -1; this.#texts.length > 0 && this.#texts.length !== before; ) {
      before = this.#texts.length;
      const left: string[] = [];
      for (const text of this.#texts) {
        try {
          await control.append(text);
        } catch (error) {
          if (SandboxError.from(error).code !== 'BAD_CONTROL_ENTRY') throw error;
          left.push(text);
        }
      }
      this.#texts = left;
    }
  }
}
