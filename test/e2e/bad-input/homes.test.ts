// test: full
// test: limit 180 s
/** Homes that two daemons want, that were left in disorder, or that cannot be written. */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../../skip.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { isAlive, noProc } from '../mesh/traces.ts';
import { CLI, DAEMON, faults, nothingLeft, pathsOf, withScene } from './scene.ts';

const NOBODY = 65_534;

unless(test, noProc, 'two daemons started at once on one home: one serves it, the other names it and ends', () =>
  withMembers(async ({ base, member }) => {
    const host = member('h', 'p');
    const both = [1, 2].map(() => host.spawn(process.execPath, [DAEMON]));
    const [loser, winner] = await eventually('one of them to give way', () => {
      const ended = both.find((daemon) => daemon.ended);
      return ended === undefined ? undefined : [ended, both.find((daemon) => daemon !== ended)];
    });
    assert.is(await loser?.exited(), 1);
    const { code, msg } = JSON.parse(loser?.output ?? '') as { code: string; msg: string };
    assert.is(code, 'DAEMON_RUNNING');
    assert.match(msg, host.home);
    assert.match(msg, 'sandmesh stop');
    const pid = await eventually('the other to answer', () => host.daemonPid().catch(() => undefined));
    assert.is(pid, winner?.pid);
    await host.end();
    await nothingLeft(base);
  }),
);

unless(test, noProc, 'a second daemon beside a live one ends, names its pid, and takes nothing from it', () =>
  withScene(async ({ host, daemon }) => {
    const second = host.spawn(process.execPath, [DAEMON]);
    assert.is(await second.exited(), 1);
    assert.match(second.output, `Another daemon (pid ${daemon}) already serves`);
    assert.equal(JSON.parse(readFileSync(path.join(pathsOf(host).runDir, 'daemon.pid'), 'utf8')), { pid: daemon });
    assert.is((await host.ask('sandbox.open', 'open')).sandbox.name, 'trial');
  }),
);

unless(test, noProc, 'what a killed daemon leaves behind (sockets, its pid file) is in nobody’s way', () =>
  withMembers(async ({ base, member }) => {
    const host = member('h', 'p');
    const { sandbox } = await host.ask('sandbox.open', 'open');
    const killed = await host.daemonPid();
    process.kill(killed, 'SIGKILL');
    await eventually('its end', () => (isAlive(killed) ? undefined : true));
    assert.ok(existsSync(pathsOf(host).daemonSocket));
    assert.is((await host.cli('status')).code, 3);
    assert.is((await host.ask('sandbox.open', 'open')).sandbox.id, sandbox.id);
    assert.is.not(await host.daemonPid(), killed);
    assert.equal(faults(host), []);
    await host.end();
    await nothingLeft(base);
  }),
);

unless(
  test,
  noProc,
  'a home removed and made anew: the old daemon ends by itself and takes nothing from the new one',
  () =>
    withMembers(async ({ base, member }) => {
      const host = member('h', 'p');
      const before = await host.ask('sandbox.open', 'open');
      const old = await host.daemonPid();
      rmSync(host.home, { recursive: true });
      const after = await host.ask('sandbox.open', 'open');
      assert.is.not(after.sandbox.id, before.sandbox.id);
      const daemon = await host.daemonPid();
      assert.is.not(daemon, old);
      await eventually('the end of the old daemon', () => (isAlive(old) ? undefined : true));
      assert.is(await host.daemonPid(), daemon);
      assert.equal(JSON.parse(readFileSync(path.join(pathsOf(host).runDir, 'daemon.pid'), 'utf8')), { pid: daemon });
      await host.end();
      await nothingLeft(base);
    }),
);

unless(
  test,
  noProc,
  'sockets removed under a daemon: it gives way to one that can be reached, and the program is there',
  () =>
    withMembers(async ({ base, member }) => {
      const host = member('h', 'p');
      writeFileSync(path.join(host.folder, 'long.js'), "setInterval(() => undefined, 1000); console.log('ready');");
      const run = host.start('run', '--private', '--', process.execPath, 'long.js');
      await run.line(/^ready$/);
      const old = await host.daemonPid();
      const { daemonSocket, targetsSocket } = pathsOf(host);
      rmSync(daemonSocket);
      rmSync(targetsSocket);
      await run.line(/the daemon went away; it is back/, 30_000);
      assert.not(isAlive(old));
      await eventually('the program', async () => {
        const { targets } = await host.see('target.list');
        return targets.some(({ state }) => state === 'running') ? true : undefined;
      });
      assert.is(run.ended, false);
      await host.end();
      await nothingLeft(base);
    }),
);

test('a plain file where the socket belongs is replaced; a folder there is named', () =>
  withMembers(async ({ base, member }) => {
    const host = member('h', 'p');
    const { runDir, daemonSocket } = pathsOf(host);
    mkdirSync(runDir, { recursive: true, mode: 0o700 });
    writeFileSync(daemonSocket, 'not a socket');
    await host.ask('sandbox.open', 'open');
    await host.ask('daemon.stop', 'stop');
    mkdirSync(daemonSocket);
    const { code, stderr } = await host.cli('open');
    assert.is(code, 3);
    assert.match(stderr, daemonSocket);
    rmSync(daemonSocket, { recursive: true });
    await host.ask('sandbox.open', 'open');
    await host.end();
    await nothingLeft(base);
  }));

