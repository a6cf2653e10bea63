/** Processes of one contender, set up and asked by the sync cases: a hub where there is one, a first peer, further ones. */

import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import type { BenchContext } from '../context.ts';
import type { Agent } from '../programs.ts';
import { AgentBundle, type AgentRole } from './bundle.ts';
import type { ContenderName, Ticket } from './contender.ts';
import type { SyncRequest } from './request.ts';

/** Asks one process; the type of the answer is the request's (`request.ts`). */
export class SyncAgent {
  readonly #agent: Agent;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  ask(request: SyncRequest): Promise<unknown> {
    return this.#agent.ask(request, 120_000);
  }

  /** For requests that are answered by a time or a count. */
  async number(request: SyncRequest): Promise<number> {
    return Number(await this.ask(request));
  }

  stop(): Promise<void> {
    return this.#agent.stop();
  }
}

export interface WorldOptions {
  /** Whether a contender that has such a thing may fold its history into checkpoints; true by default. */
  readonly checkpoints?: boolean;
  /** Whether its processes write down what was compiled, for worlds after it; false by default. */
  readonly records?: boolean;
}

/** The sync agent, bundled once a case. */
export class SyncBench {
  readonly #context: BenchContext;
  readonly #bundle: AgentBundle;

  private constructor(context: BenchContext, bundle: AgentBundle) {
    this.#context = context;
    this.#bundle = bundle;
  }

  static async prepare(context: BenchContext): Promise<SyncBench> {
    return new SyncBench(context, await AgentBundle.build(context.folder));
  }

  /** A world with its first peer open, ended when `use` has. */
  async world<T>(name: ContenderName, use: (world: SyncWorld) => Promise<T>, options: WorldOptions = {}): Promise<T> {
    const folder = mkdtempSync(path.join(this.#context.folder, 'w-'));
    const start = async (role: AgentRole): Promise<SyncAgent> => {
      const launcher = await this.#bundle.launcher(name, role, options.records === true);
      return new SyncAgent(this.#context.agent(launcher, { args: [name] }));
    };
    const world = new SyncWorld(folder, start);
    try {
      await world.open(options);
      return await use(world);
    } finally {
      await world.stop();
    }
  }
}

export class SyncWorld {
  /** For whatever the workload needs; removed with the case. */
  readonly folder: string;
  readonly #spawn: (role: AgentRole) => Promise<SyncAgent>;
  readonly #agents: SyncAgent[] = [];
  #hub: Ticket = {};
  #first: SyncAgent | undefined;
  #folders = 0;

  constructor(folder: string, spawn: (role: AgentRole) => Promise<SyncAgent>) {
    this.folder = folder;
    this.#spawn = spawn;
  }

  get first(): SyncAgent {
    if (this.#first === undefined) throw new Error('The world is not open');
    return this.#first;
  }

  async open({ checkpoints = true }: WorldOptions): Promise<void> {
    const hub = await this.#start('hub');
    this.#hub = (await hub.ask({ do: 'serve' })) as Ticket;
    if (Object.keys(this.#hub).length === 0) await this.end(hub);
    this.#first = await this.#start('first');
    await this.#first.ask({ do: 'openFirst', folder: this.#newFolder(), hub: this.#hub, checkpoints });
  }

  /** A further peer: let in and open, not connected. */
  async next(): Promise<SyncAgent> {
    const agent = await this.#start('next');
    const folder = this.#newFolder();
    const card = (await agent.ask({ do: 'introduce', folder })) as Ticket;
    const ticket = (await this.first.ask({ do: 'admit', card })) as Ticket;
    await agent.ask({ do: 'openNext', folder, hub: this.#hub, ticket });
    return agent;
  }

  /** Two connected peers. */
  async pair(): Promise<readonly [SyncAgent, SyncAgent]> {
    const second = await this.next();
    await this.connect(second);
    // Level and quiet: what connecting set off is not measured.
    await this.first.ask({ do: 'write', count: 1, prefix: 'hello', perTick: 1 });
    await second.ask({ do: 'awaitRecords', count: 1 });
    return [this.first, second];
  }

  /** Connects the first and another. @returns when it began */
  async connect(second: SyncAgent): Promise<number> {
    const begun = await Promise.all([this.first.number({ do: 'connect' }), second.number({ do: 'connect' })]);
    return Math.min(...begun);
  }

  /** Payload bytes written to TCP sockets by all processes so far. */
  async bytes(): Promise<number> {
    const written = await Promise.all(this.#agents.map((agent) => agent.number({ do: 'bytes' })));
    return written.reduce((sum, bytes) => sum + bytes, 0);
  }

  async end(agent: SyncAgent): Promise<void> {
    this.#agents.splice(this.#agents.indexOf(agent), 1);
    await agent.stop();
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents.splice(0)) await agent.stop();
  }

  async #start(role: AgentRole): Promise<SyncAgent> {
    const agent = await this.#spawn(role);
    this.#agents.push(agent);
    return agent;
  }

  #newFolder(): string {
    return path.join(this.folder, String(this.#folders++));
  }
}
