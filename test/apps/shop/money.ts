/** Money as whole minor units (cents): never a fraction, so sums are exact. */

export type Cents = number;

/** `percent` of an amount, rounded half up to a whole cent. */
export function percentOf(amount: Cents, percent: number): Cents {
  return Math.round((amount * percent) / 100);
}

/** 1290 → "12.90 €" */
export function formatCents(amount: Cents): string {
  return `${(amount / 100).toFixed(2)} €`;
}
