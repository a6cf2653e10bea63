/** Background jobs: refill shelves, work the order queue, drop abandoned carts, compare the till with the receipts. */

import { formatCents } from './money.ts';
import type { Shop } from './shop.ts';

const ABANDONED_AFTER_MS = 60_000;

interface Job {
  readonly name: string;
  readonly everyMs: number;
  run(shop: Shop): string | undefined;
}

const JOBS: readonly Job[] = [
  { name: 'stock', everyMs: 3_000, run: refillShelves },
  { name: 'queue', everyMs: 700, run: shipOrders },
  { name: 'carts', everyMs: 10_000, run: dropCarts },
];

/** Starts all jobs; the returned function stops them. */
export function startJobs(shop: Shop): () => void {
  const timers = JOBS.map((job) =>
    setInterval(() => {
      const news = job.run(shop);
      if (news !== undefined) console.log(`[${job.name}] ${news}`);
    }, job.everyMs),
  );
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

function refillShelves(shop: Shop): string | undefined {
  const brought = shop.catalogue.refill();
  return brought === 0 ? undefined : `${brought} pieces brought to the shelves`;
}

function shipOrders(shop: Shop): string | undefined {
  const shipped = shop.orders.advance();
  for (const order of shipped) {
    if (order.shown === undefined || order.shown === order.charged) continue;
    console.warn(
      `[till] ${order.id}: ${order.customer} was shown ${formatCents(order.shown)} and paid ${formatCents(order.charged)}`,
    );
  }
  const before = shop.orders.shippedCount - shipped.length;
  // every tenth order is news enough
  if (Math.floor(before / 10) === Math.floor(shop.orders.shippedCount / 10)) return undefined;
  return `${shop.orders.shippedCount} orders shipped, ${shop.orders.waiting.length} waiting`;
}

function dropCarts(shop: Shop): string | undefined {
  const dropped = shop.carts.dropAbandoned(ABANDONED_AFTER_MS);
  return dropped === 0 ? undefined : `${dropped} abandoned carts dropped`;
}
