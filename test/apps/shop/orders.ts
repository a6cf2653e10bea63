/** Orders and the queue that works through them in the background: paid, packed, shipped. */

import type { CartLine } from './carts.ts';
import type { Cents } from './money.ts';

const STEPS = ['placed', 'paid', 'packed', 'shipped'] as const;
export type OrderState = (typeof STEPS)[number];

export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly lines: readonly CartLine[];
  /** What the customer was shown last before paying; undefined: never looked. */
  readonly shown: Cents | undefined;
  readonly charged: Cents;
  state: OrderState;
}

export class OrderQueue {
  readonly waiting: Order[] = [];
  readonly shipped: Order[] = [];
  /** All money taken since the start. */
  revenue: Cents = 0;
  shippedCount = 0;
  #count = 0;

  place(order: Omit<Order, 'id' | 'state'>): Order {
    this.#count += 1;
    const placed: Order = { ...order, id: `o-${this.#count}`, state: 'placed' };
    this.waiting.push(placed);
    this.revenue += placed.charged;
    return placed;
  }

  /** Takes every waiting order one step further; returns those that were shipped by it. */
  advance(): Order[] {
    const done: Order[] = [];
    for (const order of [...this.waiting]) {
      order.state = STEPS[STEPS.indexOf(order.state) + 1] ?? 'shipped';
      if (order.state !== 'shipped') continue;
      this.waiting.splice(this.waiting.indexOf(order), 1);
      this.shipped.push(order);
      this.shippedCount += 1;
      done.push(order);
    }
    // a running total is kept above: old orders need not stay
    if (this.shipped.length > 200) this.shipped.splice(0, 100);
    return done;
  }
}
