/** Paths that are WebSockets, asked for as if they were pages: whoever tries one with curl is told what it is. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import { DOCUMENTS_PATH } from '#protocol/api/document-messages.ts';
import { PROBLEM_TYPE, problemOf } from '#protocol/api/problem.ts';
import { API_PREFIX } from '#protocol/api/rest-routes.ts';
import { BEARER_PROTOCOL_PREFIX, UI_PROTOCOL } from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { UI_PATH } from './ui-gateway.ts';

const UPGRADE_REQUIRED = 426;

/** @param app its prefix is {@link API_PREFIX} */
export function registerSocketPaths(app: FastifyInstance): void {
  const within = (path: string): string => path.slice(API_PREFIX.length);
  app.get(within(UI_PATH), async ({ url }, reply) =>
    refuse(
      reply,
      url,
      `Open it with the subprotocols ${UI_PROTOCOL} and ${BEARER_PROTOCOL_PREFIX}<access token>, or by the sdk.`,
    ),
  );
  app.get(within(`${DOCUMENTS_PATH}/*`), async ({ url }, reply) =>
    refuse(reply, url, 'Open it with y-websocket, by what the command "document.open" gives, or by the sdk.'),
  );
}

function refuse(reply: FastifyReply, url: string, hint: string): FastifyReply {
  const what = `Cannot GET "${url.slice(0, 200)}": it is a WebSocket`;
  const problem = problemOf(new SandboxError('BAD_ARGUMENT', what, { hint }), UPGRADE_REQUIRED);
  return reply
    .status(UPGRADE_REQUIRED)
    .header('upgrade', 'websocket')
    .header('connection', 'Upgrade')
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problem));
}
