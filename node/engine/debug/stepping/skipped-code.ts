/**
 * Code that no step ends in: Node's own, what the host skips, and what the step under way skips besides: files, and what
 * compilers add to those that people wrote (`__awaiter`, `__generator`, `__decorate`).
 */

import type { Protocol } from 'devtools-protocol';
import type { GeneratedPosition } from '../../source/script-registry-interface.ts';
import { INTERNAL_SCRIPTS } from '../script-urls.ts';
import { SkipFiles } from './skip-files.ts';

type Location = Protocol.Debugger.Location;

export class SkippedCode {
  /** V8's own blackboxing has no effect on many of Node's scripts (measured on 20.20): they are stepped through by us. */
  readonly #patterns: readonly RegExp[];
  readonly #scripts = new Set<string>();
  readonly #urlOf: (scriptId: string) => string;
  readonly #isAdded: (position: GeneratedPosition) => boolean;
  #ofStep: SkipFiles | undefined;
  #skipsAdded = false;

  /**
   * @param patterns of URLs, besides Node's own
   * @param isAdded see ScriptRegistry
   */
  constructor(
    patterns: readonly string[],
    urlOf: (scriptId: string) => string,
    isAdded: (position: GeneratedPosition) => boolean,
  ) {
    this.#patterns = [INTERNAL_SCRIPTS, ...patterns].map((pattern) => new RegExp(pattern));
    this.#urlOf = urlOf;
    this.#isAdded = isAdded;
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

  /**
   * A step begins.
   *
   * @param files that it does not end in, see SkipFiles
   * @param from where it begins: whoever stands in what a compiler added looks at just that
   */
  beginStep(files: readonly string[], from: Location | undefined): void {
    this.#ofStep = new SkipFiles(files);
    this.#skipsAdded = from !== undefined && !this.#isAdded(positionOf(from));
  }

  /** @param isStepping whether the files of the last step count */
  isSteppedThrough(scriptId: string, isStepping: boolean): boolean {
    if (this.#scripts.has(scriptId)) return true;
    return isStepping && this.#ofStep?.has(this.#urlOf(scriptId)) === true;
  }

  /** Whether the last step skips this place as one that a compiler added. */
  isAdded(location: Location): boolean {
    return this.#skipsAdded && this.#isAdded(positionOf(location));
  }

  #isSkipped(url: string): boolean {
    return this.#patterns.some((pattern) => pattern.test(url));
  }
}

function positionOf({ scriptId, lineNumber, columnNumber = 0 }: Location): GeneratedPosition {
  return { scriptId, lineNumber, columnNumber };
}
