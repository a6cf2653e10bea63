/**
 * A sandbox on this machine's disk: founded, reopened, or adopted after joining. One folder each, 0700:
 * `sandbox.log` and `blobs/` (replication's), control keys (`control-keys.ts`), `local.json`, `consents.json`.
 */

import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Signer } from '#protocol/crypto.ts';
import type { SandboxFounding } from '#protocol/sandbox-id.ts';
import { SandboxError } from '#shared/errors.ts';
import { isSandboxId, type SandboxId } from '#shared/ids.ts';
import { LOG_NAME } from '../network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment } from '../network/replication/environment.ts';
import { createSandbox, openJoined, openSandbox } from '../network/replication/open-replica.ts';
import type { SandboxReplica } from '../network/replication/sandbox-replica.ts';
import type { SigningKey } from '../security/identity.ts';
import type { Home } from '../storage/home.ts';
import { makeHomeFolder } from '../storage/make-folder.ts';
import { NodeStorageFolder } from '../storage/storage-folder.ts';
import { adoptControlKeys, ControlKeys } from './control-keys.ts';
import { type LocalRecord, readLocalRecord, writeLocalRecord } from './local-record.ts';

export interface StoredSandbox {
  readonly replica: SandboxReplica;
  readonly record: LocalRecord;
  /** Bytes of its log that had rotted and were set aside. */
  readonly damagedBytes?: number;
}

export class SandboxFolders {
  readonly #home: Home;
  readonly #device: SigningKey;
  readonly #passphrase: string | undefined;
  readonly #keys = new Map<SandboxId, ControlKeys>();

  /** @param passphrase unlocks control keys that are kept under it */
  constructor(home: Home, device: SigningKey, passphrase?: string) {
    this.#home = home;
    this.#device = device;
    this.#passphrase = passphrase;
  }

  /** The control keys that lie with a sandbox. */
  keys(id: SandboxId): ControlKeys {
    const known = this.#keys.get(id) ?? new ControlKeys(this.path(id));
    this.#keys.set(id, known);
    return known;
  }

  /** Sandboxes with a finished folder here. */
  list(): SandboxId[] {
    return readdirSync(this.#home.sandboxesDir).filter(isSandboxId);
  }

  path(id: SandboxId): string {
    return this.#home.sandboxDir(id);
  }

  /** Who may reach it, without opening it; undefined when that cannot be read. */
  reach(id: SandboxId): LocalRecord['reach'] | undefined {
    try {
      return readLocalRecord(this.path(id))?.reach;
    } catch {
      // Opening it says why.
      return undefined;
    }
  }

  /** Founds a sandbox; it is durable when this resolves. A crash before leaves only a draft that is cleaned up. */
  async found(name: string, memberName: string, folder: string | undefined): Promise<StoredSandbox> {
    const draft = this.#draft();
    const keys = new ControlKeys(draft);
    const { owner, recovery } = await keys.found();
    const environment = nodeEnvironment();
    const storage = new NodeStorageFolder(draft);
    const replica = await createSandbox({
      environment,
      folder: storage,
      file: storage.open(LOG_NAME),
      deviceSigner: signerOf(this.#device),
      controlSigner: owner,
      recoveryHash: environment.crypto.sha256(recovery.publicKey),
      name,
      deviceName: memberName,
    });
    return this.#settle({ draft, storage, keys }, replica, { name, folder, reach: 'loopback' });
  }

  /** Makes the folder of a sandbox this device was just admitted to. */
  async adopt(
    entries: readonly string[],
    founding: SandboxFounding,
    options: { folder: string | undefined },
  ): Promise<StoredSandbox> {
    const draft = this.#draft();
    const storage = new NodeStorageFolder(draft);
    const replica = await openJoined({
      environment: nodeEnvironment(),
      folder: storage,
      file: storage.open(LOG_NAME),
      deviceSigner: signerOf(this.#device),
      entries,
      founding,
    });
    const known = { name: replica.control.name, folder: options.folder, reach: 'loopback' } as const;
    return this.#settle({ draft, storage, keys: new ControlKeys(draft) }, replica, known);
  }

  /** @throws {SandboxError} SANDBOX_UNKNOWN, STORAGE_CORRUPT */
  async open(id: SandboxId): Promise<StoredSandbox> {
    const folder = this.path(id);
    const record = readLocalRecord(folder);
    if (record === undefined) {
      throw new SandboxError('SANDBOX_UNKNOWN', `Cannot open the sandbox "${id}": it is not on this machine`, {
        hint: 'List what is here with "sandmesh status".',
      });
    }
    const keys = this.keys(id);
    const owner = await keys.owner(this.#passphrase);
    const storage = new NodeStorageFolder(folder);
    const { replica, damagedBytes } = await openSandbox({
      environment: nodeEnvironment(),
      folder: storage,
      file: storage.open(LOG_NAME),
      deviceSigner: signerOf(this.#device),
      sandbox: id,
      ...(owner === undefined ? {} : { controlSigner: owner }),
    }).catch((error: unknown) => {
      throw withWayOut(error, folder);
    });
    await adoptControlKeys(replica, keys);
    return { replica, record, damagedBytes };
  }

  /**
   * Forgets a sandbox: its keys and data on this machine are gone for good.
   *
   * @param kept its folder went into an archive: what the keyring has of its key stays, or the key in there never opens
   */
  async remove(id: SandboxId, { kept = false } = {}): Promise<void> {
    if (!kept) await this.#keys.get(id)?.discard();
    this.#keys.delete(id);
    rmSync(this.path(id), { recursive: true, force: true });
  }

  #draft(): string {
    const draft = join(this.#home.sandboxesDir, `.draft-${randomBytes(6).toString('hex')}`);
    makeHomeFolder(draft);
    return draft;
  }

  #settle(
    { draft, storage, keys }: { draft: string; storage: NodeStorageFolder; keys: ControlKeys },
    replica: SandboxReplica,
    known: { name: string; folder: string | undefined; reach: LocalRecord['reach'] },
  ): StoredSandbox {
    const record: LocalRecord = {
      version: 1,
      name: known.name,
      ...(known.folder === undefined ? {} : { folder: known.folder }),
      reach: known.reach,
      invites: [],
    };
    writeLocalRecord(draft, record);
    // The rename is what makes it exist: before it, a crash leaves nothing that looks like a sandbox.
    renameSync(draft, this.path(replica.sandbox));
    storage.movedTo(this.path(replica.sandbox));
    keys.moveTo(this.path(replica.sandbox));
    this.#keys.set(replica.sandbox, keys);
    return { replica, record };
  }
}

/** What cannot be opened cannot be left either. */
function withWayOut(error: unknown, folder: string): unknown {
  if (!(error instanceof SandboxError) || error.code !== 'STORAGE_CORRUPT' || error.hint !== undefined) return error;
  return new SandboxError(error.code, error.message, {
    hint: `Move "${folder}" away; then "sandmesh import" an export, or join by a new link.`,
    cause: error,
  });
}

function signerOf(key: SigningKey): Signer {
  return { publicKey: key.publicKey, sign: (message) => key.sign(message) };
}
