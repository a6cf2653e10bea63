/**
 * The sandbox's breakpoints as one client sees them. What it sets for a source replaces what it set there before and
 * nothing else: those of others are shown to it, told with whose they are, and stay.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId } from '#shared/ids.ts';
import type { BreakpointView, BreakpointWhere } from '#shared/model/breakpoint.ts';
import { isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import type { DapSession } from './dap-session.ts';

/** A breakpoint as a client asked for it. */
export interface WantedBreakpoint {
  readonly input: CommandInput<'breakpoint.add'>;
  /** Whether one that is there already is just that; unless `exactly`, in some column of a line that is wanted without. */
  fits(view: BreakpointView, exactly: boolean): boolean;
  /** Whether one is that in another version of its file, which hosts do not arm in this one. */
  outdates?(view: BreakpointView): boolean;
  /** Why it cannot be had; then it is not asked for. */
  readonly obstacle?: string;
}

export class ClientBreakpoints {
  readonly #session: DapSession;
  readonly #views = new Map<BreakpointId, BreakpointView>();
  readonly #numbers = new Map<BreakpointId, number>();
  #lastNumber = 0;
  /** Group (a source, functions, exceptions) → what this client has there. */
  readonly #groups = new Map<string, ReadonlySet<BreakpointId>>();
  /** As last told, so that nothing is told twice. */
  readonly #told = new Map<BreakpointId, string>();
  /** Requests run one by one: each is a whole list. */
  #turn: Promise<unknown> = Promise.resolve();
  #setting = 0;
  readonly #changed = new Set<BreakpointId>();
  /** The client is told of others' only once it has said all of its own. */
  #isOpen = false;

  constructor(session: DapSession) {
    this.#session = session;
  }

  numberOf(id: BreakpointId): number | undefined {
    return this.#numbers.get(id);
  }

