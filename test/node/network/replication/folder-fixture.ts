/** A sandbox whose replicas keep their storage in folders in memory, so that they make and take checkpoints. */

import { randomBytes } from 'node:crypto';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox, type OpenedReplica, openJoined, openSandbox } from '#node/network/replication/open-replica.ts';
import type { CheckpointEvent } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { signerFromSeed } from '#node/security/crypto.ts';
import { type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { MemoryFolder } from '../../storage/memory-folder.ts';
import { admit, newSigner } from './sandbox-fixture.ts';

export class FolderNode {
  replica: SandboxReplica;
  readonly signer: Signer;
  readonly controlSigner: ControlSigner | undefined;
  folder: MemoryFolder;
  /** What became of checkpoints here. */
  readonly outcomes: string[] = [];
  readonly events: CheckpointEvent[] = [];

  constructor(replica: SandboxReplica, signer: Signer, folder: MemoryFolder, controlSigner?: ControlSigner) {
    this.replica = replica;
    this.signer = signer;
    this.folder = folder;
    this.controlSigner = controlSigner;
    this.#listen();
  }

  /** Stops the replica and opens what lies in a folder. */
  async reopen(folder = this.folder): Promise<OpenedReplica> {
    const { sandbox } = this.replica;
    await this.replica.stop();
    this.folder = folder;
    const opened = await openFolder(folder, sandbox, this.signer, this.controlSigner);
    this.replica = opened.replica;
    this.#listen();
    return opened;
  }

  /** Bytes of the log. */
  get logBytes(): number {
    return this.folder.size(LOG_NAME) ?? 0;
  }

  blobs(): readonly string[] {
    return this.folder.folder('blobs').list();
  }

  #listen(): void {
    this.replica.events.on('checkpoint', (event) => {
      this.events.push(event);
      this.outcomes.push(event.outcome === 'failed' ? event.error.message : event.outcome);
    });
  }
}

export interface FolderFixture {
  readonly owner: FolderNode;
  readonly nodes: FolderNode[];
  join(role: Role): Promise<FolderNode>;
}

/** Founds a sandbox, runs `body`, and stops every replica. */
export async function withFolders(body: (fixture: FolderFixture) => Promise<void>): Promise<void> {
  const environment = nodeEnvironment();
  const seed = new Uint8Array(randomBytes(32));
  const controlSigner = await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
  const signer = newSigner();
  const folder = new MemoryFolder();
  const replica = await createSandbox({
    environment,
    folder,
    file: folder.open(LOG_NAME),
    deviceSigner: signer,
    controlSigner,
    recoveryHash: new Uint8Array(randomBytes(32)),
    name: 'shop',
    deviceName: 'ada',
  });
  await folder.sync();
  const owner = new FolderNode(replica, signer, folder, controlSigner);
  const nodes = [owner];
  const join = async (role: Role): Promise<FolderNode> => {
    const joiner = newSigner();
    await admit(owner.replica, joiner.publicKey, role);
    const place = new MemoryFolder();
    const joined = await openJoined({
      environment,
      folder: place,
      file: place.open(LOG_NAME),
      deviceSigner: joiner,
      entries: owner.replica.controlEntries(),
      founding: owner.replica.control.founding,
    });
    await place.sync();
    const node = new FolderNode(joined, joiner, place);
    nodes.push(node);
    return node;
  };
  try {
    await body({ owner, nodes, join });
  } finally {
    for (const node of nodes) await node.replica.stop();
  }
}

export function openFolder(
  folder: MemoryFolder,
  sandbox: SandboxId,
  deviceSigner: Signer,
  controlSigner?: ControlSigner,
): Promise<OpenedReplica> {
  return openSandbox({
    environment: nodeEnvironment(),
    folder,
    file: folder.open(LOG_NAME),
    deviceSigner,
    sandbox,
    ...(controlSigner === undefined ? {} : { controlSigner }),
  });
}
