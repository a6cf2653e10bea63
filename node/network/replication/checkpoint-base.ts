/**
 * What a checkpoint puts in the place of envelopes: chains that begin at their heads there, and documents that begin
 * with its content.
 */

import type { CheckpointChain, CheckpointManifest } from '#protocol/checkpoint.ts';
import { chainKey } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';
import { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import type { DocumentBase } from './document-state.ts';
import type { DocumentStore } from './document-store.ts';
import { Knowledge } from './knowledge.ts';

/** Fills empty chains and documents from a checkpoint. */
export function installCheckpoint(checkpoint: CheckpointFile, chains: ChainStore, documents: DocumentStore): void {
  const { manifest } = checkpoint;
  const restored = manifest.chains.map((index) => Chain.restore(index));
  for (const [i, chain] of restored.entries()) {
    chain.baseKnowledge = seenBy(manifest.chains[i] as CheckpointChain, restored);
    chain.knowledge.absorb(chain.baseKnowledge);
    chains.add(chain);
  }
  for (const [name, base] of documentBases(checkpoint)) documents.restore(name, base);
}

/** What a chain had seen at its head in a checkpoint. @param lines the chains, in the checkpoint's order */
export function seenBy({ seen }: CheckpointChain, lines: readonly (Chain | undefined)[]): Knowledge {
  const knowledge = Knowledge.none();
  for (const [other, seq] of seen) knowledge.declare({ chain: lines[other] as Chain, seq });
  return knowledge;
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

/** Head of each chain in a checkpoint, by chain. */
export function headsOf(manifest: CheckpointManifest): Map<string, number> {
  return new Map(manifest.chains.map(({ member, incarnation, seq }) => [chainKey(member, incarnation), seq]));
}
