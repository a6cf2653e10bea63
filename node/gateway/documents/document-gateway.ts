/**
 * The y-websocket gateway, `/api/v1/documents/<room>`: takes upgrades that passed the guard, authenticates them, finds
 * the room, and watches that the other side is alive. A stale room is refused before anything is synced.
 */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_CODES, DOCUMENT_PROTOCOL, DOCUMENTS_PATH, DURABLE_PROTOCOL } from '#protocol/api/document-messages.ts';
import { scopeOf } from '#protocol/api/scopes.ts';
import { BEARER_PROTOCOL_PREFIX } from '#protocol/api/ui-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { RunningSandbox } from '../../sandbox/running-sandbox.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { refuseUpgrade } from '../http/http-server.ts';
import { offeredToken } from '../http/offered-token.ts';
import { PageConnection } from './page-connection.ts';
import { awarenessMessage } from './page-messages.ts';
import { parseRoom, type RoomName } from './page-record.ts';
import type { Room } from './room.ts';
import { encodeAwareness } from './room-awareness.ts';
import { SandboxRooms } from './sandbox-rooms.ts';

/** A stock client leaves when it hears nothing for 30 s, and forgets where others are. */
const HEARTBEAT_MS = 12_000;
const MAX_PAGES = 1_000;
/** A page that was away for long, or opens a large paste, says it in one message. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
const GOING_AWAY = 1001;

export interface DocumentGatewayOptions {
  readonly tokens: AccessTokens;
  readonly hub: TopicHub;
  /** @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId) => Promise<RunningSandbox>;
  /** Told when pages come and go. */
  readonly onClients: () => void;
  readonly onError: (error: unknown) => void;
}

/** What a page needs to open a document with the stock provider. */
export interface PagePlace {
  readonly room: string;
  readonly clientId: number;
}

export class DocumentGateway {
  readonly #options: DocumentGatewayOptions;
  readonly #sandboxes = new Map<SandboxId, SandboxRooms>();
  readonly #pages = new Map<WebSocket, { readonly page: PageConnection; readonly room: Room }>();
  readonly #unanswered = new WeakSet<WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(DOCUMENT_PROTOCOL) ? DOCUMENT_PROTOCOL : false),
  });
  #heartbeat: NodeJS.Timeout | undefined;
  #offRevoked: (() => void) | undefined;

  constructor(options: DocumentGatewayOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#pages.size;
  }

  start(): void {
    this.#heartbeat ??= setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
    this.#offRevoked ??= this.#options.tokens.events.on('revoked', () => {
      for (const { page } of this.#pages.values()) page.checkGrant();
    });
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    this.#offRevoked?.();
    for (const ws of this.#pages.keys()) {
      ws.close(GOING_AWAY, 'the daemon is stopping');
      // Who does not answer the goodbye must not keep the daemon.
      setTimeout(() => ws.terminate(), 500).unref();
    }
    for (const rooms of this.#sandboxes.values()) rooms.close();
    this.#sandboxes.clear();
  }

  /** A place for a page that is being loaded. @throws {SandboxError} BAD_ARGUMENT */
  invite(sandbox: RunningSandbox, document: string): PagePlace {
    return this.#roomsOf(sandbox).invite(document);
  }

  /** @param request passed the guard; its path begins with {@link DOCUMENTS_PATH} */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      if (this.#pages.size >= MAX_PAGES) {
        throw new SandboxError('LIMIT_EXCEEDED', `Cannot serve more than ${MAX_PAGES} documents`);
      }
      const grant = await this.#options.tokens.verify(offeredToken(request, DOCUMENT_PROTOCOL));
      if (!grant.scopes.has('read')) {
        throw new SandboxError('FORBIDDEN', 'Cannot open a document: this token lacks the scope "read"');
      }
      const name = parseRoom((request.url ?? '').split('?')[0]?.slice(DOCUMENTS_PATH.length + 1) ?? '');
      if (name === undefined) {
        throw new SandboxError('BAD_ARGUMENT', 'Cannot open a document by this name: it is no room', {
          hint: 'The command "document.open" gives one.',
        });
      }
      const rooms = this.#roomsOf(await this.#options.resolveSandbox(name.sandbox));
      if (socket.destroyed) return;
      const durable = (request.headers['sec-websocket-protocol'] ?? '').includes(DURABLE_PROTOCOL);
      this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, rooms, name, grant, durable));
    } catch (thrown) {
      refuseUpgrade(socket, SandboxError.from(thrown));
    }
  }

  #roomsOf(sandbox: RunningSandbox): SandboxRooms {
    const known = this.#sandboxes.get(sandbox.id);
    if (known?.sandbox === sandbox) return known;
    known?.close();
    const rooms: SandboxRooms = new SandboxRooms(
      sandbox,
      this.#options.hub,
      () => this.#rightsChanged(),
      () => {
        if (this.#sandboxes.get(sandbox.id) === rooms) this.#sandboxes.delete(sandbox.id);
      },
    );
    this.#sandboxes.set(sandbox.id, rooms);
    return rooms;
  }

  #accept(ws: WebSocket, rooms: SandboxRooms, name: RoomName, grant: Grant, tellsDurable: boolean): void {
    // Too large, a broken frame: ws closes with the right code; 'close' follows.
    ws.on('error', () => undefined);
    const room = rooms.find(name);
    if (room === undefined) return ws.close(CLOSE_CODES.stale, 'this room is of the past: open the document again');
    const { incarnation, document } = name;
    const member = rooms.sandbox.replica.self;
    const client = clientIdOf(member, incarnation);
    // A page has one socket: the one before is a connection that nobody has told it is dead.
    for (const [other, { page }] of this.#pages) if (page.client === client) other.terminate();
    const page = new PageConnection({
      socket: ws,
      room,
      incarnation,
      client,
      member,
      grant,
      tokens: this.#options.tokens,
      mayWrite: (held) => missingScope(document, held),
      tellsDurable,
      onState: (of, state) => rooms.tell(document, of, state),
      onError: this.#options.onError,
    });
    this.#pages.set(ws, { page, room });
    ws.on('message', (data, isBinary) => page.receive(data, isBinary));
    ws.on('pong', () => this.#unanswered.delete(ws));
    ws.once('close', () => {
      this.#pages.delete(ws);
      page.closed();
      rooms.left(room);
      this.#options.onClients();
    });
    this.#options.onClients();
    room.join(page);
  }

  #rightsChanged(): void {
    for (const { page } of this.#pages.values()) page.onRights();
  }

  #beat(): void {
    const nothing = awarenessMessage(encodeAwareness([]));
    for (const rooms of this.#sandboxes.values()) for (const room of rooms.rooms) room.awareness.renew();
    for (const [ws, { page }] of this.#pages) {
      if (this.#unanswered.has(ws)) {
        ws.terminate();
        continue;
      }
      if (!page.checkGrant()) continue;
      page.send(nothing);
      this.#unanswered.add(ws);
      ws.ping();
    }
  }
}

/** Why a token does not allow to write a document; what the member may is the replica's to say. */
function missingScope(document: DocumentName, { scopes }: Grant): SandboxError | undefined {
  const right = classifyDocument(document)?.right ?? 'admin';
  const scope = scopeOf({ right, effect: 'write' });
  if (scopes.has(scope)) return undefined;
  return new SandboxError('FORBIDDEN', `Cannot write "${document}": this token lacks the scope "${scope}"`);
}

/** The subprotocols under which a page offers its token. */
export function documentProtocols(accessToken: string): string[] {
  return [DOCUMENT_PROTOCOL, BEARER_PROTOCOL_PREFIX + accessToken];
}
