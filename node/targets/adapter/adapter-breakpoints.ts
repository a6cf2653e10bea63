/**
 * Breakpoints by line at a debug adapter. It takes all those of a file at once and forgets the ones before, so they are kept
 * here, sent together when something about a file changes, and each is answered with what the adapter made of it.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { SandboxError } from '#shared/errors.ts';
import type { PlaceVerdict } from '../attached-process.ts';
import type { AdapterRequests } from './adapter-requests.ts';

export interface WantedLine {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly condition: string | undefined;
}

interface SetLine extends WantedLine {
  readonly id: string;
  /** The adapter's own number. */
  number: number | undefined;
  /** Where it really is, once the adapter says. */
  at: number;
  isArmed: boolean;
  message: string | undefined;
}

interface Added {
  readonly id: string;
  readonly line: number;
}

export class AdapterBreakpoints {
  readonly #requests: AdapterRequests;
  readonly #set = new Map<string, SetLine>();
  /** Files to be sent, with the sending they wait for. */
  readonly #dirty = new Map<string, Promise<void>>();
  #turn: Promise<void> = Promise.resolve();
  #last = 0;

  constructor(requests: AdapterRequests) {
    this.#requests = requests;
    requests.events.on('breakpoint', (body) => {
      const { breakpoint } = body as DebugProtocol.BreakpointEvent['body'];
      const known = [...this.#set.values()].find(({ number }) => number !== undefined && number === breakpoint?.id);
      if (known !== undefined) take(known, breakpoint);
    });
  }

  /** What the adapter has against it is in its {@link verdict}. @throws {SandboxError} TARGET_GONE */
  async add(wanted: WantedLine): Promise<Added> {
    const id = `line-${++this.#last}`;
    const set: SetLine = { ...wanted, id, number: undefined, at: wanted.line, isArmed: false, message: undefined };
    this.#set.set(set.id, set);
    await this.#send(wanted.path);
    return { id: set.id, line: set.at };
  }

  async remove(id: string): Promise<void> {
    const set = this.#set.get(id);
    if (set === undefined) return;
    this.#set.delete(id);
    await this.#send(set.path);
  }

  verdict(path: string, line: number): PlaceVerdict | undefined {
    const found = [...this.#set.values()].find((set) => set.path === path && set.line === line);
    return found && { isArmed: found.isArmed, line: found.at, message: found.message };
  }

  /** Those a stop belongs to: the ones the adapter names, else the ones at its place. */
  hitBy(numbers: readonly number[] | undefined, at: { path: string | undefined; line: number }): string[] {
    const all = [...this.#set.values()];
    const named = all.filter(({ number }) => number !== undefined && numbers?.includes(number) === true);
    const hit = named.length > 0 ? named : all.filter(({ path, at: line }) => path === at.path && line === at.line);
    return hit.map(({ id }) => id);
  }

  /** What is asked for in one turn goes out together, file by file, one list after the other. */
  #send(path: string): Promise<void> {
    const known = this.#dirty.get(path);
    if (known !== undefined) return known;
    const sending = this.#turn.then(async () => {
      // Several are set and taken out at once: the list is made when all of them are said.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#dirty.delete(path);
      await this.#sendNow(path);
    });
    this.#dirty.set(path, sending);
    // The next file is not to suffer; whoever asked hears of it.
    this.#turn = sending.catch(() => undefined);
    return sending;
  }

  async #sendNow(path: string): Promise<void> {
    const lines = [...this.#set.values()].filter((set) => set.path === path);
    const asked = {
      source: { path },
      breakpoints: lines.map(({ line, condition }) => ({ line, ...(condition === undefined ? {} : { condition }) })),
      sourceModified: false,
    };
    try {
      const { breakpoints } = await this.#requests.ask<DebugProtocol.SetBreakpointsResponse['body']>(
        'setBreakpoints',
        asked,
      );
      for (const [index, set] of lines.entries()) take(set, breakpoints[index] ?? { verified: false });
    } catch (error) {
      const { code, message } = SandboxError.from(error);
      if (code === 'TARGET_GONE') throw error;
      for (const set of lines) take(set, { verified: false, message });
    }
  }
}

function take(set: SetLine, { id, verified, line, message }: DebugProtocol.Breakpoint): void {
  set.number = id ?? set.number;
  set.isArmed = verified;
  set.message = message;
  if (line !== undefined) set.at = line;
}
