/**
 * Makes a checkpoint of what is accepted here, at given heads. The order of application follows from the envelopes
 * alone, so that members who hold the same make the same bytes wherever garbage collection lets them.
 */

import * as Y from 'yjs';
import {
  type CheckpointChain,
  type CheckpointDocument,
  type CheckpointManifest,
  encodeCheckpointStart,
  type SeenInCheckpoint,
} from '#protocol/checkpoint.ts';
import { type DocumentSegment, encodeSegment } from '#protocol/checkpoint-segment.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { type ControlPosition, chainKey, compareChains, type Envelope } from '#protocol/envelope.ts';
import { buildDoc } from '#shared/documents/build-doc.ts';
import { encodeCanonicalDoc, encodeCanonicalRegisters } from '#shared/documents/canonical-content.ts';
import { chainOfClient } from '#shared/documents/client-id.ts';
import { classifyDocument } from '#shared/documents/document-name.ts';
import { RegisterTable } from '#shared/documents/register-table.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Chain } from '../chains/chain.ts';
import type { ChainStore } from '../chains/chain-store.ts';
import type { DocumentState, StoredEnvelope } from '../documents/document-state.ts';
import { applyRegisters, type DocumentStore } from '../documents/document-store.ts';

/** Envelopes applied before other work gets its turn. */
const TURN_ENVELOPES = 200;

export interface CheckpointParts {
  readonly sandbox: SandboxId;
  readonly crypto: Crypto;
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  /** What the chains here begin with. */
  readonly base: CheckpointManifest | undefined;
  load(position: number): Envelope;
  /** Lets other work run. */
  pause(): Promise<void>;
}

/** Heads by chain key: what to include. */
export type CheckpointHeads = ReadonlyMap<string, number>;

export interface BuiltCheckpoint {
  readonly manifest: CheckpointManifest;
  /** The blob: start, then a segment per document. */
  readonly parts: readonly Uint8Array[];
}

/**
 * @param heads every chain has come at least so far, the base no farther
 * @param position the control logs under which the envelopes were judged
 */
export async function buildCheckpoint(
  parts: CheckpointParts,
  heads: CheckpointHeads,
  position: ControlPosition,
): Promise<BuiltCheckpoint> {
  return await new CheckpointBuilder(parts, heads).build(position);
}

class CheckpointBuilder {
  readonly #parts: CheckpointParts;
  readonly #chains: Chain[];
  /** Place among the chains, by key. */
  readonly #order: ReadonlyMap<string, number>;
  readonly #heads: CheckpointHeads;
  /** Accepted after the heads. */
  readonly #beyond = new Set<number>();
  /** What each chain had seen, and when: at, key, seq. */
  readonly #seen: [at: number, key: string, seq: number][][];
  readonly #hashes: Uint8Array[];
  #turn = 0;

