/** Why V8 says that it stopped. */

import type { Protocol } from 'devtools-protocol';

type PausedEvent = Protocol.Debugger.PausedEvent;

/**
 * V8 says `ambiguous` when several things stopped it at once. From Node 22 on it names the step among them that it was
 * about to make, whether that ended there or was only interrupted: it is left out.
 */
export function reasonsOf(event: PausedEvent): string[] {
  if (event.reason !== 'ambiguous') return [event.reason];
  const { reasons }: { reasons?: unknown } = event.data ?? {};
  if (!Array.isArray(reasons)) return ['other'];
  return reasons.map((entry: { reason?: unknown }) => String(entry?.reason)).filter((reason) => reason !== 'step');
}

export function isException(reason: string): boolean {
  return reason === 'exception' || reason === 'promiseRejection';
}

export interface Thrown {
  readonly value: Protocol.Runtime.RemoteObject;
  readonly uncaught: boolean;
}

/** What was thrown; undefined for other stops. */
export function thrownIn(event: PausedEvent): Thrown | undefined {
  if (event.data === undefined || !reasonsOf(event).some(isException)) return undefined;
  const { uncaught, ...value } = event.data as { uncaught?: unknown } & Thrown['value'];
  return { value, uncaught: uncaught === true };
}

/** What was thrown, in a few words. */
export function thrownText(event: PausedEvent): string {
  const data: { description?: unknown; value?: unknown } = event.data ?? {};
  return String(data.description ?? data.value ?? 'an exception');
}
