/**
 * Noise as it comes makes much of a keystroke. It hands its transport each message in two pieces, two bytes of length and
 * the rest, and TCP writes each by itself: two system calls, two packets, a reader that wakes up twice. And when a reader
 * has taken the last message of a chunk it looks for one more, and learns by an exception that nothing is left.
 */

import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface';
import { type HandshakeCrypto, nativeHandshake } from './handshake-crypto.ts';
import { makeNeededEventsOnly } from './needed-events.ts';

const LENGTH_BYTES = 2;
/** Says of a message whose length is not there yet: it is longer than what is there, so that the rest is waited for. */
const LONGER = 0xffff;

/** What a secured stream of Noise has beyond the interface. */
interface DecodingStream extends MessageStream {
  readonly decoder: { lengthDecoder: (bytes: { readonly byteLength: number }) => number };
}

/** @param noise what `noise()` of libp2p gave. @returns the same on the wire, for less */
export function leanNoise<C>(noise: (components: C) => ConnectionEncrypter): (components: C) => ConnectionEncrypter {
  return (components) => {
    const encrypter = noise(components);
    if (isNoise(encrypter)) Object.assign(encrypter.crypto, nativeHandshake);
    const inbound = encrypter.secureInbound.bind(encrypter);
    const outbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = async (connection, options) => endCheaply(await inbound(whole(connection), options));
    encrypter.secureOutbound = async (connection, options) => endCheaply(await outbound(whole(connection), options));
    return encrypter;
  };
}

/** The connection, which from now on sends all pieces of a message at once. */
function whole(connection: MessageStream): MessageStream {
  makeNeededEventsOnly(connection);
  const send = connection.send.bind(connection);
  // subarray() of a list joins its pieces
  connection.send = (data) => send(data.subarray());
  return connection;
}

function endCheaply(secured: SecuredConnection): SecuredConnection {
  const { connection } = secured;
  makeNeededEventsOnly(connection);
  if (!isDecoding(connection)) return secured;
  const { decoder } = connection;
  const decode = decoder.lengthDecoder;
  decoder.lengthDecoder = (bytes) => {
    return bytes.byteLength < LENGTH_BYTES ? LONGER : decode(bytes);
  };
  return secured;
}

function isNoise(
  encrypter: ConnectionEncrypter,
): encrypter is ConnectionEncrypter & { readonly crypto: HandshakeCrypto } {
  const { crypto } = encrypter as { readonly crypto?: Partial<HandshakeCrypto> };
  return [crypto?.generateKeypair, crypto?.dh, crypto?.hkdf].every((part) => typeof part === 'function');
}

function isDecoding(stream: MessageStream): stream is DecodingStream {
  const { decoder } = stream as Partial<DecodingStream>;
  return typeof decoder?.lengthDecoder === 'function';
}
