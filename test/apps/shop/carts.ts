/** Customers' carts, kept in memory until they are ordered or abandoned. */

import type { Quote } from './pricing.ts';

export interface CartLine {
  readonly sku: string;
  quantity: number;
}

export interface Cart {
  readonly id: string;
  readonly customer: string;
  readonly lines: CartLine[];
  coupon: string | undefined;
  /** The last price, kept until the contents change. */
  quote: Quote | undefined;
  touchedAt: number;
}

export class Carts {
  readonly open = new Map<string, Cart>();
  #count = 0;

  create(customer: string): Cart {
    this.#count += 1;
    const id = `c-${this.#count}`;
    const cart: Cart = { id, customer, lines: [], coupon: undefined, quote: undefined, touchedAt: Date.now() };
    this.open.set(id, cart);
    return cart;
  }

  add(cart: Cart, sku: string, quantity: number): void {
    const line = cart.lines.find((candidate) => candidate.sku === sku);
    if (line === undefined) cart.lines.push({ sku, quantity });
    else line.quantity += quantity;
    this.#changed(cart);
  }

  useCoupon(cart: Cart, code: string): void {
    cart.coupon = code;
    this.#changed(cart);
  }

  close(cart: Cart): void {
    this.open.delete(cart.id);
  }

  /** Forgets carts that nobody touched for that long; returns how many. */
  dropAbandoned(olderThanMs: number): number {
    const before = this.open.size;
    for (const cart of this.open.values()) {
      if (Date.now() - cart.touchedAt > olderThanMs) this.open.delete(cart.id);
    }
    return before - this.open.size;
  }

  #changed(cart: Cart): void {
    cart.quote = undefined;
    cart.touchedAt = Date.now();
  }
}