  /** Whose breakpoints these are; nobody when they are all this member's own. */
  ownersOf(ids: readonly BreakpointId[]): string[] {
    const { members } = this.#session;
    const writers = new Set(ids.flatMap((id) => this.#views.get(id)?.writtenBy ?? []));
    if (writers.size === 1 && members.self !== undefined && writers.has(members.self)) return [];
    return [...writers].map((writer) => members.called(writer));
  }

  /** Makes a group what the client wants it to be. @returns in the order asked */
  set(group: string, wanted: readonly WantedBreakpoint[], signal: AbortSignal): Promise<DebugProtocol.Breakpoint[]> {
    this.#setting += 1;
    const done = this.#turn.then(async () => {
      try {
        return await this.#set(group, wanted, signal);
      } finally {
        this.#setting -= 1;
        // Responses go out first: they give the numbers by which a change is told.
        if (this.#setting === 0) setImmediate(() => this.#tellChanges());
      }
    });
    // The next in line is not to suffer; this one's caller hears of it.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Resolves when what the client asked for so far is done. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  /** Tells the client what is there besides its own, from now on. */
  async open(): Promise<void> {
    const { breakpoints } = await this.#session.run('breakpoint.list', {});
    this.#isOpen = true;
    for (const view of breakpoints) this.take(view.id, view);
  }

  /** What became of one, from the topic; null: it is gone. */
  take(id: BreakpointId, view: BreakpointView | null): void {
    if (view === null) this.#views.delete(id);
    else this.#views.set(id, view);
    this.#changed.add(id);
    this.#tellChanges();
  }

  async #set(
    group: string,
    wanted: readonly WantedBreakpoint[],
    signal: AbortSignal,
  ): Promise<DebugProtocol.Breakpoint[]> {
    const { breakpoints } = await this.#session.run('breakpoint.list', {}, { signal });
    for (const view of breakpoints) this.#views.set(view.id, view);
    const former = this.#groups.get(group) ?? new Set();
    const { self } = this.#session.members;
    // One's own before another's, and what this client set before what its member set elsewhere.
    const rank = ({ id, writtenBy }: BreakpointView): number => (former.has(id) ? 0 : writtenBy === self ? 1 : 2);
    const ranked = breakpoints.filter(({ enabled }) => enabled).sort((a, b) => rank(a) - rank(b));
    const kept = new Set<BreakpointId>();
    const found: (BreakpointView | undefined)[] = [];
    // What is wanted exactly is nobody else's to take.
    for (const exactly of [true, false]) {
      for (const [i, wish] of wanted.entries()) {
        const view = found[i] ?? ranked.find((each) => !kept.has(each.id) && wish.fits(each, exactly));
        if (view === undefined) continue;
        found[i] = view;
        kept.add(view.id);
      }
    }
    const outdated = ranked.filter((view) => wanted.some((wish) => wish.outdates?.(view) === true)).map(({ id }) => id);
    const gone = [...new Set([...former, ...outdated])].filter(
      (id) => !kept.has(id) && this.#views.get(id)?.writtenBy === self,
    );
    await Promise.all(gone.map((id) => this.#remove(id, signal)));
    const added = await Promise.all(
      wanted.map((wish, i) => found[i] ?? this.#add(wish, signal).catch((error: unknown) => SandboxError.from(error))),
    );
    this.#groups.set(group, new Set(added.flatMap((one) => (one instanceof SandboxError ? [] : [one.id]))));
    return added.map((one) => (one instanceof SandboxError ? refusedBreakpoint(one) : this.#answer(one)));
  }

  async #add(wish: WantedBreakpoint, signal: AbortSignal): Promise<BreakpointView> {
    if (wish.obstacle !== undefined) throw new SandboxError('BAD_ARGUMENT', wish.obstacle);
    const view = await this.#session.run('breakpoint.add', wish.input, { signal });
    this.#views.set(view.id, view);
    return view;
  }

  async #remove(id: BreakpointId, signal: AbortSignal): Promise<void> {
    this.#forget(id);
    try {
      await this.#session.run('breakpoint.remove', { breakpoint: id }, { signal });
    } catch (error) {
      // Somebody else was faster.
      if (SandboxError.from(error).code !== 'BREAKPOINT_UNKNOWN') throw error;
    }
  }

  #forget(id: BreakpointId): void {
    this.#views.delete(id);
    this.#told.delete(id);
    this.#numbers.delete(id);
  }

  /** As it goes into a response: the client knows it by that. */
  #answer(view: BreakpointView): DebugProtocol.Breakpoint {
    const shown = this.#show(view);
    this.#told.set(view.id, JSON.stringify(shown));
    return shown;
  }

  #tellChanges(): void {
    if (this.#setting > 0 || !this.#isOpen) return;
    for (const id of this.#changed) this.#tell(id);
    this.#changed.clear();
  }

  #tell(id: BreakpointId): void {
    const { wire } = this.#session;
    const view = this.#views.get(id);
    const told = this.#told.get(id);
    if (view === undefined || !view.enabled) {
      if (told === undefined) return;
      wire.event('breakpoint', { reason: 'removed', breakpoint: { id: this.#numbers.get(id), verified: false } });
      this.#told.delete(id);
      this.#numbers.delete(id);
      return;
    }
    // A client has no place to show a function or an exception filter that it did not set itself.
    if (told === undefined && view.where.kind !== 'line') return;
    const shown = this.#show(view);
    const text = JSON.stringify(shown);
    if (text === told) return;
    this.#told.set(id, text);
    wire.event('breakpoint', { reason: told === undefined ? 'new' : 'changed', breakpoint: shown });
  }

  #show(view: BreakpointView): DebugProtocol.Breakpoint {
    const { client, paths, targetOrNone } = this.#session;
    const id = this.#numbers.get(view.id) ?? ++this.#lastNumber;
    this.#numbers.set(view.id, id);
    const status = view.statuses.find(({ target }) => target === targetOrNone);
    const verified = status?.state === 'armed';
    const notes = [this.#attribution(view), verified && status.reason === undefined ? '' : this.#stateOf(status)];
    const message = notes.filter((note) => note !== '').join('; ');
    const { where } = view;
    const place =
      where.kind === 'line'
        ? {
            source: paths.toSource(where.file, undefined),
            line: client.line(status?.line ?? where.line),
            ...columnOf(status?.column ?? where.column, (column) => client.column(column)),
          }
        : {};
    return { id, verified, ...place, ...(message === '' ? {} : { message }) };
  }

  #attribution(view: BreakpointView): string {
    const { members } = this.#session;
    return view.writtenBy === members.self ? '' : `Set by ${members.nameOf(view.writtenBy)}`;
  }

  #stateOf(status: BreakpointView['statuses'][number] | undefined): string {
    if (status === undefined) return 'Not armed yet';
    return status.reason ?? '';
  }
}

/**
 * Places a line breakpoint of the sandbox where a client wants one.
 *
 * @returns undefined: it is elsewhere; `version`: it is there, in another version of the file
 */
export function placeOfLine(
  file: SourceFile | undefined,
  { line, column }: { line: number; column: number | undefined },
): (where: BreakpointWhere, exactly: boolean) => 'here' | 'version' | undefined {
  return (where, exactly) => {
    if (where.kind !== 'line' || file === undefined || !isSameFile(where.file, file)) return undefined;
    if (where.line !== line || ((exactly || column !== undefined) && where.column !== column)) return undefined;
    const [theirs, ours] = [where.file.sha256, file.sha256];
    return theirs === undefined || ours === undefined || theirs === ours ? 'here' : 'version';
  };
}

function columnOf(column: number | undefined, shown: (column: number) => number): { column?: number } {
  return column === undefined ? {} : { column: shown(column) };
}

function refusedBreakpoint(error: SandboxError): DebugProtocol.Breakpoint {
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  return { verified: false, reason: 'failed', message };
}
