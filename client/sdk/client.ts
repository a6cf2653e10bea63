/**
 * A typed client of one daemon: every command of the catalogue as a call, every topic as an async iterable. Knows no
 * socket (see conversation.ts) and starts no daemon; with `reconnect` it comes back by itself and subscribes again.
 */

import type { CommandInput, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Broadcast, TopicName } from '#protocol/topics.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { checkedCall, refusedSubscription } from './checked-request.ts';
import type { Connector, Conversation, Scope } from './conversation.ts';
import { ScopeFilter } from './scope-filter.ts';
import { SharedAttempt } from './shared-attempt.ts';
import { Subscription, type TopicMessage } from './subscription.ts';

export type { Scope } from './conversation.ts';

export interface ClientOptions {
  readonly connector: Connector;
  /** For calls and subscriptions that name none. */
  readonly scope?: Scope;
  /** Come back after a loss, waiting 50 ms, then longer up to 2 s; `connector` unless another is given. */
  readonly reconnect?: boolean | Connector;
  /** An attempt to come back that takes longer is given up for the next one; 30 s unless given. */
  readonly attemptLimitMs?: number;
  /** Of the local API, where it is reached by that. */
  readonly origin?: string;
  /** Shown in the daemon's list of clients, its first 100 characters. */
  readonly agent?: string;
}

export interface CommandOptions extends Scope {
  /** For connecting, where that is to be done first, and the command; the catalogue's limit unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Timers hold no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MOST_MS = 2_000;
/** More than a daemon takes to start. One that hangs takes connections and says nothing, for as long as it lives. */
const ATTEMPT_LIMIT_MS = 30_000;

type AnySubscription = { readonly scope: Scope; readonly queue: Subscription<TopicName> };

export class SandmeshClient {
  readonly #options: ClientOptions;
  readonly #subscriptions = new Set<AnySubscription>();
  #conversation: Conversation | undefined;
  #filter = new ScopeFilter(() => undefined);
  #opening: SharedAttempt<Conversation> | undefined;
  /** Nothing brings the daemon back but a call. */
  #gone: SandboxError | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RECONNECT_FIRST_MS;
  #connectedAt = 0;
  #closed = false;
  /**
   * `connected` after each reconnection (state may have moved: read it again), `lost` when the daemon went away,
   * `closed` once, by {@link close}; `bye` when the daemon says that it stops on purpose, before `lost`; `lagged` when
   * events were dropped because this client read too slowly.
   */
  readonly events = new Emitter<{
    connected: object;
    lost: SandboxError;
    closed: object;
    bye: { reason: string };
    lagged: { dropped: number };
  }>();

  /** Does no work; see {@link open}. */
  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** `http://<host>:<port>`, as it was given; undefined over the own socket. */
  get origin(): string | undefined {
    return this.#options.origin;
  }