  constructor(parts: CheckpointParts, heads: CheckpointHeads) {
    this.#parts = parts;
    this.#heads = heads;
    this.#chains = [...parts.chains.all()].filter((chain) => heads.has(chain.key)).sort(compareChains);
    this.#order = new Map(this.#chains.map(({ key }, i) => [key, i]));
    for (const chain of parts.chains.all()) {
      const included = Math.max(0, (heads.get(chain.key) ?? 0) - chain.base);
      for (const position of chain.positions().slice(included)) this.#beyond.add(position);
    }
    const base = new Map(parts.base?.chains.map((chain) => [keyOf(chain), chain]));
    this.#seen = this.#chains.map(({ key }) => {
      const seen = base.get(key)?.seen ?? [];
      return seen.map(([at, other, seq]) => [at, keyOf(parts.base?.chains[other] as CheckpointChain), seq]);
    });
    this.#hashes = this.#chains.map(({ key }) => base.get(key)?.hash ?? new Uint8Array(0));
  }

  async build(position: ControlPosition): Promise<BuiltCheckpoint> {
    const index = this.#chains.map((chain) => chain.index(this.#heads.get(chain.key) as number));
    const documents: CheckpointDocument[] = [];
    const segments: Uint8Array[] = [];
    for (const { state, stored } of this.#select()) {
      const { content, segment } = await this.#document(state, stored);
      const bytes = encodeSegment(segment);
      documents.push({ name: state.name, contentHash: this.#parts.crypto.sha256(content), bytes: bytes.length });
      segments.push(bytes);
    }
    const chains = index.map((chain, i): CheckpointChain => {
      const seen = (this.#seen[i] ?? []).map(([at, key, seq]): SeenInCheckpoint => {
        return [at, this.#order.get(key) as number, seq];
      });
      return { ...chain, hash: this.#hashes[i] as Uint8Array, seen: inOrder(seen) };
    });
    const manifest = { sandbox: this.#parts.sandbox, position: [...position], chains, documents };
    return { manifest, parts: [encodeCheckpointStart(manifest), ...segments] };
  }

  /** Documents with content at the heads, as they stand now: what is accepted while they are built is beyond. */
  #select(): { state: DocumentState; stored: StoredEnvelope[] }[] {
    const selected = [...this.#parts.documents.all()].map((state) => {
      return { state, stored: state.envelopes.filter(({ position }) => !this.#beyond.has(position)) };
    });
    return selected
      .filter(({ state, stored }) => state.base !== undefined || stored.length > 0)
      .sort((a, b) => (a.state.name < b.state.name ? -1 : 1));
  }

  async #document(
    state: DocumentState,
    stored: readonly StoredEnvelope[],
  ): Promise<{ content: Uint8Array; segment: DocumentSegment }> {
    const base = state.base?.load();
    if (classifyDocument(state.name)?.kind === 'registers') {
      const table = new RegisterTable();
      if (base?.kind === 'registers') table.restore(base.rows);
      await this.#replay(stored, (envelope, entry) => applyRegisters(table, envelope, entry));
      const rows = table.rows();
      return { content: encodeCanonicalRegisters(rows), segment: { kind: 'registers', rows } };
    }
    const depths = state.depths.runs((client) => this.#clock(client, state.name));
    const doc = base?.kind === 'crdt' ? buildDoc(base.state) : new Y.Doc();
    await this.#replay(stored, (envelope, entry) => this.#parts.documents.applyTo(doc, envelope, entry));
    const content = encodeCanonicalDoc(doc);
    const segment = { kind: 'crdt', depths, state: Y.encodeStateAsUpdate(doc) } as const;
    doc.destroy();
    return { content, segment };
  }

  /** Applies envelopes in an order that is causal and the same everywhere: Lamport time, then chain. */
  async #replay(
    stored: readonly StoredEnvelope[],
    apply: (envelope: Envelope, entry: StoredEnvelope) => void,
  ): Promise<void> {
    const queue = stored.toSorted((a, b) => a.lamport - b.lamport);
    for (let at = 0; at < queue.length; ) {
      const { lamport } = queue[at] as StoredEnvelope;
      const group: { envelope: Envelope; entry: StoredEnvelope }[] = [];
      for (; queue[at]?.lamport === lamport; at++) {
        const entry = queue[at] as StoredEnvelope;
        group.push({ envelope: this.#parts.load(entry.position), entry });
      }
      group.sort((a, b) => compareChains(a.envelope.header, b.envelope.header));
      for (const { envelope, entry } of group) {
        this.#note(envelope);
        apply(envelope, entry);
      }
      this.#turn += group.length;
      if (this.#turn >= TURN_ENVELOPES) {
        this.#turn = 0;
        await this.#parts.pause();
      }
    }
  }

  /** What the index says beyond what the chain knows: seen by then, and the hash at the head. */
  #note({ header, hash }: Envelope): void {
    const key = keyOf(header);
    const i = this.#order.get(key) as number;
    for (const dep of header.deps) this.#seen[i]?.push([header.seq, keyOf(dep), dep.seq]);
    if (header.seq === this.#heads.get(key)) this.#hashes[i] = hash;
  }

  #clock(client: number, document: string): number {
    const name = chainOfClient(client);
    if (name === undefined) return 0;
    const chain = this.#parts.chains.get(name.member, name.incarnation);
    return chain?.clockAt(document, this.#heads.get(chain.key) ?? 0) ?? 0;
  }
}

function keyOf(chain: { readonly member: number; readonly incarnation: number }): string {
  return chainKey(chain.member, chain.incarnation);
}

/** As a manifest has it, whatever order an envelope names others in: only what goes farther than what was seen before. */
function inOrder(seen: SeenInCheckpoint[]): SeenInCheckpoint[] {
  const farthest = new Map<number, number>();
  const sorted = seen.sort(([at, other], [laterAt, laterOther]) => at - laterAt || other - laterOther);
  return sorted.filter(([, other, seq]) => {
    if (seq <= (farthest.get(other) ?? 0)) return false;
    farthest.set(other, seq);
    return true;
  });
}
