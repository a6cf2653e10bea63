/** The shop's own logic, without HTTP: what can be done with carts and orders. */

import { type Cart, Carts } from './carts.ts';
import { Catalogue } from './catalogue.ts';
import { type Order, OrderQueue } from './orders.ts';
import { COUPONS, priceCart, type Quote } from './pricing.ts';

/** A request the shop refuses; `status` is the HTTP status to answer with. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Shop {
  readonly catalogue = new Catalogue();
  readonly carts = new Carts();
  readonly orders = new OrderQueue();
  /** Cart id → the total its customer saw last. */
  readonly #shown = new Map<string, number>();

  cart(id: string): Cart {
    const cart = this.carts.open.get(id);
    if (cart === undefined) throw new Refusal(404, `There is no cart "${id}"`);
    return cart;
  }

  addToCart(id: string, sku: string, quantity: number): Cart {
    const cart = this.cart(id);
    if (this.catalogue.find(sku) === undefined) throw new Refusal(404, `There is no product "${sku}"`);
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > 50) {
      throw new Refusal(400, `The quantity must be a whole number from 1 to 50, not ${quantity}`);
    }
    this.carts.add(cart, sku, quantity);
    return cart;
  }

  useCoupon(id: string, code: string): Cart {
    if (!COUPONS.has(code)) throw new Refusal(400, `There is no coupon "${code}"`);
    const cart = this.cart(id);
    this.carts.useCoupon(cart, code);
    return cart;
  }

  /** What the customer sees when looking into the cart. */
  viewCart(id: string): { cart: Cart; quote: Quote } {
    const cart = this.cart(id);
    const quote = priceCart(cart, this.catalogue);
    this.#shown.set(id, quote.total);
    return { cart, quote };
  }

  checkOut(id: string): Order {
    const cart = this.cart(id);
    if (cart.lines.length === 0) throw new Refusal(409, 'The cart is empty');
    const missing = cart.lines.find((line) => line.quantity > this.catalogue.inStock(line.sku));
    if (missing !== undefined) throw new Refusal(409, `Not enough "${missing.sku}" in stock`);
    const quote = priceCart(cart, this.catalogue);
    for (const line of cart.lines) this.catalogue.take(line.sku, line.quantity);
    this.carts.close(cart);
    const shown = this.#shown.get(id);
    this.#shown.delete(id);
    return this.orders.place({ customer: cart.customer, lines: cart.lines, shown, charged: quote.total });
  }
}
