/**
 * A daemon that only talks: a real Unix socket and the real Channel, answers given by the test. Arguments it gets and
 * results it sends are checked against the catalogue, so that a test cannot agree with itself on a wrong shape.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { type CommandArgs, type CommandName, catalogue, isCommandName } from '#protocol/catalogue/catalogue.ts';
import { Channel } from '#protocol/channel.ts';
import { homePaths } from '#protocol/home-paths.ts';
import type { CallMessage, ControlMessage } from '#protocol/messages.ts';
import { type TopicEvent, type TopicName, topics } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';

export const SANDBOX = 'ab'.repeat(20) as SandboxId;

/** Answers as plain data: the catalogue's schema brands it. */
export type FakeHandlers = { [N in CommandName]?: (args: CommandArgs<N>, call: CallMessage) => unknown };

export interface FakeDaemon {
  /** Environment for a client of it. */
  readonly env: Record<string, string>;
  readonly socketPath: string;
  readonly home: string;
  readonly calls: CallMessage[];
  readonly controls: ControlMessage[];
  readonly handlers: FakeHandlers;
  broadcast<T extends TopicName>(topic: T, event: TopicEvent<T>): void;
  /** Cuts every connection, as a crash would. */
  cut(): void;
  /** Says farewell first, as `sandmesh stop` would make it. */
  bye(): void;
  /** Stops listening, keeps the home. */
  stop(): Promise<void>;
  /** Listens again after {@link stop}. */
  listen(): Promise<void>;
  readonly connections: number;
}

export async function withFakeDaemon(
  handlers: FakeHandlers,
  body: (daemon: FakeDaemon) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'sm-'));
  const env = { SANDMESH_HOME: home, HOME: home, PATH: process.env['PATH'] ?? '', NO_COLOR: '1' };
  const { daemonSocket, runDir } = homePaths({ env, platform: process.platform, homedir: homedir() });
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  const open = new Map<Socket, Channel>();
  const calls: CallMessage[] = [];
  const controls: ControlMessage[] = [];
  let sequence = 0;

  const answer = async (call: CallMessage): Promise<unknown> => {
    calls.push(call);
    if (!isCommandName(call.command)) throw new SandboxError('UNKNOWN_COMMAND', `Cannot run "${call.command}"`);
    const { args, result } = catalogue[call.command];
    const handler = handlers[call.command] as ((args: unknown, call: CallMessage) => unknown) | undefined;
    if (handler === undefined) throw new SandboxError('INTERNAL', `The test gives no answer to ${call.command}`);
    return result.parse(await handler(args.strict().parse(call.args), call));
  };
  const serve = (socket: Socket): void => {
    const channel = new Channel({
      send: (bytes) => void socket.write(bytes),
      onCall: answer,
      onControl: (control) => void controls.push(control),
    });
    open.set(socket, channel);
    socket.on('data', (chunk) => channel.receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      channel.close(new SandboxError('CANCELLED', 'closed'));
    });
  };
  let server = createServer(serve);
  const daemon: FakeDaemon = {
    env,
    home,
    calls,
    controls,
    handlers,
    socketPath: daemonSocket,
    get connections() {
      return open.size;
    },
    broadcast(topic, event) {
      const checked = topics[topic].parse(event);
      for (const channel of open.values()) {
        channel.broadcast({ topic, event: checked, metadata: { sandbox: SANDBOX, sequence: sequence++ } });
      }
    },
    cut() {
      for (const socket of open.keys()) socket.destroy();
    },
    bye() {
      for (const channel of open.values()) channel.control({ command: 'bye', params: { reason: 'stopped' } });
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      daemon.cut();
      await closed;
    },
    listen() {
      server = createServer(serve);
      return new Promise((resolve) => void server.listen(daemonSocket, resolve));
    },
  };
  await daemon.listen();
  try {
    await body(daemon);
  } finally {
    await daemon.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Polls until `condition` holds; the whole test's time limit is the runner's. */
export async function until(condition: () => boolean, limitMs = 5_000): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
