/**
 * The system's keyring: keeps a short secret of this user, open while the user is logged in. One file per system; only
 * `linux.ts` was run for real, the other two are tested on recorded output.
 */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';

export const KEYRING_KINDS = ['secret-service', 'keychain', 'dpapi'] as const;

/** Where a secret lies: kept beside what it opens, worth nothing without the keyring. */
export const keyringPlaceSchema = z.strictObject({
  kind: z.enum(KEYRING_KINDS),
  /** The name of an entry; with DPAPI, which stores nothing, the secret as only this user can decrypt it. */
  entry: z.string().regex(/^[A-Za-z0-9+/=_-]{1,2000}$/),
});
export type KeyringPlace = z.infer<typeof keyringPlaceSchema>;

export interface Keyring {
  readonly kind: KeyringPlace['kind'];
  /**
   * @param entry a name of {@link newEntry}; @param label what a person sees who looks through the keyring
   * @param secret of letters, digits, `-` and `_`
   * @throws {SandboxError} KEYRING_UNAVAILABLE
   */
  store(entry: string, label: string, secret: string): Promise<KeyringPlace>;
  /** @throws {SandboxError} KEYRING_UNAVAILABLE, also when there is no such entry */
  read(place: KeyringPlace): Promise<string>;
  /** Harmless for an entry that is not there. @throws {SandboxError} KEYRING_UNAVAILABLE */
  forget(place: KeyringPlace): Promise<void>;
}

/** All entries are this program's. */
export const SERVICE = 'sandmesh';

export function unavailable(what: string, why: string): SandboxError {
  return new SandboxError('KEYRING_UNAVAILABLE', `Cannot ${what} the keyring: ${why}`, {
    hint: 'Log in to a desktop session, or keep the key under a passphrase: sandmesh key protect.',
  });
}

/** @throws {SandboxError} KEYRING_UNAVAILABLE for a place in another system's keyring */
export function assertKind(keyring: Pick<Keyring, 'kind'>, place: KeyringPlace): void {
  if (place.kind !== keyring.kind) throw unavailable('read', `the secret lies in another system's (${place.kind})`);
}
