// test: full
// test: alone
// test: limit 180 s
/**
 * A thousand subscribers, thousands of commands a second and one client that reads nothing, at one daemon: everybody
 * gets everything but the one that does not read, and the daemon's memory stays within a bound.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { SandboxError } from '#shared/errors.ts';
import { unless } from '#test/skip.ts';
import { targetSeenBy } from '../mesh/debugging.ts';
import { eventually, withMembers } from '../mesh/members.ts';
import { residentBytes, tooFewFiles } from './open-files.ts';

const SUBSCRIBERS = 1_000;
/** Fewer than one member may write at once. */
const CHAT_LINES = 15;
const SENDERS = 10;
const COMMANDS_PER_SECOND = 5_000;
const SECONDS = 6;
const TICK_MS = 20;
/** What a subscriber costs with its socket, and what piles up between two garbage collections. */
const MOST_GROWTH_BYTES = SUBSCRIBERS * 96 * 1024 + 128 * 1024 * 1024;

/** Lines: 12 MB, where the buffers of a connection and the queue before it hold some five. */
const MORE_THAN_SOCKETS_HOLD = 12_000;

/** Prints 24 MB when asked for them, in lines of 1,000 letters, as fast as they are shared. */
const PRINTER = `const line = 'x'.repeat(1000);
const http = require('node:http');
http.createServer((request, response) => {
  let left = 24_000;
  const timer = setInterval(() => {
    for (let n = 0; n < 200; n++) console.log(line);
    left -= 200;
    if (left > 0) return;
    clearInterval(timer);
    response.end('done');
  }, 50);
}).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
`;

/** What one client has been told, by kind. */
class Listener {
  readonly socket: WebSocket;
  readonly chat: string[] = [];
  readonly outcomes = new Map<string, number>();
  lagged = 0;
  output = 0;

  constructor(url: string, access: string) {
    this.socket = new WebSocket(url, ['sandmesh.v1', `bearer.${access}`], { perMessageDeflate: false });
    this.socket.on('message', (data) => this.#hear(JSON.parse(String(data))));
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject));
  }

  send(id: string, payload: object): void {
    this.socket.send(JSON.stringify({ type: 'command', id, timestamp: 0, payload }));
  }

  call(id: string, command: string, args: object, sandbox?: string): void {
    this.send(id, { action: 'call', command, args, sandbox });
  }

  /** Replies by `ok` or the code of their error. */
  count(outcome: string): number {
    return this.outcomes.get(outcome) ?? 0;
  }

  #hear({ type, payload }: { type: string; payload: Told }): void {
    if (type === 'response') {
      const outcome = payload.ok ? 'ok' : (payload.error?.code ?? '?');
      this.outcomes.set(outcome, this.count(outcome) + 1);
    } else if (payload.kind === 'lagged') this.lagged += payload.dropped ?? 0;
    else if (payload.topic === 'chat') this.chat.push(payload.event?.line?.text ?? '');
    else if (payload.topic === 'output') this.output += payload.event?.lines?.length ?? 0;
  }
}

interface Told {
  readonly ok?: boolean;
  readonly error?: { readonly code: string };
  readonly kind?: string;
  readonly dropped?: number;
  readonly topic?: string;
  readonly event?: { readonly line?: { readonly text: string }; readonly lines?: readonly unknown[] };
}

