/**
 * The listening side of the local HTTP API: an HTTP or HTTPS server with its limits, whose every request and upgrade
 * is judged by the guard before anything else sees it.
 */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, problemOf } from '#protocol/api/problem.ts';
import { SandboxError } from '#shared/errors.ts';
import { IdleConnections } from './idle-connections.ts';
import { type GuardPolicy, judgeRequest, MAX_HEADERS, type Refusal } from './request-guard.ts';
import { SecureResponse } from './secure-response.ts';

const MAX_HEADER_BYTES = 16 * 1024;
/** For the whole head: who drips it is cut off. */
const HEADERS_TIMEOUT_MS = 10_000;
/** For head and body; replies may take as long as their command. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
/** Each idle one costs some 10 kB. */
const MAX_CONNECTIONS = 4_096;

export interface HttpServerOptions {
  /** An address of this machine; loopback unless the user asked for more. */
  readonly host: string;
  /** 0 picks one. */
  readonly port: number;
  /** PEM texts of the user's own certificate. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Names besides the address that requests may use, for a certificate's sake. */
  readonly names?: readonly string[];
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly onRefusal: (refusal: Refusal, request: IncomingMessage) => void;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly server: Server;
  #policy: GuardPolicy = { hosts: new Set(), origins: new Set() };
  #listener: RequestListener | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const settings = {
      ServerResponse: SecureResponse,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 2_000,
      // The guard counts Host headers itself and answers in our words.
      requireHostHeader: false,
    };
    const listener: RequestListener = (request, response) => this.#serve(request, response);
    this.server =
      options.tls === undefined
        ? createServer(settings, listener)
        : createSecureServer({ ...settings, ...options.tls }, listener);
    this.server.maxHeadersCount = MAX_HEADERS;
    new IdleConnections(MAX_CONNECTIONS).watch(this.server, options.tls !== undefined);
    this.server.on('upgrade', (request, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (!socket.writable) return void socket.destroy();
      const [status, detail] = faultOf(error);
      refuseUpgrade(socket, new SandboxError('BAD_ARGUMENT', detail), status);
    });
  }

  /** `http://127.0.0.1:4780`, once it listens. */
  get origin(): string {
    return [...this.#policy.origins][0] ?? '';
  }

  get policy(): GuardPolicy {
    return this.#policy;
  }

  /**
   * Listens.
   *
   * @param listener what requests reach that passed the guard
   * @returns the port
   * @throws {Error} of `listen`, EADDRINUSE for one
   */
  async start(listener: RequestListener): Promise<number> {
    this.#listener = listener;
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port, backlog: 511 }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    const actual = (this.server.address() as AddressInfo).port;
    this.#policy = policyFor(this.#options, actual);
    return actual;
  }

  /** Ends idle connections at once and the others after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const timer = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const refusal = judgeRequest(request, this.#policy);
    if (refusal === undefined) return this.#listener?.(request, response);
    this.#options.onRefusal(refusal, request);
    const body = JSON.stringify(problemOf(refusalError(refusal), refusal.status));
    response.writeHead(refusal.status, {
      'content-type': PROBLEM_TYPE,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = judgeRequest(request, this.#policy, true);
    if (refusal === undefined) return this.#options.onUpgrade(request, socket, head);
    this.#options.onRefusal(refusal, request);
    refuseUpgrade(socket, refusalError(refusal), refusal.status);
  }
}

/** What HTTP calls a head that never got as far as the guard. */
function faultOf({ code }: NodeJS.ErrnoException): [status: number, detail: string] {
  if (code === 'HPE_HEADER_OVERFLOW') return [431, `Cannot read a head of more than ${MAX_HEADER_BYTES} bytes`];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'Cannot wait longer for the rest of this request'];
  return [400, 'Cannot read this request: it is not HTTP/1.1'];
}

/** Answers an upgrade, or what is no request, with a problem document and closes. @param status instead of the error's own */
export function refuseUpgrade(socket: Duplex, error: SandboxError, status?: number): void {
  const problem = problemOf(error, status);
  const body = JSON.stringify(problem);
  const lines = [
    `HTTP/1.1 ${problem.status} Refused`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** A refusal of the guard as an error; its status is the refusal's own. */
export function refusalError({ status, detail, hint }: Refusal): SandboxError {
  const code = status === 403 || status === 421 ? 'FORBIDDEN' : 'BAD_ARGUMENT';
  return new SandboxError(code, detail, hint === undefined ? {} : { hint });
}

/** Listens on every address, and is itself no address that anybody can be asked at. */
export function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function policyFor(options: HttpServerOptions, port: number): GuardPolicy {
  const scheme = options.tls === undefined ? 'http' : 'https';
  const host = isEverywhere(options.host) ? '127.0.0.1' : options.host;
  const names = new Set([host, ...(options.names ?? [])].map((name) => (name.includes(':') ? `[${name}]` : name)));
  if (host === '127.0.0.1' || host === '::1') names.add('localhost');
  const hosts = [...names].map((name) => `${name.toLowerCase()}:${port}`);
  return { hosts: new Set(hosts), origins: new Set(hosts.map((each) => `${scheme}://${each}`)) };
}
