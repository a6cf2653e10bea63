// test: limit 120 s
/** A pause of a server that waits for its next request, under `run` and `attach`. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTER, COUNTER_LINE, pauseSeenBy, request } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';

async function countIn(answer: Promise<unknown>): Promise<number> {
  return ((await answer) as { count: number }).count;
}

async function pauseAndTakeBack(host: Member, port: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/`;
  const client = await host.client();
  const { targets } = await client.call('target.list', {});
  const target = targets[0]?.id ?? '';
  await client.call('execution.pause', { target });
  // An editor's watches and hovers come in between.
  const { result } = await client.call('inspect.evaluate', { target, expression: '1 + 1', timeoutMs: 2_000 });
  assert.is(result.value, '2');
  const answer = request(url);
  const { reason, frames } = await pauseSeenBy(client, target);
  assert.equal([reason, frames[0]?.file?.path, frames[0]?.line], ['pause-command', 'app.js', COUNTER_LINE]);
  await client.call('execution.resume', { target });
  assert.is(await countIn(answer), 1);

  await client.call('execution.pause', { target });
  await client.call('execution.resume', { target });
  assert.is(await countIn(request(url)), 2, 'nothing stops it any more');
}

test('under run it stops in its own code when a request comes, evaluates meanwhile, and forgets the pause that is taken back', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    writeFileSync(path.join(host.folder, 'app.js'), COUNTER);
    const run = host.start('run', '--private', '--', 'node', 'app.js');
    const [, port = ''] = await run.line(/^port (\d+)/);
    await pauseAndTakeBack(host, port);
  }));

test('so it does attached to by pid', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    writeFileSync(path.join(host.folder, 'app.js'), COUNTER);
    const program = host.spawn(process.execPath, ['app.js']);
    const [, port = ''] = await program.line(/^port (\d+)/);
    const { code, stderr } = await host.cli('attach', '--private', String(program.pid));
    assert.is(code, 0, stderr);
    await pauseAndTakeBack(host, port);
  }));

test.run();
