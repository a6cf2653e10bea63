/** Code that no step ends in: Node's own, what the host skips, and the files that the step under way skips besides. */

import type { Protocol } from 'devtools-protocol';
import { INTERNAL_SCRIPTS } from '../script-urls.ts';
import { SkipFiles } from './skip-files.ts';

export class SkippedCode {
  /** V8's own blackboxing has no effect on many of Node's scripts (measured on 20.20): they are stepped through by us. */
  readonly #patterns: readonly RegExp[];
  readonly #scripts = new Set<string>();
  readonly #urlOf: (scriptId: string) => string;
  #ofStep: SkipFiles | undefined;

  /** @param patterns of URLs, besides Node's own */
  constructor(patterns: readonly string[], urlOf: (scriptId: string) => string) {
    this.#patterns = [INTERNAL_SCRIPTS, ...patterns].map((pattern) => new RegExp(pattern));
    this.#urlOf = urlOf;
  }

  /** To be told of every parsed script. */
  add({ url, scriptId }: Protocol.Debugger.ScriptParsedEvent): void {
    if (this.#isSkipped(url)) this.#scripts.add(scriptId);
  }

  /** Whether it is a script of the program's. */
  isOwn(url: string): boolean {
    return url !== '' && !this.#isSkipped(url);
  }

  /** Whether a frame is in code that is stepped over by everybody. */
  has({ location }: Protocol.Debugger.CallFrame): boolean {
    return this.#scripts.has(location.scriptId);
  }

  /** A step begins. @param files that it does not end in, see SkipFiles */
  beginStep(files: readonly string[]): void {
    this.#ofStep = new SkipFiles(files);
  }

  /** @param isStepping whether the files of the last step count */
  isSteppedThrough(scriptId: string, isStepping: boolean): boolean {
    if (this.#scripts.has(scriptId)) return true;
    return isStepping && this.#ofStep?.has(this.#urlOf(scriptId)) === true;
  }

  #isSkipped(url: string): boolean {
    return this.#patterns.some((pattern) => pattern.test(url));
  }
}
