/** `POST /auth/token`: a token or a one-time code for an access token. The only route that takes either. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { SCOPES } from '#protocol/api/scopes.ts';
import { badArgument } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { AccessTokens } from '../../security/access-tokens.ts';

/** Wrong secrets a second that are looked at; nobody guesses 256 bits, but each costs a hash and a log line. */
const FAILURES_PER_SECOND = 20;

export const tokenRequestSchema = z.strictObject({
  /** One-time code, instead of a token in Authorization. */
  code: z.string().max(100).optional(),
  /** Fewer scopes than it has. */
  scopes: z.array(z.enum(SCOPES)).min(1).optional(),
});

export const tokenResponseSchema = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  /** Seconds. */
  expires_in: z.number().int(),
  /** Names separated by spaces. */
  scope: z.string(),
});

export function registerAuth(app: FastifyInstance, tokens: AccessTokens): void {
  const failures = new FailureLimit();
  app.post('/auth/token', async (request, reply) => {
    failures.check();
    const parsed = tokenRequestSchema.safeParse(request.body ?? {});
    if (!parsed.success) throw badArgument('the request body', parsed.error);
    const { code, scopes } = parsed.data;
    try {
      const granted = await tokens.exchange(code ?? tokenIn(request), scopes);
      return reply.send({
        access_token: granted.accessToken,
        token_type: 'Bearer',
        expires_in: granted.expiresInSeconds,
        scope: granted.scopes.join(' '),
      } satisfies z.infer<typeof tokenResponseSchema>);
    } catch (error) {
      failures.count();
      throw error;
    }
  });
}

/** An access token has some 330 characters, a token 60. */
function tokenIn(request: FastifyRequest): string {
  const match = /^Bearer (\S{1,4096})$/i.exec(request.headers.authorization ?? '');
  return match?.[1] ?? '';
}

class FailureLimit {
  #second = 0;
  #count = 0;

  check(): void {
    if (this.#second === this.#now() && this.#count >= FAILURES_PER_SECOND) {
      throw new SandboxError('LIMIT_EXCEEDED', 'Cannot look at another token now: too many were wrong', {
        hint: 'Try again in a second.',
      });
    }
  }

  count(): void {
    const now = this.#now();
    this.#count = this.#second === now ? this.#count + 1 : 1;
    this.#second = now;
  }

  #now(): number {
    return Math.floor(performance.now() / 1000);
  }
}

/** What the OpenAPI document says of the routes that are no commands. */
export function authOperations(prefix: string): Record<string, Record<string, Record<string, unknown>>> {
  const json = (schema: z.ZodType, io: 'input' | 'output') => {
    const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io });
    return { content: { 'application/json': { schema: rest } } };
  };
  return {
    [`${prefix}/auth/token`]: {
      post: {
        operationId: 'exchange_token',
        tags: ['Access'],
        summary: 'Exchange a token, a one-time code or a valid access token for an access token',
        description: 'The token goes into `Authorization: Bearer`, the code into the body.',
        security: [{ token: [] }, {}],
        requestBody: { required: false, ...json(tokenRequestSchema, 'input') },
        responses: {
          200: { description: 'Access for 15 minutes.', ...json(tokenResponseSchema, 'output') },
          default: { $ref: '#/components/responses/Problem' },
        },
      },
    },
    '/healthz': {
      get: {
        operationId: 'health',
        tags: ['Access'],
        summary: 'Say that the daemon answers',
        security: [],
        responses: {
          200: { description: 'It does.', ...json(z.object({ status: z.literal('ok') }), 'output') },
          default: { $ref: '#/components/responses/Problem' },
        },
      },
    },
  };
}
