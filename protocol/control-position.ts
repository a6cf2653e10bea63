/**
 * Positions in the control logs: the owner's seq, then pairs of delegate and seq. What an envelope's author had seen of
 * the logs when it wrote; along a chain, and from what one depends on to the one that depends, positions never fall.
 */

import type { ControlPosition } from './envelope.ts';

/** Number of the owner's log. */
export const OWNER_LOG = 0;

/** How far it reaches in one log; 0 where it says nothing of it. */
export function seqIn(position: ControlPosition, log: number): number {
  if (log === OWNER_LOG) return position[0] ?? 0;
  for (let i = 1; i < position.length; i += 2) if (position[i] === log) return position[i + 1] as number;
  return 0;
}

/** Whether `position` has come as far as `other` in every log. */
export function reaches(position: ControlPosition, other: ControlPosition): boolean {
  if ((position[0] ?? 0) < (other[0] ?? 0)) return false;
  for (let i = 1; i < other.length; i += 2) {
    if (seqIn(position, other[i] as number) < (other[i + 1] as number)) return false;
  }
  return true;
}

/** The lowest position that reaches both; one of the two where that one does. */
export function joinPositions(a: ControlPosition, b: ControlPosition): ControlPosition {
  if (reaches(a, b)) return a;
  if (reaches(b, a)) return b;
  const logs = new Set<number>();
  for (const position of [a, b]) for (let i = 1; i < position.length; i += 2) logs.add(position[i] as number);
  const joined = [Math.max(a[0] ?? 0, b[0] ?? 0)];
  for (const log of [...logs].sort((x, y) => x - y)) joined.push(log, Math.max(seqIn(a, log), seqIn(b, log)));
  return joined;
}
