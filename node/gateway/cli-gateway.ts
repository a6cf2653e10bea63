/**
 * The gateway of local clients: a Unix socket (a named pipe on Windows) that only this user can open. It turns
 * frames into requests and topics into broadcasts; it decides nothing.
 */

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Channel } from '#protocol/channel.ts';
import type { CallMessage, ControlMessage } from '#protocol/messages.ts';
import { type Broadcast, TOPIC_NAMES, type TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { CommandRequest } from '../pipeline/request.ts';
import type { Subscription, TopicHub } from '../sandbox/topic-hub.ts';

/** A subscriber that lets this much pile up loses events until it has read again, and is told how many. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

export interface CliGatewayOptions {
  readonly socketPath: string;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly hub: TopicHub;
  /** The sandbox a folder is bound to. @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<{ id: SandboxId }>;
  /** Told when clients come and go, with how many are left. */
  readonly onClients: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

export class CliGateway {
  readonly #options: CliGatewayOptions;
  readonly #clients = new Set<CliClient>();
  #server: Server | undefined;
  #nextSession = 1;

  constructor(options: CliGatewayOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Listens; a socket file left by a dead daemon is replaced (the caller holds the home's lock). */
  async start(): Promise<void> {
    const { socketPath } = this.#options;
    if (process.platform !== 'win32') rmSync(socketPath, { force: true });
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, () => {
        server.off('error', reject);
        resolve();
      });
    });
    // The folder is 0700 already; the mode guards a home on a file system that ignores it.
    if (process.platform !== 'win32') chmodSync(socketPath, 0o600);
    server.on('error', this.#options.onError);
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const client of this.#clients) client.drop(new SandboxError('DAEMON_UNREACHABLE', 'The daemon is stopping'));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const client = new CliClient(socket, `cli-${this.#nextSession++}`, this.#options, () => {
      this.#clients.delete(client);
      this.#options.onClients(this.#clients.size);
    });
    this.#clients.add(client);
    this.#options.onClients(this.#clients.size);
  }
}

class CliClient {
  readonly #socket: Socket;
  readonly #session: string;
  readonly #options: CliGatewayOptions;
  readonly #channel: Channel;
  readonly #subscriptions = new Map<string, { topics: Set<TopicName>; subscription: Subscription }>();
  #skipped = 0;

  constructor(socket: Socket, session: string, options: CliGatewayOptions, onClose: () => void) {
    this.#socket = socket;
    this.#session = session;
    this.#options = options;
    this.#channel = new Channel({
      send: (bytes) => void socket.write(bytes),
      onCall: (call, signal) => this.#call(call, signal),
      onControl: (control) => this.#control(control),
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    // A reset by the client is its way of leaving; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { subscription } of this.#subscriptions.values()) subscription.close();
      this.#channel.close(new SandboxError('CANCELLED', 'The client disconnected'));
      onClose();
    });
  }

  drop(reason: SandboxError): void {
    this.#channel.control({ command: 'bye', params: { reason: reason.message.slice(0, 300) } });
    this.#channel.close(reason);
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #receive(chunk: Buffer): void {
    try {
      this.#channel.receive(chunk);
    } catch (error) {
      this.drop(SandboxError.from(error));
    }
  }

  #call(call: CallMessage, signal: AbortSignal): Promise<unknown> {
    return this.#options.run({
      command: call.command,
      args: call.args,
      origin: { kind: 'local' },
      session: this.#session,
      sandbox: call.sandbox,
      folder: call.folder,
      timeoutMs: call.timeoutMs,
      signal,
    });
  }

  #control(message: ControlMessage): void {
    if (message.command === 'subscribe') {
      this.#subscribe(message.params).catch((error: unknown) => this.drop(SandboxError.from(error)));
    } else if (message.command === 'unsubscribe') {
      this.#unsubscribe(message.params.topics);
    }
  }

  async #subscribe(params: { topics: string[]; sandbox?: SandboxId | undefined; folder?: string | undefined }): Promise<void> {
    const topics = params.topics.map(parseTopic);
    const everywhere = params.sandbox === undefined && params.folder === undefined;
    const sandbox = everywhere ? undefined : (await this.#options.resolveSandbox(params.sandbox, params.folder)).id;
    if (this.#channel.closed) return;
    const key = sandbox ?? '*';
    const known = this.#subscriptions.get(key);
    if (known !== undefined) {
      for (const topic of topics) known.topics.add(topic);
      known.subscription.setTopics([...known.topics]);
      return;
    }
    const subscription = this.#options.hub.subscribe(sandbox, topics, (broadcast) => this.#deliver(broadcast));
    this.#subscriptions.set(key, { topics: new Set(topics), subscription });
  }

  #unsubscribe(names: readonly string[]): void {
    for (const entry of this.#subscriptions.values()) {
      for (const name of names) entry.topics.delete(name as TopicName);
      entry.subscription.setTopics([...entry.topics]);
    }
  }

  #deliver(broadcast: Broadcast): void {
    if (this.#socket.writableLength > MAX_QUEUED_BYTES) {
      this.#skipped += 1;
      return;
    }
    if (this.#skipped > 0) {
      const text = `${this.#skipped} events were dropped because this client reads too slowly`;
      this.#skipped = 0;
      const event = { level: 'warn', text };
      this.#channel.broadcast({ topic: 'notices', event, metadata: broadcast.metadata });
    }
    this.#channel.broadcast(broadcast);
  }
}

function parseTopic(name: string): TopicName {
  if ((TOPIC_NAMES as string[]).includes(name)) return name as TopicName;
  throw new SandboxError('BAD_ARGUMENT', `Cannot subscribe to "${name}": there is no such topic`, {
    hint: `Topics: ${TOPIC_NAMES.join(', ')}.`,
  });
}
