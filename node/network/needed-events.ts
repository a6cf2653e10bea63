/**
 * libp2p tells of every message that its queue is empty again, at each of the three layers it goes through. Nobody
 * listens unless a stream is being closed, and an event of the platform's costs more than what it tells of.
 */

import type { MessageStream } from '@libp2p/interface';

/** What a stream of libp2p has beyond the interface. */
interface EmittingStream extends MessageStream {
  safeDispatchEvent(type: string, detail?: object): boolean;
  listenerCount(type: string): number;
}

/** From now on the stream makes no event of a kind that nobody listens for. Others than libp2p's are left as they are. */
export function makeNeededEventsOnly(stream: MessageStream): void {
  if (!isEmitting(stream)) return;
  const dispatch = stream.safeDispatchEvent.bind(stream);
  stream.safeDispatchEvent = (type, detail) => stream.listenerCount(type) === 0 || dispatch(type, detail);
}

function isEmitting(stream: MessageStream): stream is EmittingStream {
  const { safeDispatchEvent, listenerCount } = stream as Partial<EmittingStream>;
  return typeof safeDispatchEvent === 'function' && typeof listenerCount === 'function';
}
