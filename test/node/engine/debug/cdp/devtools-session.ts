/** A DevTools session of one member of a workshop, as a test plays its client. */

import type { CommandInput, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { type CdpRoute, routeOfCdp } from '#protocol/catalogue/cdp-methods.ts';
import type { TargetId } from '#shared/ids.ts';
import { until } from '../../../../until.ts';
import type { Workshop } from '../workshop.ts';

type Params = Record<string, unknown>;

export interface SeenEvent {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: as a client reads it
  readonly params: any;
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
  // biome-ignore lint/suspicious/noExplicitAny: as a client reads it
  async call(method: string, params: Params = {}, command = routeOfCdp(method, params)): Promise<any> {
    const args = { target: this.target, session: this.id, method, params };
    const { result } = await this.#workshop.call(
      this.member,
      (command ?? 'cdp.look') as Exclude<CdpRoute, 'execution' | 'breakpoint'>,
      args,
    );
    return result;
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
    return this.#workshop.told.flatMap(({ message }) => (message.session === this.id ? message.events : []));
  }

  get ended(): string | undefined {
    return this.#workshop.told.find(({ message }) => message.session === this.id && message.ended !== undefined)
      ?.message.ended;
  }

  /** The last event of that name, once there is one that passes. */
  async event(
    method: string,
    test: (params: SeenEvent['params']) => boolean = () => true,
  ): Promise<SeenEvent['params']> {
    return until(
      () => this.seen.findLast((event) => event.method === method && test(event.params))?.params,
      `${method} to be told`,
    );
  }

  scriptOf(name: string): string {
    const found = this.seen.findLast(
      ({ method, params }) => method === 'Debugger.scriptParsed' && params.url.endsWith(`/${name}`),
    );
    if (found === undefined) throw new Error(`no script ${name} was told`);
    return found.params.scriptId;
  }
}
