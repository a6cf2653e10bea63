/** What a cart costs: line prices with bulk discounts, then the coupon. */

import type { Cart } from './carts.ts';
import type { Catalogue, Product } from './catalogue.ts';
import { type Cents, percentOf } from './money.ts';

export interface Discount {
  readonly reason: string;
  readonly amount: Cents;
}

export interface Quote {
  readonly subtotal: Cents;
  readonly discounts: Discount[];
  total: Cents;
}

/** Coupon code → percent off. */
export const COUPONS: ReadonlyMap<string, number> = new Map([
  ['WELCOME10', 10],
  ['TEATIME15', 15],
]);

/** The price of a cart; computed once and kept on the cart until its contents change. */
export function priceCart(cart: Cart, catalogue: Catalogue): Quote {
  cart.quote ??= priceLines(cart, catalogue);
  const quote = cart.quote;
  const percent = cart.coupon === undefined ? undefined : COUPONS.get(cart.coupon);
  if (percent !== undefined) {
    const amount = percentOf(quote.total, percent);
    quote.discounts.push({ reason: `coupon ${cart.coupon}`, amount });
    quote.total -= amount;
  }
  return quote;
}

function priceLines(cart: Cart, catalogue: Catalogue): Quote {
  let subtotal = 0;
  const discounts: Discount[] = [];
  for (const line of cart.lines) {
    const product = catalogue.find(line.sku);
    if (product === undefined) continue;
    const price = product.price * line.quantity;
    subtotal += price;
    const amount = bulkDiscount(product, line.quantity, price);
    if (amount > 0) discounts.push({ reason: `${line.quantity} × ${product.name}`, amount });
  }
  const total = subtotal - discounts.reduce((sum, discount) => sum + discount.amount, 0);
  return { subtotal, discounts, total };
}

function bulkDiscount(product: Product, quantity: number, price: Cents): Cents {
  return quantity >= product.bulkFrom ? percentOf(price, product.bulkPercent) : 0;
}
