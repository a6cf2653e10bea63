/**
 * Ours, as the daemon does it: replicas that sign, check and store in a real log file, peers over libp2p on loopback.
 * Only the question "may this device join?" is skipped: the first peer grants membership at once.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { PeerNetwork } from '#node/network/peer-network.ts';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox, openJoined } from '#node/network/replication/open-replica.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey, type SigningKey } from '#node/security/identity.ts';
import { NodeStorageFolder } from '#node/storage/storage-folder.ts';
import { optimiseSoon } from '#node/v8-settings.ts';
import { controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { SandboxFounding } from '#protocol/sandbox-id.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { Contender, Content, Host, SyncPeer, Ticket } from '../contender.ts';

const DOCUMENTS: Record<Content, DocumentName> = { records: 'debug', text: 'draft/paper.tex' };

interface KnownPeer {
  readonly key: Uint8Array;
  readonly addresses: readonly string[];
}

/** What {@link Host.admit} hands over: what a link and the join protocol would have. */
interface Admission {
  readonly entries: readonly string[];
  readonly founding: Record<keyof SandboxFounding, string>;
  readonly host: { readonly key: string; readonly addresses: readonly string[] };
}

export function sandmesh(): Contender {
  let device: SigningKey | undefined;
  return {
    async introduce() {
      device = createSigningKey();
      return { key: toHex(device.publicKey) };
    },
    openFirst: ({ folder, checkpoints }) => openFirst(folder, checkpoints),
    openNext: ({ folder, ticket }) => openNext(folder, device ?? createSigningKey(), ticket as unknown as Admission),
  };
}

async function openFirst(folder: string, checkpoints: boolean): Promise<SyncPeer & Host> {
  const device = createSigningKey();
  const control = createSigningKey();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const storage = new NodeStorageFolder(folder);
  const replica = await createSandbox({
    environment: nodeEnvironment(),
    // without a folder for blobs it makes none, not even by itself
    ...(checkpoints ? { folder: storage } : {}),
    file: storage.open(LOG_NAME),
    deviceSigner: device,
    controlSigner: await controlSignerFromSeed(control.seed, control.publicKey),
    recoveryHash: new Uint8Array(randomBytes(32)),
    name: 'bench',
    deviceName: 'first',
  });
  const network = await startNetwork(device, folder);
  const { founding } = replica.control;
  return {
    ...peerOf(replica, network, []),
    async admit(card): Promise<Ticket> {
      await admit(replica, parseHex(String(card['key'])) ?? new Uint8Array());
      const admission: Admission = {
        entries: replica.controlEntries(),
        founding: {
          ownerKey: toHex(founding.ownerKey),
          nonce: toHex(founding.nonce),
          recoveryHash: toHex(founding.recoveryHash),
        },
        host: { key: toHex(device.publicKey), addresses: network.addresses() },
      };
      return { ...admission };
    },
  };
}

async function openNext(folder: string, device: SigningKey, ticket: Admission): Promise<SyncPeer> {
  const { founding, host } = ticket;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const storage = new NodeStorageFolder(folder);
  const replica = await openJoined({
    environment: nodeEnvironment(),
    folder: storage,
    file: storage.open(LOG_NAME),
    deviceSigner: device,
    entries: ticket.entries,
    founding: {
      ownerKey: bytesOf(founding.ownerKey),
      nonce: bytesOf(founding.nonce),
      recoveryHash: bytesOf(founding.recoveryHash),
    },
  });
  const network = await startNetwork(device, folder);
  return peerOf(replica, network, [{ key: bytesOf(host.key), addresses: host.addresses }]);
}

function peerOf(replica: SandboxReplica, network: PeerNetwork, known: readonly KnownPeer[]): SyncPeer {
  void replica.events.next('change').then(optimiseSoon);
  // alive from the start, so that what arrives shows in it at once
  for (const name of Object.values(DOCUMENTS)) replica.document(name);
  return {
    doc: (content) => replica.document(DOCUMENTS[content]),
    edit(content, change) {
      // the workload looks at the other side; a failure here ends the process and so the case
      void replica.edit(DOCUMENTS[content], change);
    },
    onReplaced: (listener) => void replica.events.on('reset', listener),
    async checkpoint() {
      await replica.makeCheckpoint();
    },
    async connect() {
      await network.openSandbox(replica, { addressFile: undefined, known });
    },
    async disconnect() {
      network.closeSandbox(replica.sandbox);
      // Cuts the connections too, as a lost network would; the same port again, so that the address stays good.
      await network.stop();
      await network.start();
    },
  };
}

async function startNetwork(device: SigningKey, folder: string): Promise<PeerNetwork> {
  const network = new PeerNetwork({
    deviceKey: device,
    portFile: path.join(folder, 'port'),
    crypto: new NodeCrypto(),
    onCall: () => Promise.reject(new Error('the bench calls nothing')),
  });
  await network.start();
  return network;
}

async function admit(owner: SandboxReplica, deviceKey: Uint8Array): Promise<void> {
  const { authority } = owner;
  if (authority === undefined) throw new Error('Only the first peer admits');
  const invite = createSigningKey();
  const record = await authority.createInvite({
    publicKey: invite.publicKey,
    role: 'editor',
    uses: 1,
    expiresAt: Date.now() + 3_600_000,
    approval: false,
  });
  await authority.grant({ invite: record.publicKey, deviceKey, name: 'next', role: 'editor' });
}

function bytesOf(hex: string): Uint8Array {
  const bytes = parseHex(hex);
  if (bytes === undefined) throw new TypeError(`Not hex: ${hex}`);
  return bytes;
}
