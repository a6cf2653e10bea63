/** Two members debugging one program: a host that runs it and a guest that joined by the link, each with a home. */

import type { SandmeshClient } from '#client/sdk/client.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { BenchContext, Home } from './context.ts';
import { addressOf, type BenchProject, createProject } from './project.ts';

export interface Pair {
  readonly host: SandmeshClient;
  readonly guest: SandmeshClient;
  readonly guestHome: Home;
  readonly project: BenchProject;
  readonly target: TargetId;
  /** `http://127.0.0.1:<port>` of the program. */
  readonly address: string;
}

export interface HostedProgram {
  readonly home: Home;
  readonly client: SandmeshClient;
  readonly project: BenchProject;
  readonly address: string;
  readonly target: TargetId;
}

/** Runs the program under `sandmesh run` in a fresh home and waits until it is a running target. */
export async function hostProgram(context: BenchContext): Promise<HostedProgram> {
  const home = context.home();
  const project = createProject(context);
  const program = home.start(['run', '--', ...project.argv], { cwd: project.folder });
  const address = await addressOf(program);
  const client = await home.client({ folder: project.folder });
  const { targets } = await client.call('target.list', {});
  const target = targets[0];
  if (target === undefined) throw new Error('The program runs but is no target');
  return { home, client, project, address, target: target.id };
}

/** Says yes to whoever asks, at once, until the client closes. */
export function approveAll(client: SandmeshClient): void {
  const answer = async (): Promise<void> => {
    for await (const { event } of client.subscribe('requests')) {
      if (event.outcome === 'pending') await client.call('request.approve', { request: event.request.id });
    }
  };
  answer().catch((error: unknown) => process.stderr.write(`Cannot approve: ${error}\n`));
}

/** A fresh single-use link that loopback reaches. */
export async function freshLink(client: SandmeshClient): Promise<string> {
  const { link } = await client.call('sandbox.share', { reach: 'loopback' });
  if (link === undefined) throw new Error('The sandbox gives no link');
  return link;
}

export async function createPair(context: BenchContext): Promise<Pair> {
  const { client: host, project, address, target } = await hostProgram(context);
  approveAll(host);
  const guestHome = context.home();
  const joining = guestHome.start(['join', await freshLink(host)], { cwd: context.folder });
  if ((await joining.exited()) !== 0) throw new Error(`join failed:\n${joining.output}`);
  const guest = await guestHome.client();
  await waitFor('the guest to see the target', async () => {
    const { targets } = await guest.call('target.list', {});
    return targets.some((candidate) => candidate.id === target);
  });
  return { host, guest, guestHome, project, target, address };
}

/** Sets a breakpoint and waits until it is armed in the target. */
export function armBreakpoint(client: SandmeshClient, location: string, folder: string): Promise<void> {
  return armedBreakpoint(client, { location, folder });
}

export async function armedBreakpoint(client: SandmeshClient, wanted: CommandInput<'breakpoint.add'>): Promise<void> {
  const { id } = await client.call('breakpoint.add', wanted);
  await waitFor(`${wanted.location} to be armed`, async () => {
    const { breakpoints } = await client.call('breakpoint.list', {});
    return breakpoints.find((view) => view.id === id)?.statuses.some((status) => status.state === 'armed') ?? false;
  });
}

/** The pauses of one client's subscription, one by one; running again is left out. */
export class PauseStream {
  readonly #events: AsyncIterableIterator<TopicMessage<'pauses'>>;

  constructor(client: SandmeshClient) {
    this.#events = client.subscribe('pauses');
  }

  async next(): Promise<Pause> {
    for (;;) {
      const { value, done } = await this.#events.next();
      if (done === true) throw new Error('The client was closed while waiting for a pause');
      if (value.event.pause !== null) return value.event.pause;
    }
  }

  async stop(): Promise<void> {
    await this.#events.return?.();
  }
}

/** Polls until it holds; the figures themselves never wait this way. */
export async function waitFor(what: string, test: () => Promise<boolean>, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
