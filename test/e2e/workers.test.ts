// test: full
// test: limit 240 s
/** Worker threads of a real program as targets of their own. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failure } from '../node/failure.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

/** Two workers one after the other, the second with a worker of its own, or just one; it ends with the sum they find. */
const APP = `const { Worker } = require('node:worker_threads');
const { join } = require('node:path');
let answers = 0;
const start = (depth, then) =>
  new Worker(join(__dirname, 'job.js'), { workerData: depth })
    .on('message', (answer) => { answers += answer; console.log('answer', answer); })
    .on('exit', then);
console.log('main');
const end = () => process.exit(answers);
start(0, process.argv[2] === 'one' ? end : () => start(1, end));
`;
const JOB = `const { parentPort, Worker, workerData: depth } = require('node:worker_threads');
function work(depth) {
  const twice = depth * 2;
  return twice + 1;
}
const answer = work(depth);
if (depth === 0) parentPort.postMessage(answer);
else new Worker(__filename, { workerData: depth - 1 }).on('message', (inner) => parentPort.postMessage(answer + inner));
`;
const RETURN_LINE = 4;

function write({ folder }: Member): void {
  writeFileSync(path.join(folder, 'app.js'), APP);
  writeFileSync(path.join(folder, 'job.js'), JOB);
}

function pausedTarget(member: Member) {
  return eventually('a program to pause', async () => {
    const { targets } = await member.see('target.list');
    return targets.find(({ state }) => state === 'paused');
  });
}

/** What `work` was called with where the worker stands, which then runs on. */
async function depthThere(member: Member): Promise<string> {
  const target = await pausedTarget(member);
  assert.is(target.name, 'job');
  assert.ok(target.thread !== undefined && target.thread > 0);
  const { result } = await member.ask('inspect.evaluate', 'eval', '--target', target.id, 'depth');
  assert.is((await member.ask('inspect.stack', 'stack', '--target', target.id)).pause.frames[0]?.line, RETURN_LINE);
  await member.ask('execution.resume', 'resume', '--target', target.id);
  return result.value;
}

test('breakpoints stop workers, and workers of workers, each by itself; the program ends as without us', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    write(host);
    await host.ask('sandbox.open', 'open');
    await host.ask('breakpoint.add', 'break', 'add', `job.js:${RETURN_LINE}`);
    const run = host.start('run', '-q', '--', 'node', 'app.js');
    assert.is(await depthThere(host), '0');
    // The one that ended lends its target to the next of its kind.
    assert.is(await depthThere(host), '1');
    const inner = await pausedTarget(host);
    const client = await host.client();
    const { targets } = await host.ask('target.list', 'targets');
    const main = targets.find(({ thread }) => thread === undefined);
    assert.is(main?.state, 'running');
    assert.ok(targets.every(({ pid }) => pid === main?.pid));
    const refused = await failure(() => client.call('target.terminate', { target: inner.id }));
    assert.match(refused.message, 'it is a thread of a process');
    await host.ask('execution.resume', 'resume', '--target', inner.id);
    assert.is(await run.exited(), 5);
  }));

test('a worker that stands is let go when the daemon is killed', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    write(host);
    await host.ask('sandbox.open', 'open');
    const { id } = await host.ask('breakpoint.add', 'break', 'add', `job.js:${RETURN_LINE}`);
    const run = host.start('run', '-q', '--', 'node', 'app.js');
    await pausedTarget(host);
    await host.ask('breakpoint.remove', 'break', 'rm', id);
    process.kill(await host.daemonPid(), 'SIGKILL');
    assert.is(await run.exited(), 5);
    await host.settled();
  }));

test('workers of a program attached to from outside: no stop at their first line, and let go with it', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    write(host);
    await host.ask('sandbox.open', 'open');
    await host.ask('breakpoint.add', 'break', 'add', `job.js:${RETURN_LINE}`);
    const program = host.spawn(process.execPath, ['--inspect-brk=127.0.0.1:0', 'app.js', 'one']);
    const [, address = ''] = await program.line(/Debugger listening on ws:\/\/(127\.0\.0\.1:\d+)\//);
    await (await host.client()).call('target.attach', { where: address });
    const entry = await pausedTarget(host);
    await host.ask('execution.resume', 'resume', '--target', entry.id);
    const worker = await pausedTarget(host);
    assert.is(worker.pause?.reason, 'breakpoint');
    await host.ask('target.detach', 'detach', entry.id);
    assert.is(await program.exited(), 1);
  }));

test.run();
