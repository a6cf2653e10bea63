/**
 * The gateway of local clients: a Unix socket (a named pipe on Windows) that only this user can open. It turns
 * frames into requests and topics into broadcasts; it decides nothing.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { Channel } from '#protocol/channel.ts';
import type { CallMessage, ControlMessage } from '#protocol/messages.ts';
import { type Broadcast, TOPIC_NAMES, type TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { gatherWrites } from '../gather-writes.ts';
import type { CommandRequest } from '../pipeline/request.ts';
import type { Subscription, TopicHub } from '../sandbox/topic-hub.ts';
import { SocketFile } from '../storage/socket-file.ts';

/** A subscriber that lets this much pile up loses events until it has read again, and is told how many. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** Folders and sandboxes one client listens to; `watch` uses one. */
const MAX_SCOPES = 64;
/** A client that is dropped and does not read its goodbye is cut off after this long, so that stopping ends. */
const GOODBYE_MS = 1_000;

export interface CliGatewayOptions {
  readonly socketPath: string;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly hub: TopicHub;
  /** The sandbox a folder is bound to. @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<{ id: SandboxId }>;
  /** Told when clients come and go, with how many are left. */
  readonly onClients: (count: number) => void;
  /** A client's connection is over. */
  readonly onSessionEnd: (session: string) => void;
  readonly onError: (error: unknown) => void;
}

export class CliGateway {
  readonly #options: CliGatewayOptions;
  readonly #clients = new Set<CliClient>();
  #server: Server | undefined;
  #file: SocketFile | undefined;
  #stopped: Promise<void> | undefined;
  #nextSession = 1;

