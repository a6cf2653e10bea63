/** Code of breakpoints that failed in one process: it did not end, or it threw. A record with other code is another matter. */

import type { BreakpointId } from '#shared/ids.ts';
import type { Breakpoint } from '#shared/model/breakpoint.ts';
import { codeOf } from './breakpoint-obstacles.ts';

const MAX_WHY_CHARS = 200;

export class CodeFailures {
  readonly #endless = new Map<BreakpointId, string>();
  readonly #thrown = new Map<BreakpointId, { readonly code: string; readonly why: string }>();

  noteEndless(record: Breakpoint): void {
    this.#endless.set(record.id, codeOf(record));
  }

  /** @param why what it threw */
  noteThrown(record: Breakpoint, why: string): void {
    const [line = ''] = why.split('\n');
    this.#thrown.set(record.id, { code: codeOf(record), why: line.slice(0, MAX_WHY_CHARS) });
  }

  isEndless(record: Breakpoint): boolean {
    return this.#endless.get(record.id) === codeOf(record);
  }

  /** @returns what it threw when it was first seen to; undefined while it was not */
  thrownBy(record: Breakpoint): string | undefined {
    const failure = this.#thrown.get(record.id);
    return failure?.code === codeOf(record) ? failure.why : undefined;
  }

  /** For everybody who watches the program. */
  describe(record: Breakpoint): string {
    if (this.isEndless(record)) return `Taken out: breakpoint ${record.id}, whose condition does not end`;
    return `The condition of breakpoint ${record.id} failed, which counts as false: ${this.thrownBy(record)}`;
  }

  /** @param isWanted what is not, is tried anew when it is wanted again */
  keep(isWanted: (id: BreakpointId) => boolean): void {
    for (const failed of [this.#endless, this.#thrown]) {
      for (const id of [...failed.keys()]) if (!isWanted(id)) failed.delete(id);
    }
  }
}
