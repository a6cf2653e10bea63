import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SecureResponse } from '#node/gateway/http/secure-response.ts';

/** The headers of what a server with such responses answers. */
async function answered(listener: RequestListener): Promise<Headers> {
  const server = createServer({ ServerResponse: SecureResponse }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await response.text();
    return response.headers;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const answers: Readonly<Record<string, RequestListener>> = {
  'headers given with the status': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end('a');
  },
  'a reason of its own': (_request, response) => {
    response.writeHead(200, 'Fine', { 'content-type': 'text/plain' });
    response.end('a');
  },
  'headers set one by one': (_request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end('a');
  },
};

for (const [how, listener] of Object.entries(answers)) {
  test(`every answer has the security headers: ${how}`, async () => {
    const headers = await answered(listener);
    assert.is(headers.get('content-type'), 'text/plain');
    assert.match(headers.get('content-security-policy') ?? '', "frame-ancestors 'none'");
    assert.is(headers.get('x-content-type-options'), 'nosniff');
    assert.is(headers.get('cache-control'), 'no-store');
  });
}

test('what an answer says itself stands in place of ours, once', async () => {
  const headers = await answered((_request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60' });
    response.end('a');
  });
  // Sent twice they would be joined.
  assert.is(headers.get('cache-control'), 'max-age=60');
  assert.is(headers.get('x-frame-options'), 'DENY');
});

test.run();
