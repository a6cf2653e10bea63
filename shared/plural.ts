/**
 * A number with what it counts, for texts: `1 program`, `3 programs`, `2 addresses`.
 *
 * @param noun a regular English one, singular
 */
export function count(n: number, noun: string): string {
  if (n === 1) return `1 ${noun}`;
  return `${n} ${noun}${/(s|x|sh|ch)$/.test(noun) ? 'es' : 's'}`;
}
