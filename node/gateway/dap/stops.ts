/**
 * Where the program stands, as the client was told. Stops of others reach it like its own; a request that moves the
 * program is answered before what it leads to is told.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { SandboxError } from '#shared/errors.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { DapSession } from './dap-session.ts';
import { THREAD_ID } from './thread-id.ts';

export class Stops {
  readonly #session: DapSession;
  #current: Pause | undefined;
  /** The stop that a request ended whose answer came before the news of it. */
  #ended: Pause | undefined;
  /** A stop that this client itself ended: the response told it so. */
  #left: number | undefined;
  readonly #moves = new Set<() => void>();

  constructor(session: DapSession) {
    this.#session = session;
  }

  get current(): Pause | undefined {
    return this.#current;
  }

  /** @throws {SandboxError} NOT_PAUSED */
  get mustBeCurrent(): Pause {
    if (this.#current !== undefined) return this.#current;
    throw new SandboxError('NOT_PAUSED', 'Cannot look into the program: it is running');
  }

  /** @param pause as its host tells it; null: it runs */
  take(pause: Pause | null): void {
    const before = this.#current;
    if (pause !== null && isSame(pause, before ?? this.#ended)) return;
    if (pause === null && before === undefined) {
      if (this.#ended !== undefined) this.#session.looked.frame(undefined);
      return;
    }
    this.#session.forgetShown();
    this.#current = pause ?? undefined;
    const wasLeft = before !== undefined && this.#left === before.id;
    this.#left = undefined;
    for (const answer of this.#moves) answer();
    if (pause === null) {
      this.#session.looked.frame(undefined);
      if (!wasLeft) this.#tellAfterResponses('continued', { threadId: THREAD_ID, allThreadsContinued: true });
      return;
    }
    this.#session.read.readAhead();
    this.#tellAfterResponses('stopped', this.#describe(pause));
    // Whoever carries the client's bytes forgets at that.
    setImmediate(() => void this.#session.repeatable.tellAhead());
  }

  /**
   * Runs a command that moves the program.
   *
   * @returns once the request may be answered: the command was accepted, or what it leads to is here
   */
  async move(run: () => Promise<unknown>): Promise<void> {
    const pause = this.mustBeCurrent;
    const { id } = pause;
    this.#left = id;
    let answer: () => void = () => undefined;
    const moved = new Promise<void>((resolve) => {
      answer = resolve;
    });
    this.#moves.add(answer);
    try {
      await Promise.race([moved, run().then(() => this.#end(pause))]);
    } catch (error) {
      if (this.#left === id) this.#left = undefined;
      throw error;
    } finally {
      this.#moves.delete(answer);
    }
  }

  /** The host has moved the program: nothing that is asked from here on is about that stop, though it may still be told of. */
  #end(pause: Pause): void {
    if (this.#current !== pause) return;
    this.#session.forgetShown();
    this.#current = undefined;
    this.#ended = pause;
    this.#left = undefined;
  }

  /** A response is written a few microtasks after its request was done. */
  #tellAfterResponses(event: string, body: object): void {
    setImmediate(() => this.#session.wire.event(event, body));
  }

  #describe(pause: Pause): DebugProtocol.StoppedEvent['body'] {
    const hitBreakpointIds = pause.hitBreakpoints.flatMap((id) => this.#session.breakpoints.numberOf(id) ?? []);
    return {
      reason: REASONS[pause.reason],
      description: this.#explain(pause),
      threadId: THREAD_ID,
      allThreadsStopped: true,
      ...(pause.detail === undefined ? {} : { text: pause.detail }),
      ...(hitBreakpointIds.length === 0 ? {} : { hitBreakpointIds }),
    };
  }

  #explain(pause: Pause): string {
    const whose = this.#session.breakpoints.ownersOf(pause.hitBreakpoints);
    const set = whose.length === 0 ? '' : `, set by ${whose.join(' and ')}`;
    const { members } = this.#session;
    const isOwn = pause.heldBy === undefined || pause.heldBy === members.self;
    const held = pause.heldBy === undefined ? '' : `, held by ${isOwn ? 'you' : members.nameOf(pause.heldBy)}`;
    if (pause.reason === 'breakpoint') return `Paused on a breakpoint${set}${held}`;
    return `${DESCRIPTIONS[pause.reason]}${set}${held}`;
  }
}

function isSame(a: Pause, b: Pause | undefined): boolean {
  return a.id === b?.id && a.at === b.at;
}

const REASONS: Readonly<Record<Pause['reason'], string>> = {
  breakpoint: 'breakpoint',
  step: 'step',
  exception: 'exception',
  'pause-command': 'pause',
  'debugger-statement': 'breakpoint',
  entry: 'entry',
  other: 'pause',
};

const DESCRIPTIONS: Readonly<Record<Exclude<Pause['reason'], 'breakpoint'>, string>> = {
  step: 'Paused after a step',
  exception: 'Paused on an exception',
  'pause-command': 'Paused',
  'debugger-statement': 'Paused on a debugger statement',
  entry: 'Paused at the first line',
  other: 'Paused',
};
