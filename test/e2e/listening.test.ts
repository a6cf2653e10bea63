// test: limit 120 s
/** Where a daemon listens before and after its person shares. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../skip.ts';
import { COUNTER, targetSeenBy } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';
import { listeners, noProc } from './mesh/traces.ts';

async function startCounter(host: Member, ...options: string[]): Promise<void> {
  writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
  const run = host.start('run', '-q', ...options, '--', 'node', 'counter.js');
  await run.line(/^port \d+$/);
}

unless(test, noProc, 'with --private the daemon listens nowhere', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host, '--private');
    await targetSeenBy(await host.client());
    assert.equal(listeners(await host.daemonPid()), []);
    await host.ask('target.list', 'targets');
    assert.equal(listeners(await host.daemonPid()), []);
  }),
);

unless(test, noProc, 'the daemon listens on loopback only, and on the network once its person shares', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    await startCounter(host);
    await targetSeenBy(await host.client());
    const addresses = async (): Promise<string[]> => [
      ...new Set(listeners(await host.daemonPid()).map(({ address }) => address)),
    ];
    assert.equal(await addresses(), ['127.0.0.1']);
    await host.ask('sandbox.share', 'share');
    assert.ok((await addresses()).includes('0.0.0.0'), String(await addresses()));
  }),
);

test.run();
