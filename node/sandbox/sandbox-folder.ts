/**
 * A sandbox on this machine's disk: founded, reopened, or adopted after joining. One folder each, 0700:
 * `sandbox.log` (replication's), `owner.key` and `recovery.key` (only at the owner), `local.json`, `consents.json`.
 */

import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { SandboxFounding } from '#protocol/sandbox-id.ts';
import { SandboxError } from '#shared/errors.ts';
import { isSandboxId, type SandboxId } from '#shared/ids.ts';
import { nodeEnvironment } from '../network/replication/environment.ts';
import { createSandbox, openJoined, openSandbox } from '../network/replication/open-replica.ts';
import type { SandboxReplica } from '../network/replication/sandbox-replica.ts';
import { loadKey, loadOrCreateKey, type SigningKey } from '../security/identity.ts';
import type { Home } from '../storage/home.ts';
import { openLogFile } from '../storage/log-file.ts';
import { makeFolder } from '../storage/make-folder.ts';
import { type LocalRecord, readLocalRecord, writeLocalRecord } from './local-record.ts';

const LOG_NAME = 'sandbox.log';
const OWNER_KEY = 'owner.key';
/** The key that can replace the owner's: the owner moves it to a safe place. */
const RECOVERY_KEY = 'recovery.key';

export interface StoredSandbox {
  readonly replica: SandboxReplica;
  readonly record: LocalRecord;
}

export class SandboxFolders {
  readonly #home: Home;
  readonly #device: SigningKey;

  constructor(home: Home, device: SigningKey) {
    this.#home = home;
    this.#device = device;
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
    const owner = await loadOrCreateKey(join(draft, OWNER_KEY));
    const recovery = await loadOrCreateKey(join(draft, RECOVERY_KEY));
    const environment = nodeEnvironment();
    const replica = await createSandbox({
      environment,
      file: openLogFile(join(draft, LOG_NAME)),
      deviceSigner: signerOf(this.#device),
      controlSigner: await controlSignerFromSeed(owner.seed, owner.publicKey),
      recoveryHash: environment.crypto.sha256(recovery.publicKey),
      name,
      deviceName: memberName,
    });
    return this.#settle(draft, replica, { name, folder, reach: 'loopback' });
  }

  /** Makes the folder of a sandbox this device was just admitted to. */
  async adopt(
    entries: readonly string[],
    founding: SandboxFounding,
    options: { folder: string | undefined },
  ): Promise<StoredSandbox> {
    const draft = this.#draft();
    const replica = await openJoined({
      environment: nodeEnvironment(),
      file: openLogFile(join(draft, LOG_NAME)),
      deviceSigner: signerOf(this.#device),
      entries,
      founding,
    });
    return this.#settle(draft, replica, { name: replica.control.name, folder: options.folder, reach: 'loopback' });
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
    const owner = await loadKey(join(folder, OWNER_KEY));
    const { replica } = await openSandbox({
      environment: nodeEnvironment(),
      file: openLogFile(join(folder, LOG_NAME)),
      deviceSigner: signerOf(this.#device),
      sandbox: id,
      ...(owner === undefined ? {} : { controlSigner: await controlSignerFromSeed(owner.seed, owner.publicKey) }),
    });
    return { replica, record };
  }

  /** Forgets a sandbox: its keys and data on this machine are gone for good. */
  remove(id: SandboxId): void {
    rmSync(this.path(id), { recursive: true, force: true });
  }

  #draft(): string {
    const draft = join(this.#home.sandboxesDir, `.draft-${randomBytes(6).toString('hex')}`);
    makeFolder(draft);
    return draft;
  }

  #settle(
    draft: string,
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
    return { replica, record };
  }
}

function signerOf(key: SigningKey): Signer {
  return { publicKey: key.publicKey, sign: (message) => key.sign(message) };
}