unless(test, tooFewFiles(2 * SUBSCRIBERS), 'a thousand subscribers miss nothing beside one that reads nothing', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    writeFileSync(path.join(host.folder, 'printer.js'), PRINTER);
    const [, port] = await host.start('run', '-q', '--', process.execPath, 'printer.js').line(/^port (\d+)$/);
    const client = await host.client();
    await targetSeenBy(client);
    const { pid, api = '' } = await client.call('daemon.status', {});
    const { id: sandbox } = await client.call('sandbox.get', {});
    const { accessToken } = await client.call('token.access', {});
    const all: Listener[] = [];
    const connect = async (...topics: string[]): Promise<Listener> => {
      const listener = new Listener(`${api.replace('http', 'ws')}/api/v1/ws`, accessToken);
      all.push(listener);
      await listener.open();
      if (topics.length > 0) listener.send('s', { action: 'subscribe', topics, sandbox });
      return listener;
    };
    try {
      const senders = await Promise.all(Array.from({ length: SENDERS }, () => connect()));
      await answered(senders, await push(senders, 1));
      const before = residentBytes(pid);
      let most = before;
      const watch = setInterval(() => {
        most = Math.max(most, residentBytes(pid));
      }, 100);

      const subscribers: Listener[] = [];
      while (subscribers.length < SUBSCRIBERS) {
        subscribers.push(...(await Promise.all(Array.from({ length: 50 }, () => connect('chat')))));
      }
      const [slow, brisk] = [await connect('chat', 'output'), await connect('output')];
      const ready = [...subscribers, slow, brisk];
      await eventually('all to listen', () => ready.every((each) => each.count('ok') === 1) || undefined, 60_000);
      slow.socket.pause();

      const print = (): Promise<string> => fetch(`http://127.0.0.1:${port}`).then((response) => response.text());
      const printed = print();
      const lines = Array.from({ length: CHAT_LINES }, (_, n) => `line ${n}`);
      const said = sayAll(client, lines);
      const pushed = await push(senders, SECONDS);
      await said;
      await answered(senders, pushed);
      await eventually(
        'every line at every subscriber',
        () => subscribers.every(({ chat }) => chat.length === CHAT_LINES) || undefined,
        60_000,
      );
      for (const { chat, lagged } of subscribers) assert.equal([chat, lagged], [lines, 0]);
      await printed;
      // a daemon that has no time shares fewer lines of it
      while (brisk.output < MORE_THAN_SOCKETS_HOLD) await print();
      clearInterval(watch);
      const growth = most - before;
      assert.ok(growth < MOST_GROWTH_BYTES, `the daemon grew by ${growth} bytes`);

      assert.equal([slow.chat.length, slow.lagged], [0, 0], 'it read nothing');
      slow.socket.resume();
      await eventually('the slow one to hear what it missed', () => slow.lagged > 0 || undefined, 60_000);
      await sayAll(client, ['last']);
      await eventually('it to be served again', () => slow.chat.at(-1) === 'last' || undefined);
      console.log(
        `${pushed + COMMANDS_PER_SECOND} commands, ${CHAT_LINES * SUBSCRIBERS} events, ${slow.lagged} left out, grew by ${growth >> 20} MiB`,
      );
      assert.is(await host.daemonPid(), pid);
    } finally {
      for (const { socket } of all) socket.terminate();
    }
  }),
);

/** One after the other; again where too much was under way at that moment. */
async function sayAll(client: SandmeshClient, lines: readonly string[]): Promise<void> {
  for (const text of lines) {
    await eventually(`"${text}" to be said`, async () => {
      try {
        return await client.call('chat.send', { text });
      } catch (error) {
        if (SandboxError.from(error).code === 'LIMIT_EXCEEDED') return undefined;
        throw error;
      }
    });
  }
}

/** Sends at the rate, whatever the answers do. @returns how many */
async function push(senders: readonly Listener[], seconds: number): Promise<number> {
  for (const { outcomes } of senders) outcomes.clear();
  const wanted = COMMANDS_PER_SECOND * seconds;
  const startedAt = performance.now();
  for (let sent = 0; sent < wanted; ) {
    const due = Math.min(wanted, ((performance.now() - startedAt) / 1000) * COMMANDS_PER_SECOND);
    for (; sent < due; sent++) senders[sent % senders.length]?.call(`c${sent}`, 'daemon.status', {});
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return wanted;
}

/** Waits until each command was done, or refused because too many were under way at once. */
async function answered(senders: readonly Listener[], commands: number): Promise<void> {
  const sum = (outcome: string): number => senders.reduce((total, each) => total + each.count(outcome), 0);
  await eventually(
    'every command to be answered',
    () => sum('ok') + sum('LIMIT_EXCEEDED') === commands || undefined,
    60_000,
  );
  assert.ok(sum('ok') > 0, 'some were done');
}

test.run();
