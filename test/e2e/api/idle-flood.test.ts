// test: full
// test: limit 180 s
/** 10,000 connections that say nothing, while honest clients go on. */

import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { unless } from '#test/skip.ts';
import { eventually } from '../mesh/members.ts';
import { residentBytes, tooFewFiles } from './open-files.ts';
import { head, openIdle, sendRaw } from './raw.ts';
import { withApiScene } from './scene.ts';

const FLOOD = 10_000;
/** How many of them are opened between two honest questions. */
const BATCH = 500;
/** http-server.ts says so. */
const MOST_CONNECTIONS = 4_096;
const MOST_MEMORY_BYTES = 400 * 1024 * 1024;

unless(test, tooFewFiles(FLOOD + 500), '10,000 idle connections push out each other, and nobody who asks', () =>
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
      const rssBytes = residentBytes(pid);
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

test.run();
