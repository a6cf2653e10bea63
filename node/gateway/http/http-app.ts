/**
 * What answers the requests that passed the guard: authenticates and translates; what a request means is the pipeline's
 * business.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { PROBLEM_TYPE, problemOf } from '#protocol/api/problem.ts';
import { API_PREFIX } from '#protocol/api/rest-routes.ts';
import { MAX_UI_MESSAGE_BYTES } from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { AllowedMethods } from './allowed-methods.ts';
import { registerAuth } from './auth-routes.ts';
import { acceptBodies } from './bodies.ts';
import { registerDescription } from './description-routes.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { type DaemonGauges, DaemonMetrics } from './metrics-routes.ts';
import { registerRest } from './rest-routes.ts';
import { registerSocketPaths } from './socket-paths.ts';

const BEARER = 'Bearer ';
const MAX_BEARER_LENGTH = BEARER.length + 4096;

declare module 'fastify' {
  interface FastifyRequest {
    /** What the access token proves; set before any handler of a guarded route runs. */
    grant: Grant;
    /** Names the asker for limits, handles and leases. */
    session: string;
  }
}

export interface HttpAppOptions {
  readonly tokens: AccessTokens;
  readonly version: string;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
  readonly gauges: () => DaemonGauges;
}

/** The server it answers for. */
export interface ServedBy {
  readonly server: Server;
  readonly origin: string;
  /** Requests that its guard refused, by status. */
  readonly refused: ReadonlyMap<number, number>;
}

export class HttpApp {
  readonly #options: HttpAppOptions;
  readonly #servedBy: ServedBy;
  readonly #allowed = new AllowedMethods();
  readonly #metrics: DaemonMetrics;
  #fastify: FastifyInstance | undefined;

  private constructor(options: HttpAppOptions, servedBy: ServedBy) {
    this.#options = options;
    this.#servedBy = servedBy;
    this.#metrics = new DaemonMetrics(options.gauges, servedBy.refused);
  }

  static async create(options: HttpAppOptions, servedBy: ServedBy): Promise<HttpApp> {
    const app = new HttpApp(options, servedBy);
    try {
      app.#fastify = await app.#register();
    } catch (error) {
      // Whoever tries again makes another.
      app.stop();
      throw error;
    }
    return app;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    // Node itself leaves the body out of the answer, which is else that of GET.
    if (request.method === 'HEAD') request.method = 'GET';
    this.#fastify?.routing(request, response);
  }

  /** Ends what runs in the background. */
  stop(): void {
    this.#metrics.stop();
  }

  async #register(): Promise<FastifyInstance> {
    const { tokens, run, now, version } = this.#options;
    const { server } = this.#servedBy;
    const app = Fastify({
      bodyLimit: MAX_UI_MESSAGE_BYTES,
      exposeHeadRoutes: false,
      serverFactory: () => server,
      routerOptions: { maxParamLength: 300 },
      // Arguments are checked by the catalogue. Giving these keeps fastify from loading two compilers at every start.
      schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
      // What the router refuses before any route: a parameter too long, a path that does not decode.
      frameworkErrors: (error, _request, reply) => this.#sendProblem(error, reply),
    });
    acceptBodies(app);
    this.#explainErrors(app);
    this.#allowed.watch(app);
    app.get('/healthz', async () => ({ status: 'ok' }));
    await app.register(async (scraped) => {
      scraped.addHook('onRequest', (request) => tokens.assertReads(bearerOf(request)));
      this.#metrics.register(scraped);
    });
    await app.register(
      async (api) => {
        registerAuth(api, tokens);
        registerDescription(api, version, () => this.#servedBy.origin);
        registerSocketPaths(api);
        await api.register(async (guarded) => {
          guarded.decorateRequest('grant');
          guarded.decorateRequest('session', '');
          guarded.addHook('onRequest', (request, _reply, done) => this.#authenticate(request, done));
          registerRest(guarded, { run, keys: new IdempotencyKeys(now) });
        });
      },
      { prefix: API_PREFIX },
    );
    await app.ready();
    return app;
  }

  /** Without a promise for a token that was seen before: those around it would cost more than all the rest. */
  #authenticate(request: FastifyRequest, done: (error?: Error) => void): void {
    const { tokens } = this.#options;
    const admit = (grant: Grant): void => {
      request.grant = grant;
      request.session = `http-${grant.tokenId}`;
      done();
    };
    const token = bearerOf(request);
    const known = tokens.known(token);
    if (known === undefined) tokens.verify(token).then(admit, done);
    else admit(known);
  }

  #explainErrors(app: FastifyInstance): void {
    app.setNotFoundHandler((request, reply) => this.#sendUnrouted(request, reply));
    app.setErrorHandler((thrown: unknown, _request, reply) => this.#sendProblem(thrown, reply));
  }

  /** A path that is not there, a command that is not, or one that is there for other methods. */
  #sendUnrouted({ method, url }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const allowed = this.#allowed.of(url.split('?')[0] ?? '');
    const isOther = allowed.length > 0 && !(allowed.includes(method) && method !== 'OPTIONS');
    if (isOther) reply.header('allow', allowed.join(', '));
    // Without a word about other origins: no preflight gets what it asks for.
    if (isOther && method === 'OPTIONS') return reply.status(204).send();
    const error = new SandboxError('UNKNOWN_COMMAND', `Cannot ${method} "${url.slice(0, 200)}"`, {
      hint: isOther ? `It takes ${allowed.join(', ')}.` : `${API_PREFIX}/openapi.json lists what there is.`,
    });
    const problem = problemOf(error, isOther ? 405 : undefined);
    return reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  }

  #sendProblem(thrown: unknown, reply: FastifyReply): FastifyReply {
    const [error, status] = explain(thrown);
    if (error.code === 'INTERNAL') this.#options.onError(thrown);
    const problem = problemOf(error, status);
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="sandmesh"');
    return reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  }
}

/** @throws {SandboxError} UNAUTHENTICATED */
export function bearerOf(request: Pick<FastifyRequest, 'headers'>): string {
  const { authorization = '' } = request.headers;
  // the length by itself: counted by the pattern it takes as long as all the rest
  if (authorization.length <= MAX_BEARER_LENGTH && /^Bearer [\x21-\x7e]+$/i.test(authorization)) {
    return authorization.slice(BEARER.length);
  }
  throw new SandboxError('UNAUTHENTICATED', 'Cannot serve a request without an access token', {
    hint: `Get one: "sandmesh token access" prints it, or POST ${API_PREFIX}/auth/token with "Authorization: Bearer <token>".`,
  });
}

function noSchemas(): never {
  throw new RangeError('A route of the local API has a schema of its own');
}

/** Faults of HTTP itself get our codes; statuses that HTTP knows better stay. */
function explain(thrown: unknown): [SandboxError, number | undefined] {
  if (thrown instanceof SandboxError) return [thrown, undefined];
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return [SandboxError.from(thrown), undefined];
  if (statusCode === 413) {
    const text = `Cannot take a body of more than ${MAX_UI_MESSAGE_BYTES} bytes`;
    return [new SandboxError('FRAME_TOO_LARGE', text), statusCode];
  }
  return [new SandboxError('BAD_JSON', `Cannot read this request: ${message ?? 'it is malformed'}`), statusCode];
}
