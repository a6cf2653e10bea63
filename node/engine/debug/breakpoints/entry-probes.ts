/**
 * Stops every script that may contain a pending breakpoint at its first statement, for as long as it takes to look at
 * its source map and arm it. V8's own `setInstrumentationBreakpoint` does not fire for CommonJS (measured on Node
 * 20.20), so these are plain breakpoints by URL on the first line. A probe costs one short pause per new script.
 */

import type { CdpSession } from '../../../targets/attached-process.ts';

export class EntryProbes {
  readonly #cdp: CdpSession;
  /** URL pattern → V8's breakpoint id. */
  readonly #set = new Map<string, string>();
  /** Scripts that keep hitting: in a module of nothing but functions V8 puts the probe into one of those. */
  readonly #excluded = new Set<string>();
  readonly #seen = new Set<string>();
  #wanted: ReadonlySet<string> = new Set();
  /** One change at a time: V8 takes a pattern once only. */
  #applying: Promise<void> = Promise.resolve();

  constructor(cdp: CdpSession) {
    this.#cdp = cdp;
  }

  isProbe(v8Breakpoint: string): boolean {
    return [...this.#set.values()].includes(v8Breakpoint);
  }

  /** @param patterns URL patterns to stop in from now on; none removes every probe */
  async want(patterns: ReadonlySet<string>): Promise<void> {
    this.#wanted = patterns;
    await this.#apply();
  }

  /**
   * To be told of every hit. A script that hits a second time is taken out, so that a probe never slows a running
   * function.
   */
  async hit(scriptId: string, url: string): Promise<void> {
    if (!this.#seen.has(scriptId)) {
      this.#seen.add(scriptId);
      return;
    }
    if (url === '' || this.#excluded.has(url)) return;
    this.#excluded.add(url);
    await this.#apply();
  }

  #apply(): Promise<void> {
    const applied = this.#applying.then(() => this.#applyNow());
    // A failure is the process's end: whoever asks next learns it, too.
    this.#applying = applied.catch(() => undefined);
    return applied;
  }

  async #applyNow(): Promise<void> {
    const patterns = new Map([...this.#wanted].map((pattern) => [pattern, this.#withExclusions(pattern)]));
    const keep = new Set(patterns.values());
    const stale = [...this.#set].filter(([pattern]) => !keep.has(pattern));
    const fresh = [...keep].filter((pattern) => !this.#set.has(pattern));
    // The new ones first: no script slips through in between.
    await Promise.all(
      fresh.map(async (urlRegex) => {
        const set = await this.#cdp.send('Debugger.setBreakpointByUrl', { urlRegex, lineNumber: 0, columnNumber: 0 });
        this.#set.set(urlRegex, set.breakpointId);
      }),
    );
    await Promise.all(
      stale.map(async ([pattern, breakpointId]) => {
        this.#set.delete(pattern);
        await this.#cdp.send('Debugger.removeBreakpoint', { breakpointId });
      }),
    );
  }

  #withExclusions(pattern: string): string {
    if (this.#excluded.size === 0) return pattern;
    const urls = [...this.#excluded].map((url) => url.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
    return `^(?!(?:${urls.join('|')})$)(?=.*(?:${pattern}))`;
  }
}
