/**
 * Noise hands its transport each message in two pieces, two bytes of length and the rest, and TCP writes each piece by
 * itself: two system calls, two packets, and a reader that wakes up twice for every keystroke. Here they leave as one.
 */

import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

/** @param noise what `noise()` of libp2p gave. @returns the same, over connections that write whole messages */
export function inWholeMessages<C>(
  noise: (components: C) => ConnectionEncrypter,
): (components: C) => ConnectionEncrypter {
  return (components) => {
    const encrypter = noise(components);
    const { secureInbound, secureOutbound } = encrypter;
    encrypter.secureInbound = (connection, options) => secureInbound.call(encrypter, whole(connection), options);
    encrypter.secureOutbound = (connection, options) => secureOutbound.call(encrypter, whole(connection), options);
    return encrypter;
  };
}

function whole(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection);
  // subarray() of a list joins its pieces
  connection.send = (data) => send(data.subarray());
  return connection;
}
