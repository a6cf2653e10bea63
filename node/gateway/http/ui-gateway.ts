/**
 * The WebSocket gateway of pages and scripts, `/api/v1/ws`: takes upgrades that passed the guard, authenticates them,
 * and watches that the other side is alive.
 */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { API_PREFIX } from '#protocol/api/rest-routes.ts';
import { MAX_UI_MESSAGE_BYTES, UI_PROTOCOL } from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { TopicBacklog } from '../../sandbox/topic-backlog.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { refuseUpgrade } from './http-server.ts';
import { offeredToken } from './offered-token.ts';
import { UiClient } from './ui-client.ts';

export const UI_PATH = `${API_PREFIX}/ws`;
/** Up to it a message that is too large is read, so that its sender hears of it; beyond it the connection ends. */
const MAX_READ_BYTES = 4 * MAX_UI_MESSAGE_BYTES;
/** A page in a background tab answers pings all the same. */
const HEARTBEAT_MS = 30_000;
const MAX_CLIENTS = 2_000;
const GOING_AWAY = 1001;

export interface UiGatewayOptions {
  readonly tokens: AccessTokens;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly hub: TopicHub;
  readonly backlog: TopicBacklog;
  /** The sandbox a folder is bound to. @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<{ id: SandboxId }>;
  /** Told when clients come and go, with how many are left. */
  readonly onClients: (count: number) => void;
  /** A client's WebSocket is closed. */
  readonly onSessionEnd: (session: string) => void;
}

export class UiGateway {
  readonly #options: UiGatewayOptions;
  readonly #clients = new Map<WebSocket, UiClient>();
  readonly #unanswered = new WeakSet<WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_READ_BYTES,
    // Compression costs a zlib context per client and loopback has bandwidth.
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(UI_PROTOCOL) ? UI_PROTOCOL : false),
  });
  #heartbeat: NodeJS.Timeout | undefined;
  #offRevoked: (() => void) | undefined;
  #nextSession = 1;

  constructor(options: UiGatewayOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Events that were dropped because clients read too slowly, since the start. */
  dropped = 0;

  start(): void {
    this.#heartbeat ??= setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
    this.#offRevoked ??= this.#options.tokens.events.on('revoked', () => {
      for (const client of this.#clients.values()) client.checkGrant();
    });
  }

  /** @param request passed the guard; its path is {@link UI_PATH} */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    let grant: Grant;
    try {
      if (this.#clients.size >= MAX_CLIENTS) {
        throw new SandboxError('LIMIT_EXCEEDED', `Cannot serve more than ${MAX_CLIENTS} WebSockets`);
      }
      grant = await this.#options.tokens.verify(offeredToken(request, UI_PROTOCOL));
    } catch (thrown) {
      return refuseUpgrade(socket, SandboxError.from(thrown));
    }
    if (!socket.destroyed) this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, grant));
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    this.#offRevoked?.();
    for (const ws of this.#clients.keys()) {
      ws.close(GOING_AWAY, 'the daemon is stopping');
      // Who does not answer the goodbye must not keep the daemon.
      setTimeout(() => ws.terminate(), 500).unref();
    }
  }

  #accept(ws: WebSocket, grant: Grant): void {
    const { hub, backlog, run, resolveSandbox, tokens, onClients, onSessionEnd } = this.#options;
    const session = `ws-${this.#nextSession++}`;
    const client = new UiClient({
      socket: ws,
      session,
      grant,
      tokens,
      hub,
      backlog,
      run,
      resolveSandbox,
      onDropped: (count) => {
        this.dropped += count;
      },
    });
    this.#clients.set(ws, client);
    onClients(this.#clients.size);
    ws.on('message', (data, isBinary) => client.receive(data as Buffer, isBinary));
    ws.on('pong', () => this.#unanswered.delete(ws));
    // Too large, not UTF-8, a broken frame: ws closes with the right code; 'close' follows.
    ws.on('error', () => undefined);
    ws.once('close', () => {
      this.#clients.delete(ws);
      client.close();
      onSessionEnd(session);
      onClients(this.#clients.size);
    });
  }

  #beat(): void {
    for (const [ws, client] of this.#clients) {
      if (this.#unanswered.has(ws)) {
        ws.terminate();
        continue;
      }
      client.checkGrant();
      this.#unanswered.add(ws);
      ws.ping();
    }
  }
}
