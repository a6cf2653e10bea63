/**
 * The floor under any peer that signs: bare Yjs over one TCP socket, as `yjs-tcp.ts`, but each update is signed, handed
 * to a file, encrypted, decrypted and verified. It checks nothing else: no chain, no role, no update.
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import * as Y from 'yjs';
import type { Contender } from '../contender.ts';
import { newDoc, singleDocPeer } from './single-doc.ts';

const LENGTH_BYTES = 4;
const SIGNATURE_BYTES = 64;
const TAG_BYTES = 16;
const NONCE = Buffer.alloc(12);
const CIPHER = 'chacha20-poly1305';
/** What it encrypts with does not change what that costs. */
const SESSION_KEY = Buffer.alloc(32, 7);

export function signedTcp(): Contender {
  return {
    async openFirst({ folder }) {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const doc = newDoc();
      const sockets = sendSigned(doc, privateKey, openFile(folder));
      const server = createServer((socket) => sockets.add(socket.setNoDelay(true)));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const peer = singleDocPeer(doc, { connect: async () => undefined, disconnect: async () => undefined });
      return {
        ...peer,
        admit: async () => ({ port, key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') }),
      };
    },
    async openNext({ ticket }) {
      const doc = newDoc();
      return singleDocPeer(doc, {
        async connect() {
          const socket = connect(Number(ticket['port']), '127.0.0.1').setNoDelay(true);
          await new Promise<void>((resolve) => socket.once('connect', resolve));
          receiveSigned(socket, doc, String(ticket['key']));
        },
        disconnect: async () => undefined,
      });
    },
  };
}

function openFile(folder: string): number {
  mkdirSync(folder, { recursive: true });
  return openSync(path.join(folder, 'log'), 'a', 0o600);
}

function sendSigned(doc: Y.Doc, key: KeyObject, file: number): Set<Socket> {
  const sockets = new Set<Socket>();
  doc.on('update', (update: Uint8Array) => {
    const signature = sign(null, createHash('sha256').update(update).digest(), key);
    const record = Buffer.concat([signature, update]);
    writeSync(file, record);
    const cipher = createCipheriv(CIPHER, SESSION_KEY, NONCE, { authTagLength: TAG_BYTES });
    const sealed = cipher.update(record);
    cipher.final();
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length + TAG_BYTES);
    const message = Buffer.concat([length, sealed, cipher.getAuthTag()]);
    for (const socket of sockets) socket.write(message);
  });
  return sockets;
}

/** Shown first and verified in the same breath, as a replica does with what arrives over its author's link. */
function receiveSigned(socket: Socket, doc: Y.Doc, spki: string): void {
  const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + pending.readUInt32BE(0);
      if (pending.length < end) return;
      const decipher = createDecipheriv(CIPHER, SESSION_KEY, NONCE, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(pending.subarray(end - TAG_BYTES, end));
      const record = decipher.update(pending.subarray(LENGTH_BYTES, end - TAG_BYTES));
      decipher.final();
      pending = pending.subarray(end);
      const update = record.subarray(SIGNATURE_BYTES);
      Y.applyUpdate(doc, update, socket);
      const digest = createHash('sha256').update(update).digest();
      if (!verify(null, digest, key, record.subarray(0, SIGNATURE_BYTES))) throw new Error('It does not verify');
    }
  });
}
