/** The keys at one home that sign control logs, each signature noted as lawful. */

import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { ControlEntry, ControlSigner } from '#protocol/control-entry.ts';
import { toHex } from '#shared/bytes.ts';
import type { World } from './world.ts';

export class ControlKeys {
  readonly #world: World;
  /** At a home of the owner: signs the owner's log. */
  #owner: ControlSigner | undefined;
  readonly #signed = new Set<string>();
  /** Signs a control log of its own, should the owner make it a delegate. */
  #delegate: ControlSigner | undefined;

  constructor(world: World, owner: ControlSigner | undefined) {
    this.#world = world;
    this.#owner = owner;
  }

  get owner(): ControlSigner | undefined {
    return this.#owner;
  }

  /** Whether this entry was signed at this home. */
  haveSigned(text: string): boolean {
    return this.#signed.has(text);
  }

  /** What a replica is opened with. */
  part(): { controlSigner: ControlSigner } | Record<string, never> {
    return this.#owner === undefined ? {} : { controlSigner: this.noting(this.#owner) };
  }

  /** Takes the key of a control log of its own along from now on. */
  keepLog(signer: ControlSigner, replica: SandboxReplica | undefined): void {
    this.#delegate = signer;
    replica?.adoptDelegateKey(this.noting(signer));
  }

  /** A replica was opened: it gets the keys that its logs name, then and whenever they name others. */
  follow(replica: SandboxReplica): void {
    if (this.#delegate !== undefined) replica.adoptDelegateKey(this.noting(this.#delegate));
    this.#followOwner(replica);
    replica.events.on('control', () => this.#followOwner(replica));
  }

  #followOwner(replica: SandboxReplica): void {
    const current = this.#owner;
    const named = this.#world.ownerKeys.get(toHex(replica.controlLog.state.ownerKey));
    if (current === undefined || named === undefined || named === current) return;
    this.#owner = named;
    replica.adoptOwnerKey(this.noting(named));
  }

  /** The same key; what it signs is known to be lawful. */
  noting(signer: ControlSigner): ControlSigner {
    const sign = async (entry: ControlEntry): Promise<string> => {
      const text = await signer.sign(entry);
      this.#world.signedEntries.add(text);
      this.#signed.add(text);
      return text;
    };
    return { publicKey: signer.publicKey, sign };
  }
}
