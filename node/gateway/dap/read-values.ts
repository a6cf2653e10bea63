/**
 * What was read of a stop, kept while nothing there can have changed: an editor asks for the same scopes again and
 * again, and each time costs a way to the host and into the program. The innermost frame's are read when the program
 * stops, before an editor that looks at them asks.
 */

import type { CommandInput, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CallOptions, DapSession } from './dap-session.ts';

export interface ReadScopes {
  readonly scopes: CommandResult<'inspect.scopes'>['scopes'];
  /** When the reading began. */
  readonly generation: number;
}
type Page = CommandResult<'inspect.variables'>;
export type PageChoice = Omit<CommandInput<'inspect.variables'>, 'target'>;

/** Pages kept of one stop. */
const MAX_PAGES = 500;

export class ReadValues {
  readonly #session: DapSession;
  /** Grows with {@link forget}: what was read in an earlier one may be out of date. */
  generation = 0;
  #scopes = new Map<number, ReadScopes>();
  #pages = new Map<string, Page>();
  #early: { readonly frame: number; readonly scopes: Promise<ReadScopes | undefined> } | undefined;
  /** This client shows scopes. */
  #isAsked = false;

  constructor(session: DapSession) {
    this.#session = session;
  }

  /** The program stopped: what is about to be asked for is asked for now. */
  readAhead(): void {
    if (!this.#isAsked || this.#session.targetOrNone === undefined) return;
    // Whoever asks meets the error itself.
    this.#early = { frame: 0, scopes: this.#readScopes(0, {}).catch(() => undefined) };
  }

  /** Somebody ran code there or set a variable, or the program moved on. */
  forget(): void {
    this.generation += 1;
    // What is being read now was read before that, and is kept in none of these.
    this.#scopes = new Map();
    this.#pages = new Map();
    this.#early = undefined;
    this.#session.repeatable.forget();
  }

  /** @throws {SandboxError} as `inspect.scopes` */
  async scopes(frame: number, options: CallOptions): Promise<ReadScopes> {
    this.#isAsked = true;
    const early = this.#early?.frame === frame ? await this.#early.scopes : undefined;
    return this.#scopes.get(frame) ?? early ?? this.#readScopes(frame, options);
  }

  /** @throws {SandboxError} as `inspect.variables` */
  async page(choice: PageChoice, options: CallOptions): Promise<Page> {
    const key = JSON.stringify([choice.handle, choice.start, choice.count, choice.filter]);
    const pages = this.#pages;
    const known = pages.get(key);
    if (known !== undefined) return known;
    const asked = this.#session.run('inspect.variables', { target: this.#session.target, ...choice }, options);
    const page = await asked.catch((error: unknown) => {
      // The host lost it among too many others: what is kept here may hold more of those that are gone.
      if (error instanceof SandboxError && error.code === 'HANDLE_STALE') this.forget();
      throw error;
    });
    // Of a program that runs it holds for this moment only.
    if (this.#session.stops.current !== undefined && pages.size < MAX_PAGES) pages.set(key, page);
    return page;
  }

  async #readScopes(frame: number, options: CallOptions): Promise<ReadScopes> {
    const known = this.#scopes;
    const { generation } = this;
    const { scopes } = await this.#session.run('inspect.scopes', { target: this.#session.target, frame }, options);
    const read = { scopes, generation };
    known.set(frame, read);
    return read;
  }
}
