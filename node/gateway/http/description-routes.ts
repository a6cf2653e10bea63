/** The API described: `openapi.json` for tools and `reference` for people. Both hold no secret and need no token. */

import type { FastifyInstance } from 'fastify';
import { type OpenApiDocument, openApiDocument } from '#protocol/api/openapi.ts';
import { API_PREFIX } from '#protocol/api/rest-routes.ts';
import { authOperations } from './auth-routes.ts';
import { REFERENCE_STYLE, referencePage } from './reference-page.ts';

/** @param origin known once the server listens */
export function registerDescription(app: FastifyInstance, version: string, origin: () => string): void {
  let document: OpenApiDocument | undefined;
  // Made on first use: it takes some milliseconds that no start should pay.
  const described = (): OpenApiDocument => {
    document ??= openApiDocument({ version, origin: origin(), extra: authOperations(API_PREFIX) });
    return document;
  };
  app.get('/openapi.json', async (_request, reply) => reply.send(described()));
  app.get('/reference', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(referencePage(described())),
  );
  app.get('/reference.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(REFERENCE_STYLE));
}
