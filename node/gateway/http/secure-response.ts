/**
 * A response that goes out with the headers every answer of ours has. They are merged into those of the answer as its head
 * is written: set before, one by one, they would make Node take the slow way for all of them.
 */

import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A page of frames, scripts or forms from anywhere: nothing of it may load. */
const SECURITY_HEADERS: OutgoingHttpHeaders = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};

export class SecureResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  override writeHead(status: number, headers?: OutgoingHttpHeaders): this;
  override writeHead(status: number, reason: string, headers?: OutgoingHttpHeaders): this;
  /** Node calls it by itself where nobody did. */
  override writeHead(status: number, reason?: string | OutgoingHttpHeaders, headers?: OutgoingHttpHeaders): this {
    if (typeof reason === 'string') return super.writeHead(status, reason, { ...SECURITY_HEADERS, ...headers });
    return super.writeHead(status, { ...SECURITY_HEADERS, ...(reason ?? headers) });
  }
}
