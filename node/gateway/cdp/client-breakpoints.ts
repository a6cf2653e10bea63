/**
 * The breakpoints of one DevTools client: each is a breakpoint of its member in the shared documents, so that the others
 * see it and whose it is, under an id of the client's own. They go when their client goes, as they do in V8.
 */

import type { CommandInput, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId, TargetId } from '#shared/ids.ts';
import type { BreakpointView, BreakpointWhere } from '#shared/model/breakpoint.ts';
import { logMessageOf } from './logpoint.ts';

type Params = Readonly<Record<string, unknown>>;
type Location = CommandResult<'cdp.locate'>['locations'][number];

/** Runs a command as this client. */
export type Ask = <N extends CommandName>(name: N, args: CommandInput<N>) => Promise<CommandResult<N>>;

export interface ClientBreakpointsOptions {
  readonly target: TargetId;
  readonly session: string;
  readonly ask: Ask;
  emit(method: string, params: object): void;
  /** Told in words what the tool has no place for. */
  warn(text: string): void;
}

interface Entry {
  readonly id: string;
  readonly record: BreakpointId;
  /** Places the client knows of. */
  readonly told: Set<string>;
  warned: string | undefined;
}

const MAX_BREAKPOINTS = 1_000;
const FILTERS: ReadonlySet<unknown> = new Set(['caught', 'uncaught', 'all']);

export class ClientBreakpoints {
  readonly #options: ClientBreakpointsOptions;
  readonly #byRecord = new Map<BreakpointId, Entry>();
  readonly #byId = new Map<string, Entry>();
  #exceptions: BreakpointId | undefined;
  #active = true;
  #next = 1;
  /** One at a time: a removal may follow the setting it takes back at once. */
  #order: Promise<unknown> = Promise.resolve();

  constructor(options: ClientBreakpointsOptions) {
    this.#options = options;
  }

  /** @throws {SandboxError} what the commands behind it throw */
  answer(method: string, params: Params): Promise<object> {
    const work = this.#order.then(() => this.#answer(method, params));
    this.#order = work.catch(() => undefined);
    return work;
  }

  /** A function as the command line of tools names one: `debug(name)`. */
  setFunction(name: string): Promise<object> {
    const work = this.#order.then(async () => {
      const { id } = await this.#options.ask('breakpoint.add', { function: name });
      this.#remember(id);
      return { result: { type: 'undefined' } };
    });
    this.#order = work.catch(() => undefined);
    return work;
  }

  /** The client's own name for a breakpoint of its; undefined for somebody else's. */
  idOf(record: unknown): string | undefined {
    return this.#byRecord.get(record as BreakpointId)?.id;
  }

  /** A shared breakpoint changed, or what a host made of it. */
  onView(record: BreakpointId, view: BreakpointView | null): void {
    const entry = this.#byRecord.get(record);
    if (entry === undefined) return;
    if (view === null) return this.#forget(entry);
    const status = view.statuses.find(({ target }) => target === this.#options.target);
    if (status?.state === 'refused' && status.reason !== entry.warned) {
      entry.warned = status.reason;
      this.#options.warn(`Breakpoint not set: ${status.reason ?? 'its host refuses it'}`);
    }
    if (status?.state === 'armed') this.#tellPlaces(entry).catch(() => undefined); // the session has ended
  }

  /** Takes them out, since nobody could any more by the tool that set them. */
  async end(): Promise<void> {
    await this.#order;
    const records = [...this.#byRecord.keys(), ...(this.#exceptions === undefined ? [] : [this.#exceptions])];
    this.#byRecord.clear();
    this.#byId.clear();
    // One that somebody removed meanwhile is gone already.
    await Promise.allSettled(records.map((breakpoint) => this.#options.ask('breakpoint.remove', { breakpoint })));
  }

  #answer(method: string, params: Params): Promise<object> {
    switch (method) {
      case 'Debugger.removeBreakpoint':
        return this.#remove(params);
      case 'Debugger.setBreakpointsActive':
        return this.#setActive(params['active'] !== false);
      case 'Debugger.setPauseOnExceptions':
        return this.#setExceptions(params['state']);
      default:
        return this.#set(method, params);
    }
  }

  async #set(method: string, params: Params): Promise<object> {
    const { ask, target, session } = this.#options;
    if (this.#byId.size >= MAX_BREAKPOINTS) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot set more than ${MAX_BREAKPOINTS} breakpoints by one client`);
    }
    const { where, locations } = await ask('cdp.locate', { target, session, method, params: { ...params } });
    if (method === 'Debugger.setBreakpoint' && locations.length === 0) {
      throw new SandboxError('BAD_ARGUMENT', 'Could not resolve breakpoint');
    }
    const record = await this.#add(where as BreakpointWhere, params['condition']);
    const entry = this.#remember(record);
    for (const location of locations) entry.told.add(keyOf(location));
    if (!this.#active) await ask('breakpoint.enable', { breakpoint: record, enabled: false });
    const { id: breakpointId } = entry;
    return method === 'Debugger.setBreakpoint'
      ? { breakpointId, actualLocation: locations[0] }
      : { breakpointId, locations };
  }

  async #add(where: BreakpointWhere, condition: unknown): Promise<BreakpointId> {
    const text = typeof condition === 'string' ? condition.trim() : '';
    const log = logMessageOf(text);
    const what = log !== undefined ? { log } : text === '' ? {} : { condition: text };
    const { id } = await this.#options.ask('breakpoint.add', { where, ...what });
    return id;
  }

  #remember(record: BreakpointId): Entry {
    const entry: Entry = { id: `${this.#next++}:${record}`, record, told: new Set(), warned: undefined };
    this.#byRecord.set(record, entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  #forget(entry: Entry): void {
    this.#byRecord.delete(entry.record);
    this.#byId.delete(entry.id);
  }

  async #remove({ breakpointId }: Params): Promise<object> {
    const entry = this.#byId.get(String(breakpointId));
    if (entry === undefined) return {};
    this.#forget(entry);
    await this.#options.ask('breakpoint.remove', { breakpoint: entry.record });
    return {};
  }

  /** This client's alone: those of the others stay as they are. */
  async #setActive(active: boolean): Promise<object> {
    if (active === this.#active) return {};
    this.#active = active;
    const records = [...this.#byRecord.keys()];
    await Promise.all(
      records.map((breakpoint) => this.#options.ask('breakpoint.enable', { breakpoint, enabled: active })),
    );
    return {};
  }

  async #setExceptions(state: unknown): Promise<object> {
    const before = this.#exceptions;
    this.#exceptions = undefined;
    if (FILTERS.has(state)) {
      const exception = state as 'caught' | 'uncaught' | 'all';
      const { id } = await this.#options.ask('breakpoint.add', { exception });
      this.#exceptions = id;
    }
    if (before !== undefined) await this.#options.ask('breakpoint.remove', { breakpoint: before });
    return {};
  }

  async #tellPlaces(entry: Entry): Promise<void> {
    const { ask, target, session } = this.#options;
    const params = { target, session, method: '', params: {}, breakpoint: entry.record };
    const { locations } = await ask('cdp.locate', params);
    for (const location of locations) {
      if (entry.told.has(keyOf(location))) continue;
      entry.told.add(keyOf(location));
      this.#options.emit('Debugger.breakpointResolved', { breakpointId: entry.id, location });
    }
  }
}

function keyOf({ scriptId, lineNumber, columnNumber }: Location): string {
  return `${scriptId}:${lineNumber}:${columnNumber}`;
}
