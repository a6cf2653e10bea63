/**
 * Starts the shop: `npx tsx test/apps/shop/main.ts`. It listens on 127.0.0.1, port SHOP_PORT (4100 by default, 0 for
 * any), prints its address when it is ready, and ends on Ctrl-C.
 */

import type { AddressInfo } from 'node:net';
import { startJobs } from './jobs.ts';
import { createShopServer } from './server.ts';
import { Shop } from './shop.ts';

const shop = new Shop();
// for a look from a debugger's console: `shop.orders.revenue`
Object.assign(globalThis, { shop });

const server = createShopServer(shop);
const stopJobs = startJobs(shop);

server.listen(Number(process.env['SHOP_PORT'] ?? 4100), '127.0.0.1', () => {
  console.log(`shop: http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function stop(): void {
  stopJobs();
  server.close();
  server.closeAllConnections();
}

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
