// test: full
// test: limit 180 s
/** 10,000 connections that say nothing, while honest clients go on. */

import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { unless } from '#test/skip.ts';
import { eventually } from '../mesh/members.ts';
import { head, openIdle, sendRaw } from './raw.ts';
import { withApiScene } from './scene.ts';

const FLOOD = 10_000;
/** How many of them are opened between two honest questions. */
const BATCH = 500;
/** http-server.ts says so. */
const MOST_CONNECTIONS = 4_096;
const MOST_MEMORY_BYTES = 400 * 1024 * 1024;

/** Node has raised this process's own limit to the hard one. */
function tooFewFiles(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux tells the limit of open files';
  const [, hard = '0'] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' || Number(hard) > FLOOD + 500 ? undefined : `no process may open more than ${hard} files`;
}

unless(test, tooFewFiles(), '10,000 idle connections push out each other, and nobody who asks', () =>
  withApiScene(async (scene) => {
    const { port } = scene;
    const pid = await scene.member.daemonPid();
    const access = await scene.access();
    const asked = head('GET /api/v1/node', `Host: 127.0.0.1:${port}`, `Authorization: Bearer ${access}`);
    const page = new WebSocket(`ws://127.0.0.1:${port}/api/v1/ws`, ['sandmesh.v1', `bearer.${access}`]);
    const answers: string[] = [];
    page.on('message', (data) => answers.push(JSON.parse(String(data)).id));
    await eventually('the WebSocket', () => (page.readyState === WebSocket.OPEN ? true : undefined));

    const open = new Set<Socket>();
    let opened = 0;
    try {
      while (opened < FLOOD) {
        const batch = await Promise.all(Array.from({ length: BATCH }, () => openIdle(port)));
        opened += batch.length;
        for (const socket of batch) {
          open.add(socket);
          socket.on('error', () => undefined).once('close', () => open.delete(socket));
          socket.resume();
        }
        assert.is((await sendRaw(port, asked)).status, 200, `a new client after ${opened}`);
        const id = `c${opened}`;
        page.send(
          JSON.stringify({
            type: 'command',
            id,
            timestamp: 0,
            payload: { action: 'call', command: 'daemon.status', args: {} },
          }),
        );
        await eventually(`the answer to ${id}`, () => (answers.includes(id) ? true : undefined));
      }
      assert.ok(
        readdirSync(`/proc/${pid}/fd`).length < MOST_CONNECTIONS + 200,
        'the daemon keeps no more than it said',
      );
      const { rssBytes } = memoryOf(pid);
      assert.ok(rssBytes < MOST_MEMORY_BYTES, `the daemon has ${rssBytes} bytes`);
      assert.ok(opened - open.size >= FLOOD - MOST_CONNECTIONS, `${open.size} of them are still open`);
      await eventually('those that never asked to be cut off', () => (open.size === 0 ? true : undefined), 60_000);
      assert.is((await sendRaw(port, asked)).status, 200);
      assert.is(page.readyState, WebSocket.OPEN);
    } finally {
      page.terminate();
      for (const socket of open) socket.destroy();
    }
    assert.is(await scene.member.daemonPid(), pid);
  }),
);

function memoryOf(pid: number): { readonly rssBytes: number } {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { rssBytes: Number(kib) * 1024 };
}

test.run();
