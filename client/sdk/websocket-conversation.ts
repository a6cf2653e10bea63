/** A conversation in JSON over the local API's WebSocket: for pages, and for programs that have only a token. */

import {
  BEARER_PROTOCOL_PREFIX,
  MAX_UI_MESSAGE_BYTES,
  UI_PROTOCOL,
  type UiCommand,
  uiEventSchema,
  uiResponseSchema,
  uiSubscribedSchema,
} from '#protocol/api/ui-messages.ts';
import { OpenCalls } from '#protocol/open-calls.ts';
import type { TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CallOptions, Connector, Conversation, ConversationEvents, Scope } from './conversation.ts';
import { gone } from './conversation.ts';
import { Pulse, type PulseOptions } from './pulse.ts';

/** The part of the standard WebSocket that is used: a browser's, Node 22's, or the package ws. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketFactory = (url: string, protocols: string[]) => WebSocketLike;

export interface WebSocketOptions {
  /** Of the local API: `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** Gives a fresh access token whenever one is needed. @throws `signal.reason` on abort */
  readonly accessToken: (signal?: AbortSignal) => Promise<AccessToken>;
  readonly webSocket: WebSocketFactory;
  /** See {@link Pulse}. */
  readonly every?: PulseOptions['every'];
}

export interface AccessToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

/** The access token is renewed when this part of its time is over. */
const RENEW_AFTER = 0.8;
const PATH = '/api/v1/ws';
const GOING_AWAY = 1001;
const MAX_UTF8_BYTES_PER_UNIT = 3;

/** Where each scope's subscription is, so that a new conversation can go on from there. */
type Cursors = Map<string, string>;

export function webSocket(options: WebSocketOptions): Connector {
  // Shared by every conversation this connector opens: what was missed in between is asked for.
  const cursors: Cursors = new Map();
  return async (events, { signal }) => {
    signal?.throwIfAborted();
    const access = await options.accessToken(signal);
    const url = `${options.origin.replace(/^http/, 'ws')}${PATH}`;
    const socket = options.webSocket(url, [UI_PROTOCOL, BEARER_PROTOCOL_PREFIX + access.accessToken]);
    await opened(socket, options.origin, signal);
    return new UiConversation(socket, events, cursors, options, access.expiresInSeconds);
  };
}

function opened(socket: WebSocketLike, origin: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.close();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.onopen = () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    // A browser tells a page nothing about why; 'close' follows.
    socket.onerror = () => undefined;
    socket.onclose = () => {
      signal?.removeEventListener('abort', abort);
      reject(
        new SandboxError('DAEMON_UNREACHABLE', `Cannot open a WebSocket to "${origin}"`, {
          hint: 'Check that the daemon runs ("sandmesh status" names the address) and that the token is valid.',
        }),
      );
    };
  });
}

class UiConversation implements Conversation {
  readonly #socket: WebSocketLike;
  readonly #events: ConversationEvents;
  readonly #cursors: Cursors;
  /** Where the conversation before was, for the first list of each scope: what it missed was missed by a lost connection. */
  readonly #missedSince: Cursors;
  readonly #options: WebSocketOptions;
  readonly #open = new OpenCalls<string>();
  readonly #pulse: Pulse;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #next = 1;
  #over: SandboxError | undefined;

