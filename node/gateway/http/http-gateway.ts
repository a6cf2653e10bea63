/**
 * The local HTTP API: REST and WebSocket on one loopback port. It listens and guards from the daemon's start; what answers
 * is loaded with the first request that passes, for it takes a fifth of a start and many a daemon is asked nothing here.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_TYPE, problemOf } from '#protocol/api/problem.ts';
import { SandboxError } from '#shared/errors.ts';
import type { HttpApp, HttpAppOptions, ServedBy } from './http-app.ts';
import { HttpServer, type HttpServerOptions } from './http-server.ts';

const STOP_GRACE_MS = 500;

export interface HttpGatewayOptions extends HttpAppOptions, HttpServerOptions {}

export class HttpGateway implements ServedBy {
  readonly #options: HttpGatewayOptions;
  readonly #server: HttpServer;
  readonly refused = new Map<number, number>();
  #app: HttpApp | undefined;
  #loading: Promise<HttpApp> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: HttpGatewayOptions) {
    this.#options = options;
    this.#server = new HttpServer({
      ...options,
      onRefusal: (refusal, request) => {
        this.refused.set(refusal.status, (this.refused.get(refusal.status) ?? 0) + 1);
        options.onRefusal(refusal, request);
      },
    });
  }

  get server(): ServedBy['server'] {
    return this.#server.server;
  }

  /** `http://127.0.0.1:<port>`; empty until it listens. */
  get origin(): string {
    return this.#server.origin;
  }

  /** @throws {Error} of `listen` */
  start(): Promise<number> {
    return this.#server.start((request, response) => {
      if (this.#app === undefined) void this.#answerOnceLoaded(request, response);
      else this.#app.answer(request, response);
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#server.stop(STOP_GRACE_MS);
    const app = await this.#loading?.catch(() => undefined);
    app?.stop();
  }

  async #answerOnceLoaded(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#loading ??= import('./http-app.ts').then(({ HttpApp }) => HttpApp.create(this.#options, this));
      this.#app = await this.#loading;
    } catch (error) {
      this.#options.onError(error);
      return this.#refuse(response, error);
    }
    this.#app.answer(request, response);
  }

  /** Its files may be another version's by now. The next request tries again. */
  #refuse(response: ServerResponse, cause: unknown): void {
    this.#loading = undefined;
    const error = new SandboxError('INTERNAL', 'Cannot load what answers here', {
      hint: 'If sandmesh was installed anew since: "sandmesh stop" ends the daemon, the next command starts the new one.',
      cause,
    });
    const problem = problemOf(error);
    response.writeHead(problem.status, { 'content-type': PROBLEM_TYPE });
    response.end(JSON.stringify(problem));
  }
}
