/** A DevTools session of one member of a workshop, as a test plays its client. */

import type { ProtocolMapping } from 'devtools-protocol/types/protocol-mapping.js';
import type { CommandInput, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { type CdpRoute, routeOfCdp } from '#protocol/catalogue/cdp-methods.ts';
import type { TargetId } from '#shared/ids.ts';
import { until } from '../../../../until.ts';
import type { Workshop } from '../workshop.ts';

type Params = Record<string, unknown>;

type Method = keyof ProtocolMapping.Commands;
type EventName = keyof ProtocolMapping.Events;
/** What a method answers, as a client reads it; of one that the protocol does not have, nothing is known. */
type Answer<M extends string> = M extends Method ? ProtocolMapping.Commands[M]['returnType'] : unknown;
/** What an event tells. */
type Told<E extends EventName> = ProtocolMapping.Events[E] extends [infer P] ? P : undefined;
/** One of those events, told apart by its name. */
export type SeenEvent = { readonly [E in EventName]: { readonly method: E; readonly params: Told<E> } }[EventName];

/** @throws when it is not there */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('What was to be told is missing');
  return value;
}

export class DevtoolsSession {
  readonly #workshop: Workshop;
  readonly member: number;
  readonly target: TargetId;
  readonly id: string;

  private constructor(workshop: Workshop, member: number, target: TargetId, id: string) {
    this.#workshop = workshop;
    this.member = member;
    this.target = target;
    this.id = id;
  }

  static async open(workshop: Workshop, member: number, target: TargetId): Promise<DevtoolsSession> {
    const { session } = await workshop.call(member, 'cdp.open', { target });
    return new DevtoolsSession(workshop, member, target, session);
  }

  /** @param command the one that carries it, unless a client lies */
  async call<M extends string>(
    method: M,
    params: Params = {},
    command = routeOfCdp(method, params),
  ): Promise<Answer<M>> {
    const args = { target: this.target, session: this.id, method, params };
    const { result } = await this.#workshop.call(
      this.member,
      (command ?? 'cdp.look') as Exclude<CdpRoute, 'execution' | 'breakpoint'>,
      args,
    );
    return result as Answer<M>;
  }

  locate(
    method: string,
    params: Params,
    more: Partial<CommandInput<'cdp.locate'>> = {},
  ): Promise<CommandResult<'cdp.locate'>> {
    return this.#workshop.call(this.member, 'cdp.locate', {
      target: this.target,
      session: this.id,
      method,
      params,
      ...more,
    });
  }

  /** All it was told so far. */
  get seen(): SeenEvent[] {
    return this.#workshop.told.flatMap(({ message }) =>
      message.session === this.id ? (message.events as SeenEvent[]) : [],
    );
  }

  get ended(): string | undefined {
    return this.#workshop.told.find(({ message }) => message.session === this.id && message.ended !== undefined)
      ?.message.ended;
  }

  /** The last event of that name, once there is one that passes. */
  async event<E extends EventName>(method: E, test: (params: Told<E>) => boolean = () => true): Promise<Told<E>> {
    return until(() => this.told(method).findLast(test), `${method} to be told`) as Promise<Told<E>>;
  }

  /** What all events of that name told, in order. */
  told<E extends EventName>(method: E): Told<E>[] {
    return this.seen.flatMap((event) => (event.method === method ? [event.params as Told<E>] : []));
  }

  scriptOf(name: string): string {
    const found = this.told('Debugger.scriptParsed').findLast(({ url }) => url.endsWith(`/${name}`));
    if (found === undefined) throw new Error(`no script ${name} was told`);
    return found.scriptId;
  }
}
