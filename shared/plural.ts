/**
 * A number with what it counts, for texts: `1 program`, `3 programs`, `2 addresses`, `4 entries`.
 *
 * @param noun a regular English one, singular
 */
export function count(n: number, noun: string): string {
  if (n === 1) return `1 ${noun}`;
  if (/[^aeiou]y$/.test(noun)) return `${n} ${noun.slice(0, -1)}ies`;
  return `${n} ${noun}${/(s|x|sh|ch)$/.test(noun) ? 'es' : 's'}`;
}
