/**
 * An adapter that ends the program when it is disconnected, whatever it is told (delve, of what it launched). When the daemon
 * leaves it, it is kept instead: told of no breakpoint any more, and to go on wherever it stops.
 */

import { exitCodeIn } from '#protocol/adapter-exit.ts';
import { dapMessageSchema } from '#protocol/dap-message.ts';

/** Delve's for a program that stands in no goroutine; others take any of theirs. */
const SOME_THREAD = 1;

type Ask = (command: string, args?: object) => void;

export class LeftAdapter {
  readonly #ask: Ask;
  readonly #onExit: (code: number) => void;
  /** Files in which breakpoints were set. */
  readonly #sources = new Map<string, unknown>();
  /** What the daemon asked for: a program, that it begins. */
  readonly #asked = new Set<string>();
  #launchSeq: number | undefined;
  #isLaunched = false;
  #isReady = false;
  #isLeft = false;

  /** @param ask sends a request; the answers come by {@link hear} */
  constructor(ask: Ask, onExit: (code: number) => void) {
    this.#ask = ask;
    this.#onExit = onExit;
  }

  /** A request of the daemon's, on its way to the adapter. */
  note(message: unknown): void {
    const { data } = dapMessageSchema.safeParse(message);
    if (data?.type !== 'request') return;
    this.#asked.add(data.command);
    if (data.command === 'launch') this.#launchSeq = data.seq;
    if (data.command !== 'setBreakpoints') return;
    const { source } = (data.arguments ?? {}) as { source?: { path?: unknown } };
    this.#sources.set(String(source?.path), source);
  }

  /** Whatever the adapter says. */
  hear(message: unknown): void {
    const { data } = dapMessageSchema.safeParse(message);
    if (data?.type === 'response' && data.request_seq === this.#launchSeq) this.#isLaunched = data.success;
    if (data?.type !== 'event') return;
    if (data.event === 'initialized') this.#isReady = true;
    if (!this.#isLeft) return;
    const code = exitCodeIn(data.event, data.body);
    if (code !== undefined) this.#onExit(code);
    if (data.event === 'initialized') this.#begin();
    if (data.event === 'stopped') this.#goOn((data.body as { threadId?: unknown } | undefined)?.threadId);
    // It says only then how the program ended.
    if (data.event === 'terminated') this.#ask('disconnect', {});
  }

  /** The daemon is gone. @returns false: there is no program to be kept */
  take(): boolean {
    const isBuilding = this.#launchSeq !== undefined && !this.#isReady;
    if (!this.#isLaunched && !isBuilding) return false;
    this.#isLeft = true;
    for (const source of this.#sources.values()) this.#ask('setBreakpoints', { source, breakpoints: [] });
    if (this.#asked.has('setFunctionBreakpoints')) this.#ask('setFunctionBreakpoints', { breakpoints: [] });
    if (!isBuilding) this.#begin();
    return true;
  }

  #begin(): void {
    if (this.#asked.has('configurationDone')) this.#goOn(SOME_THREAD);
    else this.#ask('configurationDone');
  }

  /** One that runs refuses it, which is no matter. */
  #goOn(threadId: unknown): void {
    this.#ask('continue', { threadId: typeof threadId === 'number' ? threadId : SOME_THREAD });
  }
}
