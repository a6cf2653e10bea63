// test: full
// test: limit 180 s
// test: alone
/** `sandmesh attach` to what cannot be attached to. Whatever was asked for, the process itself comes to no harm. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../../skip.ts';
import { isAlive, listeners, noProc } from '../mesh/traces.ts';
import { refuses, type Scene, withScene } from './scene.ts';

const NOBODY = 65_534;
const IDLE = "setInterval(() => undefined, 1000); console.log('ready');";

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function idle({ host }: Scene, script = IDLE): Promise<string> {
  const program = host.spawn(process.execPath, ['-e', script]);
  await program.line(/^ready$/);
  return String(program.pid);
}

unless(test, noProc, 'a dead pid: there is no such process, and how to see what runs', () =>
  withScene(async ({ host }) => {
    const program = host.spawn(process.execPath, ['-e', '']);
    await program.exited();
    await refuses(host, ['attach', String(program.pid)], {
      exit: 5,
      code: 'PROCESS_UNKNOWN',
      says: [`Cannot attach to pid ${program.pid}: there is no such process`, '"sandmesh attach" without a pid'],
    });
  }),
);

unless(test, noProc, "another user's pid: whose it is, and to be that user", () =>
  withScene(async ({ host }) => {
    // Who is not root has another user's process to try: the first one.
    const isRoot = process.getuid?.() === 0;
    const theirs = isRoot ? host.spawn(process.execPath, ['-e', IDLE], { uid: NOBODY, gid: NOBODY }) : undefined;
    await theirs?.line(/^ready$/);
    const pid = theirs?.pid ?? 1;
    await refuses(host, ['attach', String(pid)], {
      exit: 4,
      code: 'PROCESS_FORBIDDEN',
      says: [`Cannot attach to pid ${pid}: it belongs to another user (uid ${isRoot ? NOBODY : 0})`, 'as that user'],
    });
    assert.ok(isAlive(pid));
    assert.equal(listeners(pid), []);
  }),
);

unless(test, noProc, 'a program that is not Node: what it is instead; it gets no signal', () =>
  withScene(async ({ host }) => {
    const sleep = host.spawn('sleep', ['600']);
    await refuses(host, ['attach', String(sleep.pid)], {
      exit: 1,
      code: 'PROCESS_NOT_NODE',
      says: [/Cannot attach to pid \d+: it runs ".*\/sleep", which is not Node/, 'give the pid of the node process'],
    });
    assert.ok(isAlive(sleep.pid));
  }),
);

unless(
  test,
  noProc,
  'a program with its own SIGUSR1 handler: said within 5 s; its handler ran and nothing else happened',
  () =>
    withScene(async (scene) => {
      const program = scene.host.spawn(process.execPath, [
        '-e',
        `process.on('SIGUSR1', () => console.log('mine')); ${IDLE}`,
      ]);
      await program.line(/^ready$/);
      const asked = performance.now();
      await refuses(scene.host, ['attach', String(program.pid)], {
        exit: 7,
        code: 'INSPECTOR_UNAVAILABLE',
        says: ['did not open its inspector', 'handles SIGUSR1 itself', '"sandmesh run"'],
      });
      assert.ok(performance.now() - asked < 10_000, 'two attempts of at most 5 s');
      assert.match(program.output, 'mine');
      assert.ok(isAlive(program.pid));
      assert.equal(listeners(program.pid), []);
    }),
);

unless(test, noProc, 'port 9229 taken: by whom, and that "run" needs none; once it is free, attaching works', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const pid = await idle(scene);
    const squatter = createServer();
    await listen(squatter, 9229);
    try {
      await refuses(host, ['attach', pid], {
        exit: 7,
        code: 'INSPECTOR_UNAVAILABLE',
        says: [`port 9229, where it would open its inspector, is taken by pid ${process.pid}`, '"sandmesh run"'],
      });
      const run = host.start('run', '--private', '--', process.execPath, scene.file('idle.js', IDLE));
      await run.line(/^ready$/);
      assert.equal(listeners(run.pid), []);
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
    assert.equal(listeners(Number(pid)), []);
    const { target } = JSON.parse((await host.cli('attach', pid, '--json')).stdout);
    assert.is(target.pid, Number(pid));
    await host.ask('target.detach', 'detach', pid);
    assert.equal(listeners(Number(pid)), []);
  }),
);

unless(test, noProc, 'a port where no inspector answers, and text that is neither pid nor port', () =>
  withScene(async ({ host }) => {
    const web = createServer((_request, response) => response.end('hello'));
    const port = await listen(web, 0);
    try {
      await refuses(host, ['attach', `127.0.0.1:${port}`], {
        exit: 7,
        code: 'INSPECTOR_UNAVAILABLE',
        says: [`127.0.0.1:${port}`],
      });
    } finally {
      await new Promise((resolve) => web.close(resolve));
    }
    await refuses(host, ['attach', `127.0.0.1:${port}`], {
      exit: 7,
      code: 'INSPECTOR_UNAVAILABLE',
      says: [`127.0.0.1:${port}`],
    });
    for (const where of ['shop', '0', '-1', '99999999999', '1.5', 'host:99999', '4711; id']) {
      await refuses(host, ['attach', '--', where], {
        exit: 2,
        code: 'BAD_ARGUMENT',
        says: [`"${where}"`, 'neither a pid nor host:port', '127.0.0.1:9229'],
      });
    }
    await refuses(host, ['attach', '192.0.2.1:9229'], {
      exit: 4,
      code: 'PROCESS_FORBIDDEN',
      says: ['only this machine', 'tunnel'],
    });
  }),
);

unless(test, noProc, "a sandmesh daemon's own pid: it holds keys", () =>
  withScene(async ({ host, daemon }) => {
    await refuses(host, ['attach', String(daemon)], {
      exit: 4,
      code: 'PROCESS_FORBIDDEN',
      says: [`Cannot attach to pid ${daemon}: it is a sandmesh daemon`],
    });
  }),
);

test.run();
