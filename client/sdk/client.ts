/**
 * A typed client of one daemon: every command of the catalogue as a call, every topic as an async iterable. Knows no
 * socket (see transport.ts) and starts no daemon; with `reconnect` it comes back by itself and subscribes again.
 */

import { type CommandInput, type CommandName, type CommandResult, catalogue } from '#protocol/catalogue/catalogue.ts';
import { Channel } from '#protocol/channel.ts';
import { FRAME_VERSION } from '#protocol/frame.ts';
import type { Broadcast, TopicName } from '#protocol/topics.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { Subscription, type TopicMessage } from './subscription.ts';
import type { Connector, Transport } from './transport.ts';

/** Which sandbox a call is about: by id, by a folder it is bound to, or (neither) the daemon's only one. */
export interface Scope {
  readonly sandbox?: SandboxId | undefined;
  readonly folder?: string | undefined;
}

export interface ClientOptions {
  readonly connector: Connector;
  /** For calls and subscriptions that name none. */
  readonly scope?: Scope;
  /** Come back after a loss, waiting 50 ms, then longer up to 2 s; `connector` unless another is given. */
  readonly reconnect?: boolean | Connector;
  /** Shown in the daemon's list of clients, at most 100 characters. */
  readonly agent?: string;
}

export interface CommandOptions extends Scope {
  /** The catalogue's limit unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The daemon keeps the time; the client waits a little longer so that the daemon's own error arrives. */
const TIMEOUT_MARGIN_MS = 2_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MOST_MS = 2_000;

type AnySubscription = { readonly scope: Scope; readonly queue: Subscription<TopicName> };

export class SandmeshClient {
  readonly #options: ClientOptions;
  readonly #subscriptions = new Set<AnySubscription>();
  #channel: Channel | undefined;
  #transport: Transport | undefined;
  #opening: Promise<Channel> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /**
   * `connected` after each reconnection (state may have moved: read it again), `lost` when the daemon went away,
   * `closed` once, by {@link close}; `bye` when the daemon says that it stops on purpose, before `lost`.
   */
  readonly events = new Emitter<{ connected: object; lost: SandboxError; closed: object; bye: { reason: string } }>();

  /** Does no work; see {@link open}. */
  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#channel !== undefined;
  }

  /**
   * Connects, unless connected.
   *
   * @throws {SandboxError} DAEMON_UNREACHABLE; `signal.reason` on abort
   */
  async open(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#ready(this.#options.connector, options.signal);
  }

