/** Two ends of an in-memory link that keep message boundaries and order; delivery is a macrotask or the test's own. */

import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';

/** Where messages wait until they are delivered; a test may deliver them in any order it likes between links. */
export interface Wire {
  push(deliver: () => void): void;
}

const immediateWire: Wire = { push: (deliver) => void setImmediate(deliver) };

export interface LinkPair {
  readonly left: ReplicationLink;
  readonly right: ReplicationLink;
  /** Why an end closed it, in order. */
  readonly reasons: string[];
  /** Bytes sent, left to right and right to left. */
  readonly sent: { left: number; right: number };
  cut(): void;
}

/** @param tamper sees each message and may replace it; undefined drops it */
export function linkPair(
  leftKey: Uint8Array,
  rightKey: Uint8Array,
  options: { wire?: Wire; tamper?: (message: Uint8Array, from: 'left' | 'right') => Uint8Array | undefined } = {},
): LinkPair {
  const { wire = immediateWire, tamper = (message) => message } = options;
  const reasons: string[] = [];
  const sent = { left: 0, right: 0 };
  let open = true;
  const ends = { left: new End(), right: new End() };
  const close = (): void => {
    if (!open) return;
    open = false;
    ends.left.closed();
    ends.right.closed();
  };
  const end = (side: 'left' | 'right', peerKey: Uint8Array): ReplicationLink => ({
    peerKey,
    send(message) {
      sent[side] += message.length;
      const delivered = tamper(message.slice(), side);
      const other = ends[side === 'left' ? 'right' : 'left'];
      if (delivered !== undefined) wire.push(() => open && other.message(delivered));
      return true;
    },
    onMessage: (listener) => void ends[side].messages.push(listener),
    onDrain: () => undefined,
    onClose: (listener) => void ends[side].closes.push(listener),
    close(reason) {
      reasons.push(reason);
      close();
    },
  });
  return { left: end('left', rightKey), right: end('right', leftKey), reasons, sent, cut: close };
}

class End {
  readonly messages: ((message: Uint8Array) => void)[] = [];
  readonly closes: (() => void)[] = [];

  message(bytes: Uint8Array): void {
    for (const listener of this.messages) listener(bytes);
  }
  closed(): void {
    for (const listener of this.closes) listener();
  }
}
