/** The shop over HTTP: JSON in, JSON out. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Refusal, type Shop } from './shop.ts';

type Body = Record<string, unknown>;
type Answer = { status: number; body: unknown };
type Route = readonly [method: string, path: RegExp, handle: (shop: Shop, id: string, body: Body) => Answer];

const MAX_BODY_BYTES = 64 * 1024;

const ROUTES: readonly Route[] = [
  ['GET', /^\/health$/, (shop) => ok({ waiting: shop.orders.waiting.length, revenue: shop.orders.revenue })],
  ['GET', /^\/products$/, (shop) => ok(listProducts(shop))],
  ['POST', /^\/carts$/, (shop, _id, body) => ok(shop.carts.create(String(body['customer'] ?? 'guest')), 201)],
  ['GET', /^\/carts\/([^/]+)$/, (shop, id) => ok(shop.viewCart(id))],
  ['POST', /^\/carts\/([^/]+)\/lines$/, addLine],
  ['POST', /^\/carts\/([^/]+)\/coupon$/, (shop, id, body) => ok(shop.useCoupon(id, String(body['code'])))],
  ['POST', /^\/carts\/([^/]+)\/checkout$/, (shop, id) => ok(shop.checkOut(id), 201)],
];

function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

function listProducts(shop: Shop): unknown {
  return [...shop.catalogue.products.values()].map((product) => ({
    ...product,
    inStock: shop.catalogue.inStock(product.sku),
  }));
}

function addLine(shop: Shop, id: string, body: Body): Answer {
  return ok(shop.addToCart(id, String(body['sku']), Number(body['quantity'] ?? 1)));
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'The request body is too large');
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
  } catch {
    throw new Refusal(400, 'The request body is not valid JSON');
  }
}

async function answer(shop: Shop, request: IncomingMessage): Promise<Answer> {
  const path = new URL(request.url ?? '/', 'http://shop').pathname;
  const body = await readBody(request);
  for (const [method, pattern, handle] of ROUTES) {
    const match = pattern.exec(path);
    if (request.method === method && match !== null) return handle(shop, match[1] ?? '', body);
  }
  throw new Refusal(404, `There is no ${request.method} ${path}`);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** An HTTP server that is not listening yet. */
export function createShopServer(shop: Shop): Server {
  return createServer((request, response) => {
    answer(shop, request).then(
      (result) => send(response, result),
      (error: unknown) => {
        if (error instanceof Refusal) return send(response, { status: error.status, body: { error: error.message } });
        console.error(error);
        send(response, { status: 500, body: { error: 'Something went wrong in the shop' } });
      },
    );
  });
}