  /**
   * Runs one command. Nothing is repeated: a call that was on its way when the daemon went away fails.
   *
   * @throws {SandboxError} the daemon's error, TIMEOUT or DAEMON_UNREACHABLE; `signal.reason` on abort
   */
  async call<N extends CommandName>(
    name: N,
    args: CommandInput<N>,
    options: CommandOptions = {},
  ): Promise<CommandResult<N>> {
    const channel = await this.#ready(this.#reconnector, options.signal);
    const scope = options.sandbox !== undefined || options.folder !== undefined ? options : this.#options.scope;
    const result = await channel.call(name, args, {
      ...(scope?.sandbox === undefined ? {} : { sandbox: scope.sandbox }),
      folder: scope?.folder,
      timeoutMs: options.timeoutMs ?? catalogue[name].timeoutMs + TIMEOUT_MARGIN_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    // The daemon of one's own user is trusted to keep the catalogue's shapes.
    return result as CommandResult<N>;
  }

  /**
   * Listens to topics. In place before any later call of this client is answered. Ends on `signal` or when the
   * client closes; without `reconnect` a lost daemon makes it throw DAEMON_UNREACHABLE.
   */
  subscribe<T extends TopicName>(
    topics: T | readonly T[],
    options: Scope & { signal?: AbortSignal } = {},
  ): AsyncIterableIterator<TopicMessage<T>> {
    const scope = options.sandbox !== undefined || options.folder !== undefined ? options : (this.#options.scope ?? {});
    const wanted: readonly T[] = typeof topics === 'string' ? [topics] : topics;
    const abort = (): void => queue.end();
    const queue = new Subscription<T>(wanted, () => {
      options.signal?.removeEventListener('abort', abort);
      this.#subscriptions.delete(entry);
      this.#announce(scope);
    });
    const entry: AnySubscription = { scope, queue: queue as unknown as Subscription<TopicName> };
    if (this.#closed || options.signal?.aborted) {
      queue.end();
      return queue;
    }
    options.signal?.addEventListener('abort', abort, { once: true });
    this.#subscriptions.add(entry);
    this.#announce(scope);
    return queue;
  }

  /** Ends subscriptions, rejects open calls, closes the socket. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#channel?.control({ command: 'bye', params: { reason: 'closed by the client' } });
    for (const { queue } of [...this.#subscriptions]) queue.end();
    this.#drop(new SandboxError('CANCELLED', 'The client was closed'));
    this.events.emit('closed', {});
    this.events.removeAll();
  }

  get #reconnector(): Connector {
    const { reconnect, connector } = this.#options;
    return typeof reconnect === 'function' ? reconnect : connector;
  }

  async #ready(connector: Connector, signal: AbortSignal | undefined): Promise<Channel> {
    if (this.#closed) throw new SandboxError('DAEMON_UNREACHABLE', 'Cannot reach the daemon: the client was closed');
    if (this.#channel !== undefined) return this.#channel;
    this.#opening ??= this.#connect(connector, signal).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #connect(connector: Connector, signal: AbortSignal | undefined): Promise<Channel> {
    let channel: Channel | undefined;
    const transport = await connector(
      {
        onData: (chunk) => {
          try {
            channel?.receive(chunk);
          } catch (error) {
            // Not our protocol, or garbled: the stream has no boundaries any more.
            this.#lost(channel, SandboxError.from(error));
          }
        },
        onClose: (cause) => this.#lost(channel, gone(cause)),
      },
      { signal },
    );
    if (this.#closed) {
      transport.close();
      throw new SandboxError('CANCELLED', 'The client was closed');
    }
    channel = new Channel({
      send: (bytes) => transport.send(bytes),
      onBroadcast: (broadcast) => this.#deliver(broadcast),
      onControl: (control) => {
        if (control.command === 'bye') this.events.emit('bye', control.params);
      },
    });
    this.#channel = channel;
    this.#transport = transport;
    const agent = this.#options.agent ?? 'sdk';
    channel.control({ command: 'hello', params: { agent, protocol: FRAME_VERSION } });
    for (const scope of new Set([...this.#subscriptions].map((entry) => entry.scope))) this.#announce(scope);
    return channel;
  }

  /** Tells the daemon the whole list for one scope, so that adding and replacing mean the same. */
  #announce(scope: Scope): void {
    if (this.#channel === undefined) return;
    const topics = new Set<TopicName>();
    for (const entry of this.#subscriptions) {
      if (sameScope(entry.scope, scope)) for (const topic of entry.queue.topics) topics.add(topic);
    }
    const params = {
      topics: [...topics],
      ...(scope.sandbox === undefined ? {} : { sandbox: scope.sandbox }),
      ...(scope.folder === undefined ? {} : { folder: scope.folder }),
    };
    this.#channel.control({ command: 'subscribe', params });
  }

  #deliver({ topic, event, metadata }: Broadcast): void {
    const message = { topic, event, sandbox: metadata.sandbox, sequence: metadata.sequence } as TopicMessage;
    for (const { scope, queue } of [...this.#subscriptions]) {
      if (scope.sandbox !== undefined && scope.sandbox !== metadata.sandbox) continue;
      if (queue.topics.includes(topic)) queue.push(message);
    }
  }

  #lost(channel: Channel | undefined, reason: SandboxError): void {
    if (channel === undefined || channel !== this.#channel) return;
    this.#drop(reason);
    if (this.#closed) return;
    this.events.emit('lost', reason);
    if (this.#options.reconnect) return this.#scheduleRetry(RECONNECT_FIRST_MS);
    for (const { queue } of [...this.#subscriptions]) queue.end(reason);
  }

  #drop(reason: SandboxError): void {
    const [channel, transport] = [this.#channel, this.#transport];
    this.#channel = undefined;
    this.#transport = undefined;
    channel?.close(reason);
    transport?.close();
  }

  #scheduleRetry(delayMs: number): void {
    this.#retry = setTimeout(async () => {
      try {
        await this.#ready(this.#reconnector, undefined);
        if (!this.#closed) this.events.emit('connected', {});
      } catch {
        // Still away: `lost` was emitted, and calls made meanwhile get the reason themselves.
        if (!this.#closed) this.#scheduleRetry(Math.min(delayMs * 2, RECONNECT_MOST_MS));
      }
    }, delayMs);
  }
}

function sameScope(a: Scope, b: Scope): boolean {
  return a.sandbox === b.sandbox && a.folder === b.folder;
}

function gone(cause: Error | undefined): SandboxError {
  return new SandboxError('DAEMON_UNREACHABLE', 'The daemon went away while this was going on', {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Try again; "sandmesh doctor" looks for the reason.',
  });
}