  constructor(
    socket: WebSocketLike,
    events: ConversationEvents,
    cursors: Cursors,
    options: WebSocketOptions,
    expiresInSeconds: number,
  ) {
    this.#socket = socket;
    this.#events = events;
    this.#cursors = cursors;
    this.#missedSince = new Map(cursors);
    this.#options = options;
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(String(data));
    socket.onclose = ({ code, reason = '' }: { code?: number; reason?: string }) => {
      if (code === GOING_AWAY) events.onBye(reason);
      this.#lose(gone(undefined, reason));
    };
    this.#scheduleRenewal(expiresInSeconds);
    this.#pulse = new Pulse({
      ask: () => this.#send(`p${this.#next++}`, { action: 'ping' }),
      onSilent: (reason) => this.#lose(reason),
      ...(options.every === undefined ? {} : { every: options.every }),
    });
  }

  call(command: string, args: object, { sandbox, folder, timeoutMs, signal }: CallOptions): Promise<unknown> {
    const scope = { ...(sandbox === undefined ? {} : { sandbox }), ...(folder === undefined ? {} : { folder }) };
    const payload = { action: 'call' as const, command, args: args as Record<string, unknown>, timeoutMs, ...scope };
    return this.#ask(payload, timeoutMs, signal);
  }

  subscribe(scope: Scope, topics: readonly TopicName[]): void {
    const key = JSON.stringify([scope.sandbox, scope.folder]);
    // A later list of the scope begins when it is given: with a cursor it would bring again what is on its way here.
    const after = topics.length === 0 ? undefined : this.#missedSince.get(key);
    this.#missedSince.delete(key);
    const payload = {
      action: 'subscribe' as const,
      topics: [...topics],
      ...(scope.sandbox === undefined ? {} : { sandbox: scope.sandbox }),
      ...(scope.folder === undefined ? {} : { folder: scope.folder }),
      ...(after === undefined ? {} : { after }),
    };
    this.#ask(payload, 10_000, undefined).then(
      (result) => {
        const { cursor, complete } = uiSubscribedSchema.parse(result);
        if (topics.length === 0) this.#cursors.delete(key);
        else this.#cursors.set(key, cursor);
        if (!complete) this.#events.onLagged(0);
      },
      (error: unknown) => this.#refused(scope, SandboxError.from(error)),
    );
  }

  /** Refused it is the end of what listens in that scope; one that nobody answers, of the conversation. */
  #refused(scope: Scope, error: SandboxError): void {
    if (error.code === 'TIMEOUT') this.#lose(error);
    else if (this.#over === undefined) this.#events.onRefused(scope, error);
  }

  close(reason: SandboxError): void {
    if (this.#over !== undefined) return;
    this.#end(reason);
    this.#socket.close(1000, 'closed by the client');
  }

  #ask(payload: UiCommand['payload'], timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const id = `c${this.#next++}`;
    return this.#open.wait(id, {
      what: payload.action === 'call' ? `"${payload.command}"` : `"${payload.action}"`,
      timeoutMs,
      signal,
      send: () => this.#send(id, payload),
      cancel: () => {
        if (this.#over === undefined) this.#send(`x${id}`, { action: 'cancel', id });
      },
    });
  }

  #send(id: string, payload: UiCommand['payload']): void {
    const text = JSON.stringify({ type: 'command', id, timestamp: Date.now(), payload } satisfies UiCommand);
    assertFits(text);
    this.#socket.send(text);
  }

  #receive(text: string): void {
    this.#pulse.heard();
    const message: unknown = JSON.parse(text);
    const response = uiResponseSchema.safeParse(message);
    if (response.success) {
      const { id, payload } = response.data;
      const outcome = payload.ok ? { result: payload.result } : { error: SandboxError.fromData(payload.error) };
      return this.#open.settle(id, outcome);
    }
    const { payload } = uiEventSchema.parse(message);
    if (payload.kind === 'lagged') return this.#events.onLagged(payload.dropped);
    const { topic, event, sandbox, sequence, cursor } = payload;
    // Every scope that is listened to has seen everything up to here.
    for (const key of this.#cursors.keys()) this.#cursors.set(key, cursor);
    this.#events.onBroadcast({ topic, event, metadata: { sandbox, sequence } });
  }

  #scheduleRenewal(expiresInSeconds: number): void {
    const renew = async (): Promise<void> => {
      const { accessToken, expiresInSeconds: next } = await this.#options.accessToken();
      await this.#ask({ action: 'renew', accessToken }, 10_000, undefined);
      this.#scheduleRenewal(next);
    };
    // When it fails the daemon closes the socket at the end of the token, and the client opens another.
    this.#renewal = setTimeout(() => void renew().catch(() => undefined), expiresInSeconds * RENEW_AFTER * 1000);
    unref(this.#renewal);
  }

  #lose(reason: SandboxError): void {
    if (this.#over !== undefined) return;
    this.#end(reason);
    this.#socket.close();
    this.#events.onLost(reason);
  }

  #end(reason: SandboxError): void {
    this.#over = reason;
    clearTimeout(this.#renewal);
    this.#pulse.stop();
    this.#open.end(reason);
  }
}

/** The daemon would refuse it, or end the connection. @throws {SandboxError} FRAME_TOO_LARGE */
function assertFits(text: string): void {
  if (text.length * MAX_UTF8_BYTES_PER_UNIT <= MAX_UI_MESSAGE_BYTES) return;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_UI_MESSAGE_BYTES) return;
  throw new SandboxError(
    'FRAME_TOO_LARGE',
    `Cannot send a message of ${bytes} bytes: the limit is ${MAX_UI_MESSAGE_BYTES}`,
  );
}

/** In Node a timer must not keep the program; a browser's is a number. */
function unref(timer: unknown): void {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
}
