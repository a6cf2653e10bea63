/** A gateway for the CLI on a socket of its own, and clients of it. */

import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { CliGateway, type CliGatewayOptions } from '#node/gateway/cli-gateway.ts';
import type { CommandRequest } from '#node/pipeline/request.ts';
import { TopicHub } from '#node/sandbox/topic-hub.ts';
import { Channel } from '#protocol/channel.ts';
import { encodeFrame, FrameType } from '#protocol/frame.ts';
import type { ControlMessage } from '#protocol/messages.ts';
import { encodeJson } from '#protocol/messages.ts';
import type { Broadcast } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { withFolder } from '../temporary-folder.ts';

export const HERE = 'ab'.repeat(20) as SandboxId;
export const THERE = 'cd'.repeat(20) as SandboxId;

export interface Rig {
  readonly gateway: CliGateway;
  readonly hub: TopicHub;
  readonly path: string;
  readonly requests: CommandRequest[];
  readonly counts: number[];
  /** Sessions that are over. */
  readonly ended: string[];
  client(): Promise<Client>;
}

export interface Client {
  readonly socket: Socket;
  readonly channel: Channel;
  readonly events: Broadcast[];
  readonly controls: ControlMessage[];
  /** Resolves when the daemon has closed it. */
  readonly closed: Promise<unknown>;
}

export function openClient(path: string): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(path);
    const events: Broadcast[] = [];
    const controls: ControlMessage[] = [];
    const channel = new Channel({
      send: (bytes) => void socket.write(bytes),
      onBroadcast: (broadcast) => events.push(broadcast),
      onControl: (control) => controls.push(control),
    });
    const closed = new Promise((done) => socket.once('close', done));
    socket.on('data', (chunk) => channel.receive(chunk));
    socket.once('error', reject);
    socket.once('connect', () => {
      // a daemon that drops us may do so in the middle of our writing
      socket.off('error', reject).on('error', () => undefined);
      resolve({ socket, channel, events, controls, closed });
    });
    socket.once('close', () => channel.close(new SandboxError('DAEMON_UNREACHABLE', 'closed')));
  });
}

/** Answers with what it was asked, fails for `fail.*`, and waits for its caller's end for `wait.*`. */
export async function answer(request: CommandRequest): Promise<unknown> {
  if (request.command.startsWith('fail.')) throw new SandboxError('NOT_PAUSED', 'it runs', { hint: 'pause it' });
  if (request.command.startsWith('wait.')) {
    await new Promise((_resolve, reject) =>
      request.signal.addEventListener('abort', () => reject(request.signal.reason)),
    );
  }
  if (request.command === 'big') return { text: 'x'.repeat(3_000_000) };
  return { asked: request.command, args: request.args };
}

export async function withGateway(
  use: (rig: Rig) => Promise<unknown>,
  change: Partial<CliGatewayOptions> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'daemon.sock');
    const hub = new TopicHub();
    const requests: CommandRequest[] = [];
    const counts: number[] = [];
    const ended: string[] = [];
    const errors: unknown[] = [];
    const gateway = new CliGateway({
      socketPath: path,
      hub,
      run: (request) => {
        requests.push(request);
        return answer(request);
      },
      resolveSandbox: async (sandbox, at) => {
        await setImmediate();
        if (sandbox !== undefined) return { id: sandbox };
        if (at === '/here') return { id: HERE };
        throw new SandboxError('SANDBOX_UNKNOWN', `no sandbox in "${at}"`);
      },
      onClients: (count) => counts.push(count),
      onSessionEnd: (session) => ended.push(session),
      onError: (error) => errors.push(error),
      ...change,
    });
    await gateway.start();
    const clients: Client[] = [];
    const client = async (): Promise<Client> => {
      const opened = await openClient(path);
      clients.push(opened);
      return opened;
    };
    try {
      await use({ gateway, hub, path, requests, counts, ended, client });
      assert.equal(errors, []);
    } finally {
      await gateway.stop();
      for (const { socket } of clients) socket.destroy();
    }
  });
}

export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited for ever: ${what}`);
    await setImmediate();
  }
}

export function subscribe(
  { channel }: Client,
  topics: string[],
  scope: { sandbox?: SandboxId; folder?: string } = {},
): void {
  channel.control({ command: 'subscribe', params: { topics, ...scope } });
}

/** A call is answered after everything sent before it took effect. */
export function settled({ channel }: Client): Promise<unknown> {
  return channel.call('sync', {});
}

export function notice(hub: TopicHub, text: string, sandbox = HERE): void {
  hub.publish(sandbox, 'notices', { level: 'info', text });
}

export const texts = ({ events }: Client): unknown[] => events.map(({ event }) => (event as { text?: string }).text);

export function header(change: { magic?: number; version?: number; type?: number; length?: number }): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, change.magic ?? 0x534d5348);
  view.setUint16(4, change.version ?? 1);
  view.setUint16(6, change.type ?? FrameType.call);
  view.setUint32(8, change.length ?? 0);
  return bytes;
}

export const json = (value: unknown, type: FrameType = FrameType.call): Uint8Array =>
  encodeFrame(type, encodeJson(value));
