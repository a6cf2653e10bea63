/**
 * Answers that whatever carries the client's bytes may give itself, which saves the way here: those to requests that change
 * nothing, while the program stands and nobody is known to have changed something there. The ones that an editor asks for
 * at every stop are told without being asked, as soon as they are here.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { FORGET_EVENT, KNOWN_EVENT, type KnownAnswer, REPEATABLE_REQUESTS } from '#protocol/dap-bridge.ts';
import type { DapRequestMessage } from '#protocol/dap-message.ts';
import type { AnswerRequest, DapSession } from './dap-session.ts';

/** Ways of a client to ask for the stack: VS Code asks for the innermost frame first, and then for some more. */
const MAX_STACKS = 2;
const MAX_ARGUMENT_CHARS = 1_000;

export class RepeatableAnswers {
  readonly #session: DapSession;
  readonly #ask: AnswerRequest;
  /** Something was told since it was last taken back. */
  #isTold = false;
  /** What this client asks for at a stop. */
  readonly #asked = new Set<string>();
  readonly #stacks = new Map<string, object>();

  /** @param ask as a request of the client's would be answered */
  constructor(session: DapSession, ask: AnswerRequest) {
    this.#session = session;
    this.#ask = ask;
  }

  /**
   * @param since generation of what is read, when the request came
   * @returns whether its response may be repeated until {@link forget}
   */
  take({ command, arguments: args }: Pick<DapRequestMessage, 'command' | 'arguments'>, since: number): boolean {
    if (!REPEATABLE_REQUESTS.has(command)) return false;
    this.#asked.add(command);
    if (command === 'stackTrace') this.#noteStack((args ?? {}) as object);
    if (!this.#mayTell(since)) return false;
    this.#isTold = true;
    return true;
  }

  /** Whatever was told may be out of date. */
  forget(): void {
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#session.wire.event(FORGET_EVENT);
  }

  /** The client was told of a stop: what it is about to ask for. */
  async tellAhead(): Promise<void> {
    const since = this.#session.read.generation;
    try {
      if (this.#asked.has('threads')) await this.#tell('threads', {}, since);
      for (const args of this.#stacks.values()) {
        const stack = await this.#tell<DebugProtocol.StackTraceResponse['body']>('stackTrace', args, since);
        const isInnermost = ((args as DebugProtocol.StackTraceArguments).startFrame ?? 0) === 0;
        const [top] = stack?.stackFrames ?? [];
        if (isInnermost && top !== undefined) await this.#tellValues(top.id, since);
      }
    } catch {
      // Whoever asks meets the error itself.
    }
  }

  #noteStack(args: object): void {
    const text = JSON.stringify(args);
    if (this.#stacks.size < MAX_STACKS && text.length < MAX_ARGUMENT_CHARS) this.#stacks.set(text, args);
  }

  async #tellValues(frameId: number, since: number): Promise<void> {
    if (!this.#asked.has('scopes')) return;
    const found = await this.#tell<DebugProtocol.ScopesResponse['body']>('scopes', { frameId }, since);
    if (!this.#asked.has('variables')) return;
    for (const { expensive, namedVariables, variablesReference } of found?.scopes ?? []) {
      // What did not come with the scope has to be fetched, for which somebody must want it.
      if (expensive || namedVariables === undefined) continue;
      await this.#tell('variables', { variablesReference }, since);
    }
  }

  async #tell<T extends object>(command: string, args: object, since: number): Promise<T | undefined> {
    if (!this.#mayTell(since)) return undefined;
    const body = await this.#ask(command, args);
    if (body === undefined || !this.#mayTell(since)) return undefined;
    this.#isTold = true;
    this.#session.wire.event(KNOWN_EVENT, { command, arguments: args, body } satisfies KnownAnswer);
    return body as T;
  }

  #mayTell(since: number): boolean {
    const { place, stops, read } = this.#session;
    return place.repeats && stops.current !== undefined && read.generation === since;
  }
}
