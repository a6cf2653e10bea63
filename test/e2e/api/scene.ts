/** A real daemon with a real program, and its local API as a stranger's tool would use it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { Scope } from '#protocol/api/scopes.ts';
import { homePaths } from '#protocol/home-paths.ts';
import type { SandboxId, TargetId } from '#shared/ids.ts';
import { armed, targetSeenBy } from '../mesh/debugging.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';

/** Runs through its line 4 a few times a second. */
const PROGRAM = `const cart = { items: [{ sku: 'tea', price: 3 }], meta: new Map([['k', { deep: [1, 2] }]]) };
let ticks = 0;
function tick(cart) {
  ticks += 1;
  return [cart, ticks];
}
setInterval(() => tick(cart), 200);
console.log('ready');
`;
export const BREAK_LINE = 4;

export interface ApiScene {
  readonly member: Member;
  /** Everything of the test lies below it. */
  readonly base: string;
  readonly origin: string;
  readonly port: number;
  readonly sandbox: SandboxId;
  readonly target: TargetId;
  readonly client: SandmeshClient;
  /** A fresh access token. */
  access(...scopes: Scope[]): Promise<string>;
  /** Lines of the daemon's log at or above this level. */
  log(level: number): string[];
}

/** @param set configuration of the daemon, as `--set` takes it */
export async function withApiScene(use: (scene: ApiScene) => Promise<void>, ...set: string[]): Promise<void> {
  await withMembers(async ({ base, member: create }) => {
    const member = create('h', 'project');
    writeFileSync(path.join(member.folder, 'app.js'), PROGRAM);
    writeFileSync(path.join(member.folder, 'package.json'), '{ "name": "trial" }\n');
    const settings = set.flatMap((each) => ['--set', each]);
    await member.start(...settings, 'run', '-q', '--', 'node', 'app.js').line(/^ready$/);
    const client = await member.client();
    const { id: target } = await targetSeenBy(client);
    const { id: sandbox } = await client.call('sandbox.get', {});
    const origin = await eventually('the local API', async () => (await client.call('daemon.status', {})).api);
    const { logFile } = homePaths({
      env: { SANDMESH_HOME: member.home },
      platform: process.platform,
      homedir: homedir(),
    });
    await use({
      member,
      base,
      origin,
      port: Number(new URL(origin).port),
      sandbox,
      target,
      client,
      access: async (...scopes) =>
        (await client.call('token.access', scopes.length === 0 ? {} : { scopes })).accessToken,
      log: (level) =>
        readFileSync(logFile, 'utf8')
          .trim()
          .split('\n')
          .filter((line) => ((JSON.parse(line) as { level?: number }).level ?? 0) >= level),
    });
  });
}

/** Sets the breakpoint and waits until the program stands there. */
export async function pauseProgram({ client }: ApiScene): Promise<string> {
  const { id } = await client.call('breakpoint.add', { location: `app.js:${BREAK_LINE}` });
  await armed(client, id);
  await eventually('the pause', async () => {
    const { pauses } = await client.call('pause.list', {});
    return pauses[0];
  });
  return id;
}
