// test: limit 120 s
/** A program of many processes: cluster workers, forked and spawned children and a thread, each a target by itself. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { ListedTarget } from './mesh/debugging.ts';
import { eventually, withMembers } from './mesh/members.ts';
import { isAlive } from './mesh/traces.ts';

const FILES = {
  // The line that every process comes to.
  'work.js': `module.exports = function work(who) {
  const greeting = 'here is ' + who;
  return greeting;
};
`,
  'fleet.js': `const cluster = require('node:cluster');
const { fork, spawn } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const work = require('./work.js');

if (cluster.isPrimary) {
  console.log(work('primary'));
  const children = [
    cluster.fork({ WHO: 'cluster 1' }).process,
    cluster.fork({ WHO: 'cluster 2' }).process,
    fork('./forked.js'),
    spawn(process.execPath, ['spawned.js'], { stdio: 'inherit' }),
    new Worker('./thread.js'),
  ];
  let left = children.length;
  for (const child of children) {
    child.on('exit', (code) => {
      if (code !== 0) process.exitCode = 1;
      if (--left === 0) console.log('all have ended');
    });
  }
} else {
  console.log(work(process.env.WHO));
  process.exit();
}
`,
  'forked.js': "console.log(require('./work.js')('forked'));\n",
  'spawned.js': "console.log(require('./work.js')('spawned'));\n",
  'thread.js': "console.log(require('./work.js')('thread'));\n",
};
const RETURN_LINE = 3;
/** Who stops, under what name of a target. */
const EXPECTED = [
  ['cluster 1', 'fleet'],
  ['cluster 2', 'fleet'],
  ['forked', 'forked'],
  ['primary', 'fleet'],
  ['spawned', 'spawned'],
  ['thread', 'thread'],
];

interface Stop {
  readonly who: string;
  readonly target: ListedTarget;
}

/** Waits for one that stands and is not in `seen`. */
async function nextStop(client: SandmeshClient, seen: readonly Stop[]): Promise<Stop> {
  const target = await eventually(`a stop besides ${seen.map(({ who }) => who)}`, async () => {
    const { targets } = await client.call('target.list', {});
    return targets.find(({ id, state }) => state === 'paused' && !seen.some((stop) => stop.target.id === id));
  });
  const { result } = await client.call('inspect.evaluate', { target: target.id, expression: 'who' });
  return { who: JSON.parse(result.value), target };
}

test('every process of a program stops at a breakpoint, under a name of its own, and leaves nothing behind', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(host.folder, name), text);
    await host.ask('sandbox.open', 'open');
    await host.ask('breakpoint.add', 'break', `work.js:${RETURN_LINE}`);
    const client = await host.client();
    const run = host.start('run', '-q', '--', 'node', 'fleet.js');

    const primary = await nextStop(client, []);
    await client.call('execution.resume', { target: primary.target.id });
    const stops = [primary];
    // The other five stand at the same time: none waits for another to go on.
    while (stops.length < EXPECTED.length) stops.push(await nextStop(client, stops));
    const names = stops.map(({ who, target }) => [who, target.name.replace(/-\d$/, '')]);
    assert.equal(names.sort(), EXPECTED);
    assert.is(new Set(stops.map(({ target }) => target.name)).size, EXPECTED.length);
    const thread = stops.find(({ who }) => who === 'thread')?.target;
    assert.equal([thread?.pid, thread?.thread !== undefined], [primary.target.pid, true]);

    for (const { target } of stops.slice(1)) await client.call('execution.resume', { target: target.id });
    assert.is(await run.exited(), 0);
    const greetings = EXPECTED.map(([who]) => `here is ${who}`);
    assert.equal(
      run.output
        .split('\n')
        .filter((line) => line.startsWith('here'))
        .sort(),
      greetings,
    );
    await eventually('all of them to be seen to end', async () => {
      const { targets } = await client.call('target.list', {});
      return targets.every(({ state }) => state === 'exited') ? true : undefined;
    });
    const { breakpoints } = await client.call('breakpoint.list', {});
    assert.equal(
      breakpoints[0]?.statuses.filter(({ state }) => state === 'armed'),
      [],
    );
    assert.not.ok(stops.some(({ target }) => isAlive(target.pid)));
  }));

test.run();