/** Under the test runner the folder of temporary files is this user's alone: others must get through it. */
function letOthersIn(base: string, mode: number): void {
  const parent = path.dirname(base);
  const others = statSync(parent).mode & 0o777;
  if ((others & 0o001) === 0) chmodSync(parent, others | 0o011);
  chmodSync(base, mode);
}

/** Runs the CLI as somebody who may not write what root owns. */
async function asNobody(member: Member, ...args: string[]) {
  const isRoot = process.getuid?.() === 0;
  const program = member.spawn(process.execPath, [CLI, ...args], isRoot ? { uid: NOBODY, gid: NOBODY } : {});
  return { code: await program.exited(), text: program.output };
}

test('a home that cannot be written: which folder, and SANDMESH_HOME as the way out', () =>
  withMembers(async ({ base, member }) => {
    letOthersIn(base, 0o755);
    const host = member('h', 'p');
    mkdirSync(host.home, { mode: 0o555 });
    for (const command of [['open'], ['run', '--', 'node', '-e', ''], ['config', 'set', 'name', 'x']]) {
      const { code, text } = await asNobody(host, ...command);
      assert.is(code, 3, text);
      assert.match(text, /Cannot create ".*\/h\/.*": permission denied/);
      assert.match(text, 'SANDMESH_HOME');
    }
    assert.is((await asNobody(host, 'status')).code, 3);
    const { code, text } = await asNobody(host, 'doctor');
    assert.is(code, 1);
    assert.match(text, /✗ +Home.*\/h/);
    assert.equal(existsSync(path.join(host.home, 'data')), false);
  }));

test('a home with data that became read-only: the same, and the data is as it was', () =>
  withMembers(async ({ base, member }) => {
    letOthersIn(base, 0o777);
    const host = member('h', 'p');
    assert.is((await asNobody(host, 'open', '-q')).code, 0);
    assert.is((await asNobody(host, 'stop')).code, 0);
    const { dataDir } = pathsOf(host);
    const folders = [dataDir, path.join(dataDir, 'sandboxes')];
    const log = readFileSync(path.join(dataDir, 'daemon.log'), 'utf8');
    for (const folder of folders) chmodSync(folder, 0o555);
    const { code, text } = await asNobody(host, 'open');
    assert.is(code, 3, text);
    assert.match(text, /Cannot write to ".*\/data": .*permission denied/);
    assert.match(text, 'SANDMESH_HOME');
    assert.ok(readFileSync(path.join(dataDir, 'daemon.log'), 'utf8').startsWith(log));
    for (const folder of folders) chmodSync(folder, 0o700);
    assert.is((await asNobody(host, 'open', '-q')).code, 0);
    assert.is((await asNobody(host, 'stop')).code, 0);
  }));

test('a home that becomes read-only under its daemon: what needs it says so, and the daemon can be stopped', () =>
  withMembers(async ({ base, member }) => {
    letOthersIn(base, 0o777);
    const host = member('h', 'p');
    assert.is((await asNobody(host, 'open', '-q')).code, 0);
    const { dataDir, runDir } = pathsOf(host);
    for (const folder of [dataDir, runDir]) chmodSync(folder, 0o555);
    const { code, text } = await asNobody(host, 'invite');
    assert.is(code, 3, text);
    assert.match(text, /Cannot make ".*\/audit": .*permission denied/);
    assert.match(text, 'SANDMESH_HOME');
    const stopped = await asNobody(host, 'stop');
    assert.is(stopped.code, 0, stopped.text);
    for (const folder of [dataDir, runDir]) chmodSync(folder, 0o700);
    assert.is((await asNobody(host, 'open', '-q')).code, 0);
    assert.is((await asNobody(host, 'stop')).code, 0);
  }));

unless(test, noProc, 'a home where the system takes no folders at all, even from root: said, not waited for', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'p');
    const program = host.spawn(process.execPath, [CLI, 'open'], {
      env: { SANDMESH_HOME: '/proc/self/task/home' },
    });
    assert.is(await program.exited(), 3, program.output);
    assert.match(program.output, '"/proc/self/task/home/data": the system takes no folders there');
  }),
);

test('a sandbox whose log was emptied is in nobody else’s way: status names it, verify finds it, moving it away ends it', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'p');
    const { id } = (await host.ask('sandbox.open', 'open')).sandbox;
    await host.ask('daemon.stop', 'stop');
    const folder = path.join(pathsOf(host).dataDir, 'sandboxes', id);
    truncateSync(path.join(folder, 'sandbox.log'));
    const { code, stderr } = await host.cli('open');
    assert.is(code, 1);
    assert.match(stderr, 'its log tells of nobody');
    assert.match(stderr, `Move "${folder}" away`);
    const { stdout } = await host.cli('status');
    assert.match(stdout, `! ${id.slice(0, 8)} cannot be opened: Cannot open sandbox ${id}`);
    assert.is((await host.cli('verify')).code, 1);
    rmSync(folder, { recursive: true });
    assert.is.not((await host.ask('sandbox.open', 'open')).sandbox.id, id);
  }));

test('a configuration file that is damaged: which file and what to do; the daemon does not start without it', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'p');
    const { configFile } = pathsOf(host);
    mkdirSync(path.dirname(configFile), { recursive: true, mode: 0o700 });
    for (const [text, problem] of [
      ['{"name": ', 'it is not a JSON object'],
      ['{"network.port": "many"}', 'network.port = "many"'],
    ] as const) {
      writeFileSync(configFile, text);
      const { code, stderr } = await host.cli('open');
      assert.is(code, 2, stderr);
      assert.match(stderr, configFile);
      assert.match(stderr, problem);
    }
  }));

test.run();
