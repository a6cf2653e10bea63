/**
 * The chain that this daemon writes at present. No slot of a chain may be used twice: wherever that cannot be told for
 * certain, the next one is begun.
 */

import { clientIdOf } from '#shared/documents/client-id.ts';
import { newIncarnation } from '../environment.ts';
import type { SandboxReplicaParts } from '../replica-parts.ts';
import { Chain } from './chain.ts';
import { OwnChain, type OwnChainParts } from './own-chain.ts';

export class CurrentChain {
  readonly #parts: SandboxReplicaParts;
  #own: OwnChain;

  constructor(parts: SandboxReplicaParts) {
    this.#parts = parts;
    this.#own = this.open(this.#first(parts.incarnation), 'everything');
  }

  get own(): OwnChain {
    return this.#own;
  }

  get clientId(): number {
    return clientIdOf(this.#parts.self, this.#own.chain.incarnation);
  }

  /** Something of the chain we write: a copy of this replica has written it, or we did and our log was rolled back. */
  includes({ member, incarnation }: { readonly member: number; readonly incarnation: number }): boolean {
    return member === this.#parts.self && incarnation === this.#own.chain.incarnation;
  }

  /** For writing any chain of this member. */
  open(chain: Chain, sees: OwnChainParts['sees']): OwnChain {
    const { control, deviceSigner, environment, chains, lineIds } = this.#parts;
    const { crypto } = environment;
    return new OwnChain({ sandbox: control.sandbox, chain, signer: deviceSigner, crypto, chains, lineIds, sees });
  }

  /** After chains were made up anew: goes on with ours if it stands as it was, else with a new one. */
  resume(): void {
    const { chains, self } = this.#parts;
    const { incarnation, seq } = this.#own.chain;
    const chain = chains.get(self, incarnation) ?? new Chain(self, incarnation);
    if (chain.seq === seq && !chains.isForked(chain)) this.#own = this.open(chain, 'everything');
    else this.begin();
  }

  /** Leaves the chain for a new one. */
  begin(): void {
    const { self, environment, documents } = this.#parts;
    this.#own = this.open(new Chain(self, newIncarnation(environment)), 'everything');
    documents.rename();
  }

  /** An incarnation that our log knows already is gone on with: it is ours. */
  #first(incarnation: number): Chain {
    const { chains, self, environment } = this.#parts;
    const known = chains.get(self, incarnation);
    if (known !== undefined && !chains.isForked(known)) return known;
    return new Chain(self, known === undefined ? incarnation : newIncarnation(environment));
  }
}
