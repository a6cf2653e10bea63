/** Bodies of requests, JSON or CBOR. Whatever one of them says comes through as it was meant, or is refused with the reason. */

import { isUtf8 } from 'node:buffer';
import * as cbor from 'cborg';
import type { FastifyInstance } from 'fastify';
import { SandboxError } from '#shared/errors.ts';

/**
 * JSON by fastify's own parser, which refuses `__proto__`; CBOR in the strict form of our other messages. Clients that name
 * a type with every request send nothing under it where there is nothing to say.
 */
export function acceptBodies(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    if (bytes.length === 0) return done(null, undefined);
    // A decoder would put something else where it does not understand, and nobody would know.
    if (!isUtf8(bytes)) return done(unreadable(bytes, 'it is not UTF-8'));
    const text = bytes.toString();
    parseJson(request, text, (error, value) => done(error === null ? null : unreadable(bytes, whyNoJson(text)), value));
  });
  app.addContentTypeParser('application/cbor', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    if (body.length === 0) return undefined;
    try {
      return cbor.decode(body, { strict: true, allowIndefinite: false, allowUndefined: false, allowBigInt: false });
    } catch (cause) {
      throw new SandboxError(
        'BAD_CBOR',
        `Cannot read a body of ${body.length} bytes: it is not CBOR, or holds what JSON cannot (${messageOf(cause)})`,
        { cause },
      );
    }
  });
}

function unreadable({ length }: Buffer, why: string): SandboxError {
  return new SandboxError('BAD_JSON', `Cannot read a body of ${length} bytes: ${why}`);
}

/** @param text that fastify's parser refused */
function whyNoJson(text: string): string {
  try {
    JSON.parse(text);
  } catch (cause) {
    return `it is not JSON (${messageOf(cause)})`;
  }
  return 'it names "__proto__" or "constructor"';
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}
