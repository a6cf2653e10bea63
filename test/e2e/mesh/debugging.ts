/** Steps that several stories of two members share. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Pause } from '#shared/model/pause.ts';
import { eventually, type Meeting, type Member } from './members.ts';

export type ListedTarget = CommandResult<'target.list'>['targets'][number];

/** The link that `run -q` prints. */
export const LINK = /^sandmesh:#\S+$/;

/** A web server whose GET / runs through {@link COUNTER_LINE}; it prints `port <n>` when it listens. */
export const COUNTER = `const http = require('node:http');
let count = 0;
function handle(request, response) {
  count += 1;
  const body = { count, url: request.url };
  response.end(JSON.stringify(body));
}
http.createServer(handle).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
`;
export const COUNTER_LINE = 4;

/** Waits for a target that `accept` takes; any running or paused one unless given. */
export function targetSeenBy(
  client: SandmeshClient,
  accept: (target: ListedTarget) => boolean = ({ state }) => state === 'running' || state === 'paused',
): Promise<ListedTarget> {
  return eventually('the target', async () => {
    const { targets } = await client.call('target.list', {});
    return targets.find(accept);
  });
}

/** A host that runs a program, and a guest who sees it. */
export interface HostAndGuest {
  readonly host: Member;
  readonly guest: Member;
}

export async function hostAndGuest({ member }: Meeting): Promise<HostAndGuest> {
  const [host, guest] = [member('h', 'project'), member('g', 'elsewhere')];
  writeFileSync(path.join(host.folder, 'app.js'), "setInterval(() => undefined, 1000); console.log('ready');");
  const run = host.start('run', '-q', '--', 'node', 'app.js');
  const [link] = await run.line(LINK);
  await run.line(/^ready$/);
  await guest.join(link, host, 'alice');
  await targetSeenBy(await guest.client());
  return { host, guest };
}

/** Waits until the breakpoint is reported as armed in so many targets (one unless given), with so many hits if given. */
export async function armed(
  client: SandmeshClient,
  breakpoint: string,
  { inTargets = 1, hits }: { inTargets?: number; hits?: number } = {},
): Promise<void> {
  await eventually(`breakpoint ${breakpoint} to be armed in ${inTargets} targets`, async () => {
    const { breakpoints } = await client.call('breakpoint.list', {});
    const statuses = breakpoints.find(({ id }) => id === breakpoint)?.statuses ?? [];
    const fitting = statuses.filter((status) => status.state === 'armed' && (hits ?? status.hits) === status.hits);
    return fitting.length === inTargets ? true : undefined;
  });
}

/** Waits until a member sees the target paused. */
export function pauseSeenBy(client: SandmeshClient, target: string): Promise<Pause> {
  return eventually('the pause', async () => {
    const { targets } = await client.call('target.list', {});
    return targets.find(({ id }) => id === target)?.pause ?? undefined;
  });
}

/** Sends the request whose answer a breakpoint will hold up. */
export function request(url: string): Promise<unknown> {
  const answer = fetch(url, { headers: { connection: 'close' } }).then((response) => response.json());
  // awaited later: until then a failure is nobody's
  answer.catch(() => undefined);
  return answer;
}
