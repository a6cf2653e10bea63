/**
 * The control keys of one sandbox on this machine: the owner's, plain, under a passphrase or under a secret in the
 * system's keyring, the recovery key that can replace it, and the key of the log this member keeps should it be made a
 * delegate. Files in the sandbox's folder.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlEntry, type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import { equalBytes } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxReplica } from '../network/replication/sandbox-replica.ts';
import { loadKey, loadOrCreateKey, type SigningKey, signingKeyFromSeed } from '../security/identity.ts';
import { currentKeyring } from '../security/keyring/current.ts';
import type { Keyring } from '../security/keyring/keyring.ts';
import { openSeed, parseSealedSeed, type SealedSeed, sealSeed } from '../security/sealed-seed.ts';
import { writeFileAtomic } from '../storage/atomic-file.ts';
import { createPrivateFile, readPrivateFile } from '../storage/private-file.ts';

const OWNER = 'owner.key';
const SEALED_OWNER = 'owner.key.sealed';
const NEXT_OWNER = 'owner.next.key';
const RECOVERY = 'recovery.key';
const NEXT_RECOVERY = 'recovery.next.key';
const DELEGATE = 'delegate.key';
const MAX_SEALED_BYTES = 4096;

/** The owner's control key: signs while it is unlocked. */
class OwnerKey implements ControlSigner {
  readonly publicKey: Uint8Array;
  sealed: SealedSeed | undefined;
  #signer: ControlSigner | undefined;

  constructor(publicKey: Uint8Array, sealed?: SealedSeed) {
    this.publicKey = publicKey;
    this.sealed = sealed;
  }

  get locked(): boolean {
    return this.#signer === undefined;
  }

  async unlock(seed: Uint8Array): Promise<void> {
    this.#signer = await controlSignerFromSeed(seed, this.publicKey);
  }

  async sign(entry: ControlEntry): Promise<string> {
    if (this.#signer !== undefined) return await this.#signer.sign(entry);
    throw keyLocked(`sign "${entry.type}" for the sandbox`);
  }

  assertUnlocked(): void {
    if (this.locked) throw keyLocked('decide about members of the sandbox');
  }
}

/** What the owner's key is put under. */
export type Protection = { readonly passphrase: string } | { readonly keyring: true };

export class ControlKeys {
  #folder: string;
  readonly #keyring: Keyring;
  #owner: OwnerKey | undefined;

  constructor(folder: string, keyring: Keyring = currentKeyring()) {
    this.#folder = folder;
    this.#keyring = keyring;
  }

  /** The folder was renamed. */
  moveTo(folder: string): void {
    this.#folder = folder;
  }

