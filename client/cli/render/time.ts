/** Times and sizes for people. */

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** `1.5 h`, `3 min`, `250 ms`; one decimal below ten. */
export function formatDuration(ms: number): string {
  const positive = Math.max(0, ms);
  for (const [size, unit] of UNITS) {
    if (positive < size) continue;
    const amount = positive / size;
    return `${amount < 9.95 ? Number(amount.toFixed(1)) : Math.round(amount)} ${unit}`;
  }
  return `${Math.round(positive)} ms`;
}

/** `14:03:07`, in local time. */
export function formatClock(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** `87 MB` */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}
