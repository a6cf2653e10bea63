/**
 * Noise as it comes makes much of a keystroke. It hands its transport each message in two pieces, two bytes of length and
 * the rest, and TCP writes each by itself: two system calls, two packets, a reader that wakes up twice. When a reader has
 * taken the last message of a chunk it looks for one more, and learns by an exception that nothing is left. And it
 * computes in JavaScript and WebAssembly what libraries of the machine compute in a part of the time.
 */

import type { ConnectionEncrypter, MessageStream, PrivateKey, SecuredConnection } from '@libp2p/interface';
import { concatBytes, equalBytes } from '#shared/bytes.ts';
import { sodium } from '../security/sodium.ts';
import { type HandshakeCrypto, nativeHandshake } from './handshake-crypto.ts';
import { type MessageCipher, sodiumCipher } from './message-cipher.ts';
import { makeNeededEventsOnly } from './needed-events.ts';

const LENGTH_BYTES = 2;
/** Of the Noise specification for libp2p. */
const SIGNED_PREFIX = new TextEncoder().encode('noise-libp2p-static-key:');
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
    if (isNoise(encrypter)) {
      Object.assign(encrypter.crypto, nativeHandshake, sodiumCipher(sodium()));
      encrypter.components = signsOnce(encrypter);
    }
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

/** The part of Noise that computes. */
interface Handshaker extends ConnectionEncrypter {
  readonly crypto: HandshakeCrypto & MessageCipher;
  readonly staticKey: { readonly publicKey: Uint8Array };
  components: { readonly privateKey: PrivateKey };
}

function isNoise(encrypter: ConnectionEncrypter): encrypter is Handshaker {
  const { crypto, staticKey, components } = encrypter as Partial<Handshaker>;
  const { generateKeypair, dh, hkdf, encrypt, decrypt } = crypto ?? {};
  const parts = [generateKeypair, dh, hkdf, encrypt, decrypt, components?.privateKey.sign];
  return staticKey !== undefined && parts.every((part) => typeof part === 'function');
}

/** The key that is signed in a handshake stays the same, and so does its signature: it is made before anybody waits. */
function signsOnce({ components, staticKey }: Handshaker): Handshaker['components'] {
  const { privateKey } = components;
  const known = concatBytes(SIGNED_PREFIX, staticKey.publicKey);
  const signature = privateKey.sign(known);
  const sign: PrivateKey['sign'] = (message, options) =>
    equalBytes(message.subarray(), known) ? signature : privateKey.sign(message, options);
  const remembering: PrivateKey = Object.create(privateKey, { sign: { value: sign } });
  return Object.create(components, { privateKey: { value: remembering } });
}

function isDecoding(stream: MessageStream): stream is DecodingStream {
  const { decoder } = stream as Partial<DecodingStream>;
  return typeof decoder?.lengthDecoder === 'function';
}
