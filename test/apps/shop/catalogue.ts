/** What the shop sells, and how many of each are on the shelf. */

import type { Cents } from './money.ts';

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly price: Cents;
  /** From this many on, each piece is cheaper by `bulkPercent`. */
  readonly bulkFrom: number;
  readonly bulkPercent: number;
}

const PRODUCTS: readonly Product[] = [
  { sku: 'tea-green', name: 'Green tea, 100 g', price: 690, bulkFrom: 5, bulkPercent: 10 },
  { sku: 'tea-black', name: 'Black tea, 250 g', price: 1150, bulkFrom: 4, bulkPercent: 8 },
  { sku: 'cup', name: 'Cup, stoneware', price: 1490, bulkFrom: 6, bulkPercent: 15 },
  { sku: 'pot', name: 'Tea pot, 1.2 l', price: 4290, bulkFrom: 2, bulkPercent: 5 },
  { sku: 'kettle', name: 'Kettle, steel', price: 5900, bulkFrom: 2, bulkPercent: 5 },
  { sku: 'honey', name: 'Honey, 500 g', price: 875, bulkFrom: 3, bulkPercent: 7 },
];

const SHELF_SIZE = 40;

export class Catalogue {
  readonly products = new Map(PRODUCTS.map((product) => [product.sku, product]));
  readonly stock = new Map(PRODUCTS.map((product) => [product.sku, SHELF_SIZE]));

  find(sku: string): Product | undefined {
    return this.products.get(sku);
  }

  inStock(sku: string): number {
    return this.stock.get(sku) ?? 0;
  }

  /** Takes pieces off the shelf. */
  take(sku: string, quantity: number): void {
    this.stock.set(sku, this.inStock(sku) - quantity);
  }

  /** Fills each shelf that is less than half full; returns how many pieces were brought. */
  refill(): number {
    let brought = 0;
    for (const [sku, left] of this.stock) {
      if (left >= SHELF_SIZE / 2) continue;
      brought += SHELF_SIZE - left;
      this.stock.set(sku, SHELF_SIZE);
    }
    return brought;
  }
}
