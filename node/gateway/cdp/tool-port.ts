/**
 * A loopback port for one DevTools client, closed with it. A page in a browser reaches loopback too, and so do other
 * users of the machine: hence exact Host and Origin before anything is answered, and the peer's owner by the kernel.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { SandboxError } from '#shared/errors.ts';
import { refusalError, refuseUpgrade } from '../http/http-server.ts';
import { type GuardPolicy, judgeRequest } from '../http/request-guard.ts';
import { peerOwner } from './peer-owner.ts';

/** Nobody came: it closes. */
export const WAIT_MS = 120_000;
/** A tool asks for the list, then connects; some ask twice. */
const MAX_CONNECTIONS = 16;
const HEAD_TIMEOUT_MS = 5_000;
/** The longest call: code to evaluate. Larger messages are refused by their head, before they are in memory. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const HOST = '127.0.0.1';
/** The only page that is one of these tools. */
const DEVTOOLS_ORIGIN = 'devtools://devtools';
const PROTOCOL_VERSION = '1.1';

export interface ToolPortOptions {
  /** Shown in the tool's list of targets. */
  readonly title: string;
  readonly url: string;
  /** @returns ends what was opened for the socket; called once, when it has closed */
  readonly onClient: (socket: WebSocket) => Promise<() => Promise<void>>;
  /** Told once, when the port is closed. */
  readonly onClose: () => void;
  readonly onError: (error: unknown) => void;
  readonly waitMs?: number;
}

export class ToolPort {
  readonly #options: ToolPortOptions;
  readonly #path = `/${randomUUID()}`;
  readonly #tcp: TcpServer;
  readonly #http: Server;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  readonly #sockets = new Set<Socket>();
  #client: WebSocket | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #ending: Promise<void> = Promise.resolve();

  private constructor(options: ToolPortOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.headersTimeout = HEAD_TIMEOUT_MS;
    this.#http.requestTimeout = HEAD_TIMEOUT_MS;
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('clientError', (_error, socket) => void socket.destroy());
    // Nothing is read before it is known whose it is.
    this.#tcp = createTcpServer({ pauseOnConnect: true }, (socket) => {
      this.#accept(socket).catch(options.onError);
    });
    this.#tcp.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens when this resolves. */
  static async open(options: ToolPortOptions): Promise<ToolPort> {
    const port = new ToolPort(options);
    await new Promise<void>((resolve, reject) => {
      port.#tcp.once('error', reject);
      port.#tcp.listen(0, HOST, resolve);
    });
    port.#waiting = setTimeout(() => void port.close(), options.waitMs ?? WAIT_MS).unref();
    return port;
  }

  get port(): number {
    return (this.#tcp.address() as AddressInfo | null)?.port ?? 0;
  }

  get webSocketDebuggerUrl(): string {
    return `ws://${HOST}:${this.port}${this.#path}`;
  }

  get devtoolsFrontendUrl(): string {
    return `devtools://devtools/bundled/js_app.html?v8only=true&ws=${HOST}:${this.port}${this.#path}`;
  }

  /** Cuts its client off, if there is one. Safe to call twice; resolves when nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#waiting);
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    this.#client?.terminate();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#ending;
    this.#options.onClose();
  }

  get #policy(): GuardPolicy {
    const { port } = this;
    return { hosts: new Set([`${HOST}:${port}`, `localhost:${port}`]), origins: new Set([DEVTOOLS_ORIGIN]) };
  }

  async #accept(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const own = process.getuid?.();
    // Where the system does not tell whose a connection is, loopback alone has to do.
    if (process.platform === 'linux' && (await peerOwner(socket)) !== own) {
      socket.destroy();
      return;
    }
    if (socket.destroyed) return;
    this.#http.emit('connection', socket);
    socket.resume();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = judgeRequest(request, this.#policy);
    if (refusal !== undefined) return reply(response, refusal.status, { detail: refusal.detail, hint: refusal.hint });
    if (request.method !== 'GET') return reply(response, 405, { detail: 'Only GET is answered here' });
    switch (request.url?.split('?')[0]?.replace(/(.)\/$/, '$1')) {
      case '/json':
      case '/json/list':
        return reply(response, 200, [this.#description()]);
      case '/json/version':
        return reply(response, 200, { Browser: `node.js/${process.version}`, 'Protocol-Version': PROTOCOL_VERSION });
      default:
        return reply(response, 404, { detail: 'There is /json, /json/list and /json/version' });
    }
  }

  #description(): object {
    const { title, url } = this.#options;
    return {
      description: 'a target of sandmesh',
      devtoolsFrontendUrl: this.devtoolsFrontendUrl,
      devtoolsFrontendUrlCompat: this.devtoolsFrontendUrl.replace('js_app.html', 'inspector.html'),
      id: this.#path.slice(1),
      title,
      type: 'node',
      url,
      webSocketDebuggerUrl: this.webSocketDebuggerUrl,
    };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = judgeRequest(request, this.#policy, true);
    if (refusal !== undefined) return refuseUpgrade(socket, refusalError(refusal), refusal.status);
    if (request.url !== this.#path) {
      return refuseUpgrade(socket, new SandboxError('UNKNOWN_COMMAND', 'No WebSocket here', { hint: 'See /json.' }));
    }
    if (this.#client !== undefined) {
      const hint = 'Open another with "sandmesh inspect".';
      return refuseUpgrade(socket, new SandboxError('LIMIT_EXCEEDED', 'This port has its client', { hint }), 409);
    }
    this.#webSockets.handleUpgrade(request, socket, head, (client) => this.#adopt(client));
  }

  #adopt(client: WebSocket): void {
    this.#client = client;
    clearTimeout(this.#waiting);
    // Too large, not UTF-8, a broken frame: ws closes with the right code; 'close' follows.
    client.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.pause();
    this.#ending = this.#serve(client, gone).catch(this.#options.onError);
    void gone.then(() => this.close());
  }

  async #serve(client: WebSocket, gone: Promise<void>): Promise<void> {
    let end: () => Promise<void>;
    try {
      end = await this.#options.onClient(client);
    } catch (error) {
      client.resume();
      client.close(1011, SandboxError.from(error).message.slice(0, 100));
      return;
    }
    client.resume();
    await gone;
    await end();
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  const json = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(json),
    'cache-control': 'no-store',
  });
  response.end(json);
}
