/**
 * The terminal while `watch` runs: alternate screen, raw keys, only changed lines repainted. Whatever ends the
 * process, the terminal is as it was.
 */

import type { Size } from './view.ts';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';

export interface ScreenStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export class Screen {
  readonly #stdin: NodeJS.ReadStream;
  readonly #stdout: NodeJS.WriteStream;
  readonly #onKeys: (keys: string) => void;
  readonly #onResize: () => void;
  readonly #restore = (): void => this.stop();
  #painted: string[] = [];
  #active = false;

  /** @param onKeys gets what the terminal sent, usually one key */
  constructor(streams: ScreenStreams, onKeys: (keys: string) => void, onResize: () => void) {
    this.#stdin = streams.stdin;
    this.#stdout = streams.stdout;
    this.#onKeys = onKeys;
    this.#onResize = onResize;
  }

  get size(): Size {
    return { columns: this.#stdout.columns ?? 80, rows: this.#stdout.rows ?? 24 };
  }

  start(): void {
    if (this.#active) return;
    this.#active = true;
    this.#painted = [];
    this.#stdout.write(ENTER);
    this.#stdin.setRawMode(true);
    this.#stdin.setEncoding('utf8');
    this.#stdin.on('data', this.#onKeys);
    this.#stdin.resume();
    this.#stdout.on('resize', this.#resized);
    // The last resort: also runs after an uncaught error and process.exit().
    process.once('exit', this.#restore);
  }

  /** Safe to call twice. */
  stop(): void {
    if (!this.#active) return;
    this.#active = false;
    process.off('exit', this.#restore);
    this.#stdout.off('resize', this.#resized);
    this.#stdin.off('data', this.#onKeys);
    this.#stdin.pause();
    // The terminal may be gone already (SIGHUP): nothing is left to restore then.
    if (!this.#stdin.destroyed) this.#stdin.setRawMode(false);
    this.#stdout.write(LEAVE);
  }

  /** Ctrl-Z: hands the terminal back until the shell brings us to the front again. */
  suspend(): void {
    this.stop();
    process.once('SIGCONT', () => {
      this.start();
      this.#onResize();
    });
    process.kill(process.pid, 'SIGTSTP');
  }

  /** @param lines one per row, none wider than the screen */
  paint(lines: readonly string[]): void {
    if (!this.#active) return;
    let update = '';
    for (const [row, line] of lines.entries()) {
      if (this.#painted[row] !== line) update += `\u001b[${row + 1};1H${line}\u001b[K`;
    }
    if (this.#painted.length > lines.length) update += `\u001b[${lines.length + 1};1H\u001b[J`;
    this.#painted = [...lines];
    if (update !== '') this.#stdout.write(BEGIN_UPDATE + update + END_UPDATE);
  }

  readonly #resized = (): void => {
    this.#painted = [];
    this.#stdout.write('\u001b[2J');
    this.#onResize();
  };
}