  /** Makes the keys of a new sandbox. */
  async found(): Promise<{ owner: ControlSigner; recovery: SigningKey }> {
    const owner = await loadOrCreateKey(this.#path(OWNER));
    return { owner: await this.#takeOwner(owner), recovery: await loadOrCreateKey(this.#path(RECOVERY)) };
  }

  /**
   * The owner's key, if it lies here.
   *
   * @param passphrase unlocks a protected one; a wrong or missing one, or a keyring that is not to be had, leaves it locked
   */
  async owner(passphrase: string | undefined): Promise<ControlSigner | undefined> {
    const text = await readPrivateFile(this.#path(SEALED_OWNER), MAX_SEALED_BYTES);
    if (text === undefined) {
      const plain = await loadKey(this.#path(OWNER));
      return plain === undefined ? undefined : await this.#takeOwner(plain);
    }
    const sealed = parseSealedSeed(text, this.#path(SEALED_OWNER));
    const publicKey = new Uint8Array(Buffer.from(sealed.publicKey, 'hex'));
    const plain = await loadKey(this.#path(OWNER));
    if (plain !== undefined && !equalBytes(plain.publicKey, publicKey)) {
      // A crash came after a rotation had put its key here: the sealed one is that of before.
      await this.#dropSealed(sealed);
      return await this.#takeOwner(plain);
    }
    // A crash may have come between sealing it and this.
    rmSync(this.#path(OWNER), { force: true });
    this.#owner = new OwnerKey(publicKey, sealed);
    if (passphrase !== undefined || sealed.keyring !== undefined) await this.unlock(passphrase).catch(stayLocked);
    return this.#owner;
  }

  /**
   * @param passphrase not needed for a key whose secret lies in the keyring
   * @throws {SandboxError} UNAUTHENTICATED, KEYRING_UNAVAILABLE; BAD_ARGUMENT where no key is protected
   */
  async unlock(passphrase: string | undefined): Promise<void> {
    const owner = this.#owner;
    if (owner?.sealed === undefined) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot unlock the control key: no protected key lies here');
    }
    await owner.unlock(await this.#open(owner.sealed, passphrase));
  }

  /**
   * Puts the owner's key under something else, or takes that off.
   *
   * @param current the passphrase of now, where there is one that somebody knows
   * @param next undefined: kept plain, guarded by the file's mode alone
   * @throws {SandboxError} UNAUTHENTICATED, KEYRING_UNAVAILABLE; everything is as it was then
   */
  async protect(current: string | undefined, next: Protection | undefined): Promise<void> {
    const owner = this.#owner;
    if (owner === undefined) throw notHere('protect the control key');
    const seed = await this.#seedOf(owner, current);
    const before = owner.sealed;
    if (next === undefined) {
      await createPrivateFile(this.#path(OWNER), pemOf(seed));
      rmSync(this.#path(SEALED_OWNER), { force: true });
      owner.sealed = undefined;
    } else {
      const sealed = await this.#seal(seed, owner.publicKey, next);
      // Only what can be opened again may take the place of what can.
      await this.#open(sealed, 'passphrase' in next ? next.passphrase : undefined);
      writeFileAtomic(this.#path(SEALED_OWNER), `${JSON.stringify(sealed)}\n`);
      parseSealedSeed(readFileSync(this.#path(SEALED_OWNER), 'utf8'), SEALED_OWNER);
      rmSync(this.#path(OWNER), { force: true });
      owner.sealed = sealed;
    }
    await owner.unlock(seed);
    await this.#forget(before);
  }

  /** What the owner's key lies under. */
  get protection(): 'passphrase' | 'keyring' | 'none' {
    const sealed = this.#owner?.sealed;
    if (sealed === undefined) return 'none';
    return sealed.keyring === undefined ? 'passphrase' : 'keyring';
  }

  /** The keys are going to be deleted: nothing of them stays in the keyring. */
  async discard(): Promise<void> {
    await this.#forget(this.#owner?.sealed);
  }

  /** The key of this member's own control log, made when first asked for. */
  async delegate(): Promise<ControlSigner> {
    const { seed, publicKey } = await loadOrCreateKey(this.#path(DELEGATE));
    return await controlSignerFromSeed(seed, publicKey);
  }

  async storedDelegate(): Promise<ControlSigner | undefined> {
    const key = await loadKey(this.#path(DELEGATE));
    return key === undefined ? undefined : await controlSignerFromSeed(key.seed, key.publicKey);
  }

  /** @param file where the recovery key lies, if not with the sandbox. @throws {SandboxError} BAD_KEY */
  async recovery(file: string | undefined): Promise<SigningKey> {
    const path = file ?? this.#path(RECOVERY);
    const key = await loadKey(path);
    if (key !== undefined) return key;
    throw new SandboxError('BAD_KEY', `Cannot recover the sandbox: there is no recovery key at "${path}"`, {
      hint: 'Name the file with --file: whoever founded the sandbox has it.',
    });
  }

  /** Keys for a rotation; the same again if an earlier one was cut short. */
  async next(): Promise<{ owner: SigningKey; recovery: SigningKey }> {
    const owner = await loadOrCreateKey(this.#path(NEXT_OWNER));
    return { owner, recovery: await loadOrCreateKey(this.#path(NEXT_RECOVERY)) };
  }

  /**
   * Puts the keys of a rotation in the place of the old ones once the log says so.
   *
   * @returns the owner's signer, when there was something to do
   */
  async finishRotation(ownerKey: Uint8Array): Promise<ControlSigner | undefined> {
    const next = await loadKey(this.#path(NEXT_OWNER));
    if (next === undefined || !equalBytes(next.publicKey, ownerKey)) return undefined;
    const recovery = await loadKey(this.#path(NEXT_RECOVERY));
    if (recovery !== undefined) renameSync(this.#path(NEXT_RECOVERY), this.#path(RECOVERY));
    renameSync(this.#path(NEXT_OWNER), this.#path(OWNER));
    // It was protected; the new one is not yet.
    await this.#dropSealed(this.#owner?.sealed);
    return await this.#takeOwner(next);
  }

  /** Whether what decides about the sandbox, now or by a recovery, is kept in this folder. */
  get foundersLieHere(): boolean {
    return [OWNER, SEALED_OWNER, RECOVERY].some((name) => existsSync(this.#path(name)));
  }

  get recoveryFile(): string {
    return this.#path(RECOVERY);
  }

  async #takeOwner(key: SigningKey): Promise<ControlSigner> {
    this.#owner = new OwnerKey(key.publicKey);
    await this.#owner.unlock(key.seed);
    return this.#owner;
  }

  async #seedOf(owner: OwnerKey, passphrase: string | undefined): Promise<Uint8Array> {
    if (owner.sealed !== undefined) return await this.#open(owner.sealed, passphrase);
    const plain = await loadKey(this.#path(OWNER));
    if (plain === undefined) throw notHere('protect the control key');
    return plain.seed;
  }

  async #seal(seed: Uint8Array, publicKey: Uint8Array, under: Protection): Promise<SealedSeed> {
    if ('passphrase' in under) return await sealSeed(seed, publicKey, under.passphrase);
    const secret = randomBytes(32).toString('base64url');
    const key = Buffer.from(publicKey).toString('hex').slice(0, 16);
    // A name of its own each time: the entry of before stays whole until the file no longer needs it.
    const entry = `${key}-${randomBytes(4).toString('hex')}`;
    const place = await this.#keyring.store(entry, `sandmesh: control key ${key}`, secret);
    return await sealSeed(seed, publicKey, secret, place);
  }

  async #open(sealed: SealedSeed, passphrase: string | undefined): Promise<Uint8Array> {
    if (sealed.keyring !== undefined) return await openSeed(sealed, await this.#keyring.read(sealed.keyring));
    if (passphrase !== undefined) return await openSeed(sealed, passphrase);
    throw new SandboxError('UNAUTHENTICATED', 'Cannot open the control key: say the passphrase it has now');
  }

  async #dropSealed(sealed: SealedSeed | undefined): Promise<void> {
    rmSync(this.#path(SEALED_OWNER), { force: true });
    await this.#forget(sealed);
  }

  async #forget(sealed: SealedSeed | undefined): Promise<void> {
    // What is left opens nothing any more.
    if (sealed?.keyring !== undefined) await this.#keyring.forget(sealed.keyring).catch(() => undefined);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** Gives a replica the keys that lie with it: of an interrupted rotation, and of its own log. */
export async function adoptControlKeys(replica: SandboxReplica, keys: ControlKeys): Promise<void> {
  const rotated = await keys.finishRotation(replica.control.ownerKey);
  if (rotated !== undefined) replica.adoptOwnerKey(rotated);
  const delegate = await keys.storedDelegate();
  if (delegate !== undefined) replica.adoptDelegateKey(delegate);
}

function pemOf(seed: Uint8Array): string {
  return signingKeyFromSeed(seed).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function keyLocked(what: string): SandboxError {
  return new SandboxError('KEY_LOCKED', `Cannot ${what}: its control key is locked`, {
    hint: 'Unlock it with "sandmesh key unlock"; "sandmesh recover" replaces it when its passphrase is lost.',
  });
}

function notHere(what: string): SandboxError {
  return new SandboxError('FORBIDDEN', `Cannot ${what}: the owner's control key does not lie on this machine`);
}

/** The daemon opens the sandbox all the same: everything but signing works, and that says how to unlock. */
function stayLocked(error: unknown): void {
  const code = error instanceof SandboxError ? error.code : undefined;
  if (code !== 'UNAUTHENTICATED' && code !== 'KEYRING_UNAVAILABLE') throw error;
}
