/** Lines of what a program prints: an adapter tells of it in the pieces in which it is written, `print` in Python of four. */

/** What stays without its end for so long is a prompt. */
const UNFINISHED_MS = 250;
const MAX_UNFINISHED_CHARS = 64 * 1024;

export class OutputLines {
  readonly #onLine: (category: string, line: string) => void;
  /** Category → a line that is not ended yet. */
  readonly #unfinished = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onLine: (category: string, line: string) => void) {
    this.#onLine = onLine;
  }

  add(category: string, text: string): void {
    const lines = ((this.#unfinished.get(category) ?? '') + text).split(/\r?\n/);
    const rest = lines.pop() ?? '';
    this.#unfinished.delete(category);
    for (const line of lines) this.#onLine(category, line);
    if (rest.length > MAX_UNFINISHED_CHARS) this.#onLine(category, rest);
    else if (rest !== '') this.#unfinished.set(category, rest);
    clearTimeout(this.#timer);
    if (this.#unfinished.size > 0) this.#timer = setTimeout(() => this.flush(), UNFINISHED_MS).unref();
  }

  /** Tells what has no end yet. */
  flush(): void {
    clearTimeout(this.#timer);
    const unfinished = [...this.#unfinished];
    this.#unfinished.clear();
    for (const [category, line] of unfinished) this.#onLine(category, line);
  }
}