  constructor(options: CliGatewayOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /**
   * Listens; a socket file left by a dead daemon is replaced (the caller holds the home's lock).
   *
   * @throws {SandboxError} HOME_UNWRITABLE
   */
  async start(): Promise<void> {
    const { socketPath } = this.#options;
    const server = createServer((socket) => this.#accept(socket));
    this.#file = await SocketFile.listen(server, socketPath);
    server.on('error', this.#options.onError);
    this.#server = server;
  }

  /** Whether clients can find it; false once the socket's file was removed under it. */
  isFound(): boolean {
    return this.#file?.isInPlace() ?? false;
  }

  /**
   * Resolves when every client is gone, within a second or so. Safe to call twice.
   *
   * @param farewell false: nobody is told that it ends on purpose, so that whoever needs a daemon starts the next
   */
  stop({ farewell = true }: { farewell?: boolean } = {}): Promise<void> {
    const server = this.#server;
    if (server !== undefined) this.#stopped ??= this.#close(server, farewell);
    return this.#stopped ?? Promise.resolve();
  }

  async #close(server: Server, farewell: boolean): Promise<void> {
    this.#file?.remove();
    // The server's own 'close' comes before that of its last sockets, whose subscriptions are still there then.
    const gone = [...this.#clients].map((client) => client.closed);
    const reason = new SandboxError('DAEMON_UNREACHABLE', 'The daemon is stopping');
    for (const client of this.#clients) client.drop(reason, farewell);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.all(gone);
  }

  #accept(socket: Socket): void {
    const session = `cli-${this.#nextSession++}`;
    const client = new CliClient(socket, session, this.#options, () => {
      this.#clients.delete(client);
      this.#options.onSessionEnd(session);
      this.#options.onClients(this.#clients.size);
    });
    this.#clients.add(client);
    this.#options.onClients(this.#clients.size);
  }
}

interface Scope {
  readonly sandbox?: SandboxId | undefined;
  readonly folder?: string | undefined;
}

class CliClient {
  readonly #socket: Socket;
  readonly #session: string;
  readonly #options: CliGatewayOptions;
  readonly #channel: Channel;
  /** Resolves when nothing of it is left. */
  readonly closed: Promise<void>;
  /** By the scope as written: two scopes may name one sandbox, and each is replaced on its own. */
  readonly #subscriptions = new Map<string, Subscription>();
  /** Subscriptions take effect in the order they were asked for, and before later calls run. */
  #subscribing: Promise<void> = Promise.resolve();
  #latest: Broadcast | undefined;
  #skipped: { count: number; last: Broadcast } | undefined;

  constructor(socket: Socket, session: string, options: CliGatewayOptions, onClose: () => void) {
    this.#socket = socket;
    this.#session = session;
    this.#options = options;
    this.#channel = new Channel({
      send: (bytes) => this.#send(bytes),
      onCall: (call, signal) => this.#call(call, signal),
      onControl: (control) => this.#control(control),
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => {
      socket.resume();
      this.#tellSkipped();
    });
    // A reset by the client is its way of leaving; 'close' follows.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#channel.close(new SandboxError('CANCELLED', 'The client disconnected'));
        for (const subscription of this.#subscriptions.values()) subscription.close();
        this.#subscriptions.clear();
        onClose();
        resolve();
      });
    });
  }

  drop(reason: SandboxError, farewell = true): void {
    if (this.#channel.closed) return;
    if (farewell) this.#channel.control({ command: 'bye', params: { reason: reason.message.slice(0, 300) } });
    this.#channel.close(reason);
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #send(bytes: Uint8Array): void {
    gatherWrites(this.#socket);
    if (this.#socket.write(bytes)) return;
    // Who does not read its replies is not read from either, until it has.
    if (this.#socket.writableLength > MAX_QUEUED_BYTES) this.#socket.pause();
  }

  #receive(chunk: Buffer): void {
    if (this.#channel.closed) return;
    try {
      this.#channel.receive(chunk);
    } catch (error) {
      this.drop(SandboxError.from(error));
    }
  }

  async #call(call: CallMessage, signal: AbortSignal): Promise<unknown> {
    await this.#subscribing;
    signal.throwIfAborted();
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

  #control({ command, params }: ControlMessage): void {
    const inTurn = (work: () => Promise<void> | void): void => {
      this.#subscribing = this.#subscribing.then(work);
    };
    if (command === 'unsubscribe') inTurn(() => this.#unsubscribe(params.topics));
    if (command !== 'subscribe') return;
    const refuse = (error: unknown): void => this.#refuse(params, SandboxError.from(error));
    inTurn(() => this.#subscribe(params.topics, params).catch(refuse));
  }

  /** Its other subscriptions and its calls are not to suffer: a sandbox may have been left since it listened there. */
  #refuse({ sandbox, folder }: Scope, error: SandboxError): void {
    const { code, message, hint } = error.toData();
    const said = { code, message, ...(hint === undefined ? {} : { hint }) };
    this.#channel.control({
      command: 'refused',
      params: { ...said, ...(sandbox === undefined ? {} : { sandbox }), ...(folder === undefined ? {} : { folder }) },
    });
  }

  /** The list replaces what was listened to in that scope; an empty one ends it. */
  async #subscribe(names: readonly string[], { sandbox, folder }: Scope): Promise<void> {
    const topics = names.map(parseTopic);
    const key = JSON.stringify([sandbox, folder]);
    const known = this.#subscriptions.get(key);
    if (topics.length === 0) {
      known?.close();
      this.#subscriptions.delete(key);
      return;
    }
    if (known !== undefined) return known.setTopics(topics);
    if (this.#subscriptions.size >= MAX_SCOPES) throw tooManyScopes();
    const everywhere = sandbox === undefined && folder === undefined;
    const scope = everywhere ? undefined : (await this.#options.resolveSandbox(sandbox, folder)).id;
    if (this.#channel.closed) return;
    this.#subscriptions.set(
      key,
      this.#options.hub.subscribe(scope, topics, (broadcast) => this.#deliver(broadcast)),
    );
  }

  #unsubscribe(names: readonly string[]): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.setTopics(subscription.topics().filter((topic) => !names.includes(topic)));
    }
  }

  #deliver(broadcast: Broadcast): void {
    // Two scopes of this client may both cover it.
    if (broadcast === this.#latest) return;
    this.#latest = broadcast;
    if (this.#socket.writableLength > MAX_QUEUED_BYTES) return this.#skip(broadcast);
    this.#tellSkipped();
    try {
      this.#channel.broadcast(broadcast);
    } catch {
      // Larger than a frame: whoever published it and the other subscribers must not suffer.
      this.#skip(broadcast);
      this.#tellSkipped();
    }
  }

  #skip(broadcast: Broadcast): void {
    this.#skipped = { count: (this.#skipped?.count ?? 0) + 1, last: broadcast };
  }

  #tellSkipped(): void {
    if (this.#skipped === undefined) return;
    const { count, last } = this.#skipped;
    this.#skipped = undefined;
    const text = `Events missed: ${count}; this client reads too slowly, or they were too large to send`;
    this.#channel.broadcast({ topic: 'notices', event: { level: 'warn', text }, metadata: last.metadata });
  }
}

function tooManyScopes(): SandboxError {
  return new SandboxError('LIMIT_EXCEEDED', `Cannot listen to more than ${MAX_SCOPES} folders and sandboxes at once`, {
    hint: 'Subscribe without one: that covers them all.',
  });
}

function parseTopic(name: string): TopicName {
  if ((TOPIC_NAMES as string[]).includes(name)) return name as TopicName;
  throw new SandboxError('BAD_ARGUMENT', `Cannot subscribe to "${name}": there is no such topic`, {
    hint: `Topics: ${TOPIC_NAMES.join(', ')}.`,
  });
}
