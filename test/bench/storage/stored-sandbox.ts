/** Sandboxes on disk for the storage cases: written the way a daemon writes them, but without waiting for the disk. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as Y from 'yjs';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment, type ReplicaEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox, openSandbox } from '#node/network/replication/open-replica.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { signerFromSeed } from '#node/security/crypto.ts';
import { NodeStorageFolder } from '#node/storage/storage-folder.ts';
import { type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import { EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import type { SandboxId } from '#shared/ids.ts';

export interface StoredSandbox {
  readonly folder: NodeStorageFolder;
  readonly sandbox: SandboxId;
  readonly signer: Signer;
  readonly controlSigner: ControlSigner;
  readonly path: string;
}

/** Founds a sandbox in a folder. */
export async function found(
  path: string,
  environment: ReplicaEnvironment = nodeEnvironment(),
): Promise<StoredSandbox & { readonly replica: SandboxReplica }> {
  const seed = new Uint8Array(randomBytes(32));
  const controlSigner = await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
  const signer = signerFromSeed(new Uint8Array(randomBytes(32)));
  const folder = new NodeStorageFolder(path);
  const replica = await createSandbox({
    environment,
    folder,
    file: folder.open(LOG_NAME),
    deviceSigner: signer,
    controlSigner,
    recoveryHash: new Uint8Array(randomBytes(32)),
    name: 'bench',
    deviceName: 'ada',
  });
  return { folder, sandbox: replica.sandbox, signer, controlSigner, path, replica };
}

export async function reopen(stored: StoredSandbox): Promise<SandboxReplica> {
  const { folder, signer, controlSigner, sandbox } = stored;
  const file = folder.open(LOG_NAME);
  const environment = nodeEnvironment();
  return (await openSandbox({ environment, folder, file, deviceSigner: signer, controlSigner, sandbox })).replica;
}

/** Envelopes of one chain of member 1, each setting one of 1,000 records, as another daemon would have sent them. */
export function* envelopes(stored: StoredSandbox, count: number): Generator<Uint8Array> {
  const { crypto } = nodeEnvironment();
  const incarnation = 7;
  const doc = new Y.Doc();
  doc.clientID = 2 ** 32 + incarnation;
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const map = doc.getMap<unknown>('breakpoints');
  let previous: Uint8Array = new Uint8Array(0);
  for (let seq = 1; seq <= count; seq++) {
    map.set(`src/file-${seq % 1000}.ts:12`, { line: seq, enabled: true });
    const fields = {
      sandbox: stored.sandbox,
      member: 1 as never,
      incarnation,
      seq,
      previous,
      control: [1],
      deps: [],
      document: 'debug',
      kind: EnvelopeKind.update,
      clock: seq - 1,
    };
    const { bytes, envelope } = sealEnvelope(fields, updates.pop() as Uint8Array, stored.signer, crypto);
    previous = envelope.hash;
    yield bytes;
  }
}

export function logPath(stored: StoredSandbox): string {
  return join(stored.path, LOG_NAME);
}
