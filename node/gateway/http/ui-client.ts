/** One WebSocket: its calls, its subscriptions, and a queue that can't grow without end. */

import { type RawData, WebSocket } from 'ws';
import {
  MAX_UI_MESSAGE_BYTES,
  type UiCommand,
  type UiEvent,
  type UiResponse,
  type UiSubscribed,
  uiCommandSchema,
} from '#protocol/api/ui-messages.ts';
import { badArgument } from '#protocol/messages.ts';
import type { Broadcast, TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { TopicBacklog } from '../../sandbox/topic-backlog.ts';
import type { Subscription, TopicHub } from '../../sandbox/topic-hub.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { SpareAborts } from '../spare-aborts.ts';

/** Beyond it events are dropped and counted until the client has read again. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** Who does not even read its replies is not read from, until it has. */
const MAX_UNREAD_REPLIES_BYTES = 4 * 1024 * 1024;
/** Far below both limits, in whatever encoding. */
const SMALL_CHARS = 64 * 1024;
const MAX_SCOPES = 64;
const POLICY_VIOLATION = 1008;
const UNSUPPORTED_DATA = 1003;

export interface UiClientOptions {
  readonly socket: WebSocket;
  readonly session: string;
  readonly grant: Grant;
  readonly tokens: AccessTokens;
  readonly hub: TopicHub;
  readonly backlog: TopicBacklog;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<{ id: SandboxId }>;
  readonly onDropped: (count: number) => void;
}

/** What a client hears of one scope, and since when. */
interface Heard extends Pick<Subscription, 'close'> {
  readonly scope: SandboxId | undefined;
  readonly topics: ReadonlySet<TopicName>;
  /** Number of the last event before it. */
  readonly from: number;
}

type Payload<A> = Extract<UiCommand['payload'], { action: A }>;

export class UiClient {
  readonly #options: UiClientOptions;
  #grant: Grant;
  readonly #calls = new Map<string, AbortController>();
  readonly #spareAborts = new SpareAborts();
  readonly #subscriptions = new Map<string, Heard>();
  readonly #dropped = new Map<TopicName, number>();
  /** Subscriptions take effect in the order they came, and before calls that came later. */
  #subscribing: Promise<void> | undefined;
  #latest: Broadcast | undefined;
  #release: (() => void) | undefined;
  #events = 0;
  #closed = false;

  constructor(options: UiClientOptions) {
    this.#options = options;
    this.#grant = options.grant;
  }

  receive(data: RawData, isBinary: boolean): void {
    if (isBinary) return this.#options.socket.close(UNSUPPORTED_DATA, 'messages are JSON text');
    if (!this.checkGrant()) return;
    const { length } = data as Buffer;
    if (length > MAX_UI_MESSAGE_BYTES) return this.#reply(idIn(data as Buffer), { error: tooLarge(length) });
    let raw: unknown;
    try {
      raw = JSON.parse(String(data));
    } catch {
      // Without an id there is nothing to answer to.
      return this.#options.socket.close(UNSUPPORTED_DATA, 'messages are JSON text');
    }
    const parsed = uiCommandSchema.safeParse(raw);
    if (!parsed.success) return this.#reply(idOf(raw), { error: badArgument('this message', parsed.error) });
    void this.#answer(parsed.data);
  }

  /** Closes the socket of a token that has ended. */
  checkGrant(): boolean {
    if (this.#options.tokens.isValid(this.#grant)) return true;
    this.#options.socket.close(POLICY_VIOLATION, 'the access token has expired');
    return false;
  }

  /** The socket is gone. */
  close(): void {
    this.#closed = true;
    for (const call of this.#calls.values()) call.abort(new SandboxError('CANCELLED', 'The client disconnected'));
    this.#endSubscriptions();
    this.#release?.();
  }

  #endSubscriptions(): void {
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
  }

  async #answer({ id, payload }: UiCommand): Promise<void> {
    try {
      this.#reply(id, { result: await this.#perform(id, payload) });
    } catch (error) {
      this.#reply(id, { error: SandboxError.from(error) });
    }
  }

  async #perform(id: string, payload: UiCommand['payload']): Promise<unknown> {
    switch (payload.action) {
      case 'call':
        return this.#call(id, payload);
      case 'renew':
        return this.#renew(payload.accessToken);
      case 'cancel':
        this.#calls.get(payload.id)?.abort(new SandboxError('CANCELLED', 'The client took it back'));
        return {};
      case 'ping':
        return {};
      case 'subscribe':
        return this.#subscribeInTurn(payload);
    }
  }

  async #renew(accessToken: string): Promise<{ readonly expiresAt: number }> {
    const grant = await this.#options.tokens.verify(accessToken);
    if (grant.tokenId !== this.#grant.tokenId) {
      throw new SandboxError('FORBIDDEN', 'Cannot go on under the access token of another token');
    }
    this.#grant = grant;
    if (!grant.scopes.has('read')) this.#endSubscriptions();
    return { expiresAt: grant.expiresAt };
  }

  async #call(id: string, payload: Payload<'call'>): Promise<unknown> {
    if (this.#calls.has(id)) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot use the id "${id}" again: its call is still running`);
    }
    const abort = this.#spareAborts.take();
    this.#calls.set(id, abort);
    try {
      if (this.#subscribing !== undefined) {
        await this.#subscribing;
        abort.signal.throwIfAborted();
      }
      return await this.#options.run({
        command: payload.command,
        args: payload.args,
        origin: { kind: 'local', scopes: this.#grant.scopes, access: this.#grant },
        session: this.#options.session,
        sandbox: payload.sandbox,
        folder: payload.folder,
        timeoutMs: payload.timeoutMs,
        signal: abort.signal,
      });
    } finally {
      this.#calls.delete(id);
      this.#spareAborts.giveBack(abort);
    }
  }

  #subscribeInTurn(payload: Payload<'subscribe'>): Promise<UiSubscribed> {
    const before = this.#subscribing;
    const done = before === undefined ? this.#subscribe(payload) : before.then(() => this.#subscribe(payload));
    const over = (): void => {
      if (this.#subscribing === turn) this.#subscribing = undefined;
    };
    // The next in line is not to suffer; this one's caller hears of it.
    const turn: Promise<void> = done.then(over, over);
    this.#subscribing = turn;
    return done;
  }

  async #subscribe({ topics, after, sandbox, folder }: Payload<'subscribe'>): Promise<UiSubscribed> {
    const { hub, backlog, resolveSandbox } = this.#options;
    if (!this.#grant.scopes.has('read')) {
      throw new SandboxError('FORBIDDEN', 'Cannot subscribe: this token lacks the scope "read"');
    }
    const key = JSON.stringify([sandbox, folder]);
    const everywhere = sandbox === undefined && folder === undefined;
    const scope = everywhere ? undefined : (await resolveSandbox(sandbox, folder)).id;
    if (this.#closed) throw new SandboxError('CANCELLED', 'The client disconnected');
    this.#subscriptions.get(key)?.close();
    this.#subscriptions.delete(key);
    const others = [...this.#subscriptions.values()];
    if (topics.length > 0) {
      this.#assertRoom();
      this.#release ??= backlog.retain();
    }
    const cursor = backlog.cursor();
    const wanted = new Set(topics);
    const missed = after === undefined ? undefined : backlog.since(after, wanted, scope);
    if (topics.length > 0) {
      const deliver = (broadcast: Broadcast): void => this.#deliver(broadcast, backlog.cursor());
      const { close } = hub.subscribe(scope, topics, deliver);
      this.#subscriptions.set(key, { scope, topics: wanted, from: missed?.from ?? backlog.number, close });
    }
    if (missed === undefined) return { cursor, complete: true, replayed: 0 };
    // What another scope of this client heard, or was sent again, is not missed.
    const events = missed.events.filter(
      ({ broadcast, number }) => !others.some((each) => heard(each, broadcast, number)),
    );
    for (const { broadcast, cursor: at } of events) this.#deliver(broadcast, at);
    return { cursor, complete: missed.complete, replayed: events.length };
  }

  #assertRoom(): void {
    if (this.#subscriptions.size < MAX_SCOPES) return;
    throw new SandboxError('LIMIT_EXCEEDED', `Cannot listen to more than ${MAX_SCOPES} scopes at once`, {
      hint: 'Subscribe without one: that covers every sandbox.',
    });
  }

  #deliver(broadcast: Broadcast, cursor: string): void {
    // Two scopes of this client may both cover it.
    if (broadcast === this.#latest) return;
    this.#latest = broadcast;
    const { topic } = broadcast;
    if (this.#options.socket.bufferedAmount > MAX_QUEUED_BYTES) {
      this.#dropped.set(topic, (this.#dropped.get(topic) ?? 0) + 1);
      return;
    }
    this.#event(payloadText(broadcast, cursor));
  }

  /** @param payload as JSON */
  #event(payload: string): void {
    this.#send(`{"type":"event","id":"e${++this.#events}","timestamp":${Date.now()},"payload":${payload}}`);
  }

  #reply(id: string, outcome: { readonly result: unknown } | { readonly error: SandboxError }): void {
    const payload: UiResponse['payload'] =
      'error' in outcome ? { ok: false, error: outcome.error.toData() } : { ok: true, result: outcome.result };
    this.#send(JSON.stringify({ type: 'response', id, timestamp: Date.now(), payload } satisfies UiResponse));
  }

  #send(text: string): void {
    const { socket } = this.#options;
    if (socket.readyState !== WebSocket.OPEN) return;
    // Most replies leave at once, and there is nothing to do about it afterwards.
    if (text.length < SMALL_CHARS && socket.bufferedAmount === 0) return socket.send(text);
    socket.send(text, this.#onSent);
    if (socket.bufferedAmount > MAX_UNREAD_REPLIES_BYTES) socket.pause();
  }

  readonly #onSent = (): void => this.#drained();

  #drained(): void {
    const { socket, onDropped } = this.#options;
    if (socket.isPaused && socket.bufferedAmount < MAX_QUEUED_BYTES) socket.resume();
    if (this.#dropped.size === 0 || socket.bufferedAmount > MAX_QUEUED_BYTES / 2) return;
    const topics = [...this.#dropped.keys()];
    const dropped = [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
    this.#dropped.clear();
    onDropped(dropped);
    this.#event(JSON.stringify({ kind: 'lagged', dropped, topics } satisfies UiEvent['payload']));
  }
}

function heard({ scope, topics, from }: Heard, { topic, metadata }: Broadcast, number: number): boolean {
  return number > from && topics.has(topic) && (scope === undefined || scope === metadata.sandbox);
}

/** The last event as text: hundreds of clients are told of it one after the other. */
let latestText: { readonly broadcast: Broadcast; readonly cursor: string; readonly text: string } | undefined;

function payloadText(broadcast: Broadcast, cursor: string): string {
  if (latestText?.broadcast === broadcast && latestText.cursor === cursor) return latestText.text;
  const { topic, event, metadata } = broadcast;
  const { sandbox, sequence } = metadata;
  const text = JSON.stringify({ kind: 'topic', topic, sandbox, sequence, event, cursor } satisfies UiEvent['payload']);
  latestText = { broadcast, cursor, text };
  return text;
}

/** Of a message that is too large to be read whole: what comes first in it, as everybody writes it. */
function idIn(data: Buffer): string {
  const head = data.subarray(0, 400).toString();
  return /^\s*\{\s*(?:"type"\s*:\s*"command"\s*,\s*)?"id"\s*:\s*"([^"\\]{1,100})"/.exec(head)?.[1] ?? '?';
}

function tooLarge(bytes: number): SandboxError {
  return new SandboxError(
    'FRAME_TOO_LARGE',
    `Cannot take a message of ${bytes} bytes: the limit is ${MAX_UI_MESSAGE_BYTES}`,
  );
}

function idOf(raw: unknown): string {
  const id = typeof raw === 'object' && raw !== null && 'id' in raw ? raw.id : undefined;
  return typeof id === 'string' && id.length > 0 ? id.slice(0, 100) : '?';
}
