// test: full
// test: limit 120 s
/** `run --wait`: the program stands at its first line until who it waits for is here. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from './mesh/members.ts';

const APP = "console.log('started');\nsetInterval(() => undefined, 1000);\n";

function runHeld(host: Member, wait: string) {
  writeFileSync(path.join(host.folder, 'app.js'), APP);
  return host.start('run', wait, '--', 'node', 'app.js');
}

function targetHeld(host: Member): Promise<true> {
  return eventually('the program to be held', async () => {
    const { targets } = await host.see('target.list');
    return targets[0]?.held === true ? true : undefined;
  });
}

test('--wait=member holds the program while others come, and lets it go when that member is here', () =>
  withMembers(async ({ member }) => {
    const [host, alice, bob] = [member('h', 'project'), member('a', 'elsewhere'), member('b', 'elsewhere')];
    const run = runHeld(host, '--wait=bob');
    await run.line(/It waits at its first line until bob is here/);
    await targetHeld(host);
    const { link } = await host.ask('sandbox.open', 'open');
    await alice.join(link as string, host, 'alice');
    await eventually('alice to be here', async () => {
      const { members } = await host.see('member.list');
      return members.some(({ name, online }) => name === 'alice' && online) ? true : undefined;
    });
    await targetHeld(host);
    assert.not.match(run.output, /^started$/m);
    const again = await host.ask('invite.create', 'invite', '--role', 'debugger');
    await bob.join(again.link as string, host, 'bob');
    await run.line(/^started$/);
  }));

test('--wait holds it for anybody, and "resume" lets it go before anybody came', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const run = runHeld(host, '--wait');
    await run.line(/It waits at its first line until somebody is here, or for "sandmesh resume"/);
    await targetHeld(host);
    assert.not.match(run.output, /^started$/m);
    await host.ask('execution.resume', 'resume');
    await run.line(/^started$/);
    assert.is((await host.ask('target.list', 'targets')).targets[0]?.held, false);
  }));

test.run();