  get connected(): boolean {
    return this.#conversation !== undefined;
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
   * @throws {SandboxError} the daemon's error, TIMEOUT or DAEMON_UNREACHABLE; UNKNOWN_COMMAND or BAD_ARGUMENT without
   * asking the daemon; `signal.reason` on abort
   */
  async call<N extends CommandName>(
    name: N,
    args: CommandInput<N>,
    options: CommandOptions = {},
  ): Promise<CommandResult<N>> {
    const scope = options.sandbox !== undefined || options.folder !== undefined ? options : this.#options.scope;
    const { args: given, timeoutMs } = checkedCall(name, args, scope, options.timeoutMs);
    let conversation = this.#conversation;
    let left = timeoutMs;
    if (conversation === undefined) {
      const startedAt = performance.now();
      conversation = await this.#readyWithin(timeoutMs, name, options.signal);
      left = Math.max(1, Math.floor(timeoutMs - (performance.now() - startedAt)));
    }
    const result = await conversation.call(name, given, {
      sandbox: scope?.sandbox,
      folder: scope?.folder,
      timeoutMs: left,
      signal: options.signal,
    });
    // The daemon of one's own user is trusted to keep the catalogue's shapes.
    return result as CommandResult<N>;
  }

  /**
   * Listens to topics. In place before any later call of this client is answered. Ends on `signal` or when the
   * client closes; without `reconnect` a lost daemon makes it throw DAEMON_UNREACHABLE, until a call has brought it back; with it,
   * a token that is not good any more makes it throw UNAUTHENTICATED.
   * A scope that the daemon refuses makes it throw the daemon's own error.
   */
  subscribe<T extends TopicName>(
    topics: T | readonly T[],
    options: Scope & { signal?: AbortSignal } = {},
  ): AsyncIterableIterator<TopicMessage<T>> {
    const scope = options.sandbox !== undefined || options.folder !== undefined ? options : (this.#options.scope ?? {});
    const wanted: readonly T[] = typeof topics === 'string' ? [topics] : topics;
    const refusal = refusedSubscription(wanted, scope) ?? this.#gone;
    if (this.#closed || options.signal?.aborted) return ended(wanted, undefined);
    if (refusal !== undefined) return ended(wanted, refusal);
    const abort = (): void => queue.end();
    const queue = new Subscription<T>(wanted, () => {
      options.signal?.removeEventListener('abort', abort);
      this.#subscriptions.delete(entry);
      this.#announce(scope);
    });
    const entry: AnySubscription = { scope, queue: queue as unknown as Subscription<TopicName> };
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
    for (const { queue } of [...this.#subscriptions]) queue.end();
    const reason = new SandboxError('CANCELLED', 'The client was closed');
    this.#opening?.end(reason);
    this.#drop(reason);
    this.events.emit('closed', {});
    this.events.removeAll();
  }

  get #reconnector(): Connector {
    const { reconnect, connector } = this.#options;
    return typeof reconnect === 'function' ? reconnect : connector;
  }

  async #ready(connector: Connector, signal: AbortSignal | undefined): Promise<Conversation> {
    if (this.#closed) throw new SandboxError('DAEMON_UNREACHABLE', 'Cannot reach the daemon: the client was closed');
    if (this.#conversation !== undefined) return this.#conversation;
    if (this.#opening === undefined || this.#opening.ended) {
      const attempt = new SharedAttempt((until) =>
        this.#connect(connector, until).finally(() => {
          if (this.#opening === attempt) this.#opening = undefined;
        }),
      );
      this.#opening = attempt;
    }
    return this.#opening.join(signal);
  }

  /** @throws {SandboxError} TIMEOUT; see {@link open} */
  async #readyWithin(timeoutMs: number, command: string, signal: AbortSignal | undefined): Promise<Conversation> {
    if (signal?.aborted) throw signal.reason;
    const limit = new AbortController();
    const abort = (): void => limit.abort(signal?.reason);
    const late = (): void =>
      limit.abort(new SandboxError('TIMEOUT', `No answer to "${command}" within ${timeoutMs} ms: still connecting`));
    const timer = setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#ready(this.#reconnector, limit.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #connect(connector: Connector, signal: AbortSignal): Promise<Conversation> {
    let lost: SandboxError | undefined;
    let opened: Conversation | undefined;
    const filter = new ScopeFilter((broadcast) => this.#deliver(broadcast, filter));
    const conversation = await connector(
      {
        onBroadcast: (broadcast) => filter.take(broadcast),
        onLagged: (dropped) => this.events.emit('lagged', { dropped }),
        onRefused: (scope, error) => this.#refused(scope, error),
        onBye: (reason) => this.events.emit('bye', { reason }),
        onLost: (reason) => {
          lost = reason;
          filter.end();
          this.#lost(opened, reason);
        },
      },
      { signal, agent: this.#options.agent ?? 'sdk' },
    );
    if (lost !== undefined) throw lost;
    if (signal.aborted) {
      conversation.close(new SandboxError('CANCELLED', 'Nobody waits for this connection any more'));
      throw signal.reason;
    }
    opened = conversation;
    this.#conversation = conversation;
    this.#filter = filter;
    this.#gone = undefined;
    this.#connectedAt = Date.now();
    for (const scope of new Set([...this.#subscriptions].map((entry) => entry.scope))) this.#announce(scope);
    return conversation;
  }

  /** Tells the daemon the whole list for one scope, so that adding and replacing mean the same. */
  #announce(scope: Scope): void {
    const topics = new Set<TopicName>();
    for (const entry of this.#subscriptions) {
      if (sameScope(entry.scope, scope)) for (const topic of entry.queue.topics) topics.add(topic);
    }
    if (this.#conversation === undefined) return;
    this.#conversation.subscribe(scope, [...topics]);
    this.#filter.locate(
      [...this.#subscriptions].map((entry) => entry.scope),
      this.#conversation,
    );
  }

  #deliver({ topic, event, metadata }: Broadcast, filter: ScopeFilter): void {
    const message = { topic, event, sandbox: metadata.sandbox, sequence: metadata.sequence } as TopicMessage;
    for (const { scope, queue } of [...this.#subscriptions]) {
      if (queue.topics.includes(topic) && filter.matches(scope, metadata.sandbox)) queue.push(message);
    }
  }

  #lost(conversation: Conversation | undefined, reason: SandboxError): void {
    if (conversation === undefined || conversation !== this.#conversation) return;
    this.#drop(reason);
    if (this.#closed) return;
    this.events.emit('lost', reason);
    if (this.#options.reconnect) {
      // What ends each new connection at once would else end twenty a second.
      const isBrief = Date.now() - this.#connectedAt < RECONNECT_MOST_MS;
      return this.#scheduleRetry(isBrief ? this.#retryMs * 2 : RECONNECT_FIRST_MS);
    }
    this.#end(reason);
  }

  /** Nothing brings it back but a call. */
  #end(reason: SandboxError): void {
    this.#gone = reason;
    for (const { queue } of [...this.#subscriptions]) queue.end(reason);
  }

  #refused(scope: Scope, error: SandboxError): void {
    for (const entry of [...this.#subscriptions]) if (sameScope(entry.scope, scope)) entry.queue.end(error);
  }

  #drop(reason: SandboxError): void {
    const conversation = this.#conversation;
    this.#conversation = undefined;
    conversation?.close(reason);
  }

  #scheduleRetry(wantedMs: number): void {
    const delayMs = Math.min(wantedMs, RECONNECT_MOST_MS);
    this.#retryMs = delayMs;
    this.#retry = setTimeout(async () => {
      try {
        const limit = AbortSignal.timeout(this.#options.attemptLimitMs ?? ATTEMPT_LIMIT_MS);
        await this.#ready(this.#reconnector, limit);
        if (!this.#closed) this.events.emit('connected', {});
      } catch (thrown) {
        if (this.#closed) return;
        const error = SandboxError.from(thrown);
        // Asked again it would say the same: the token was revoked, or has ended.
        if (error.code === 'UNAUTHENTICATED') return this.#end(error);
        // Still away: `lost` was emitted, and calls made meanwhile get the reason themselves.
        this.#scheduleRetry(delayMs * 2);
      }
    }, delayMs);
  }
}

function ended<T extends TopicName>(topics: readonly T[], failure: SandboxError | undefined): Subscription<T> {
  const queue = new Subscription<T>(topics, () => undefined);
  queue.end(failure);
  return queue;
}

function sameScope(a: Scope, b: Scope): boolean {
  return a.sandbox === b.sandbox && a.folder === b.folder;
}
