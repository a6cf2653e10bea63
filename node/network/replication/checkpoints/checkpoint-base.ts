/**
 * What a checkpoint puts in the place of envelopes: chains that begin at their heads there, and documents that begin
 * with its content.
 */

import type { CheckpointChain, CheckpointManifest } from '#protocol/checkpoint.ts';
import { chainKey, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';
import { Chain, type SeenStep } from '../chains/chain.ts';
import type { ChainStore } from '../chains/chain-store.ts';
import type { DocumentBase } from '../documents/document-state.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import type { CheckpointFile } from './checkpoint-file.ts';

/** Fills empty chains and documents from a checkpoint. */
export function installCheckpoint(checkpoint: CheckpointFile, chains: ChainStore, documents: DocumentStore): void {
  const { manifest } = checkpoint;
  const restored = manifest.chains.map((index) => Chain.restore(index));
  for (const [i, chain] of restored.entries()) {
    chain.remember(seenBy(manifest.chains[i] as CheckpointChain, restored));
    chain.knowledge.absorb(chain.seenAt(chain.base));
    chains.add(chain);
  }
  for (const [name, base] of documentBases(checkpoint)) documents.restore(name, base);
}

/** What a chain had seen by and by, up to its head in a checkpoint. @param lines the chains, in the checkpoint's order */
export function seenBy({ seen }: CheckpointChain, lines: readonly (Chain | undefined)[]): SeenStep[] {
  return seen.map(([at, other, seq]) => ({ at, point: { chain: lines[other] as Chain, seq } }));
}

/** The documents of a checkpoint, each read when it is asked for. */
export function documentBases(checkpoint: CheckpointFile): Map<DocumentName, DocumentBase> {
  const writers = new Map<DocumentName, Set<MemberId>>();
  for (const { member, clocks } of checkpoint.manifest.chains) {
    for (const [name] of clocks) {
      const known = writers.get(name);
      if (known === undefined) writers.set(name, new Set([member]));
      else known.add(member);
    }
  }
  const bases = new Map<DocumentName, DocumentBase>();
  for (const { name } of checkpoint.manifest.documents) {
    const load = (): ReturnType<DocumentBase['load']> => checkpoint.segment(name);
    const take = (): ReturnType<DocumentBase['take']> => checkpoint.take(name);
    bases.set(name, { blob: checkpoint.name, writers: writers.get(name) ?? new Set(), load, take });
  }
  return bases;
}

/** Says of an envelope, by its chain's key, its seq and the hash of its header or the start of it, whether it is in a checkpoint. */
export function includedIn(manifest: CheckpointManifest): (key: string, seq: number, hash: Uint8Array) => boolean {
  const chains = new Map(manifest.chains.map((chain) => [chainKey(chain.member, chain.incarnation), chain]));
  return (key, seq, hash) => {
    const chain = chains.get(key);
    if (chain === undefined || seq > chain.seq) return false;
    const included = chain.shortHashes.subarray((seq - 1) * SHORT_HASH_BYTES, seq * SHORT_HASH_BYTES);
    return equalBytes(included, hash.subarray(0, SHORT_HASH_BYTES));
  };
}
