/**
 * The accepted envelopes of a sandbox and everything derived from them: judged against the log and the chains, then
 * entered in both and in their document. Used alike for what arrives, what is written here and what is read back.
 */

import type { CheckpointChain, CheckpointManifest } from '#protocol/checkpoint.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { chainKey, type Envelope, parseEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { ReadUpdate } from '#shared/documents/update-reader.ts';
import type { MemberId } from '#shared/ids.ts';
import { documentBases, includedIn, installCheckpoint, seenBy } from '../checkpoints/checkpoint-base.ts';
import type { CheckpointFile } from '../checkpoints/checkpoint-file.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import { type Accepted, awaited, FORGED, type Judgement, judgeEnvelope, type WaitFor } from './acceptance.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Forks } from './forks.ts';

export interface LedgerParts {
  readonly crypto: Crypto;
  readonly control: ControlLog;
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  readonly forks: Forks;
  /** Reads an envelope back from the log. */
  load(position: number): Envelope;
}

/** How an envelope comes to be entered. */
export type Entering = 'received' | 'local' | 'reopened';

export class Ledger {
  readonly #parts: LedgerParts;
  /** Envelopes in the log that are not accepted, by position. */
  #aside: number[] = [];
  /** What those wait for. */
  readonly #awaited = new Set<WaitFor>();
  /** Read back after damage: their signatures are verified each time. */
  readonly #suspects = new Set<number>();
  #base: CheckpointFile | undefined;
  /** Whether the log is open: while it is being read, nothing can be looked up in it. */
  #readable = false;
  /** Blob of the checkpoint that the log stands on, when it is not here. */
  lostBase: string | undefined;
  /** Grows with every rebuild. */
  generation = 0;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /**
   * Shows what an author says over its own link before its signature is verified, if nothing but that is missing.
   * Whoever calls verifies it in the same breath and drops the document when it is forged.
   *
   * @param deviceKey proven by the link that brought it
   * @returns what it is when its signature verifies ({@link confirm}); undefined when nothing shows it
   */
  preview(envelope: Envelope, deviceKey: Uint8Array): Accepted | undefined {
    const { control, chains } = this.#parts;
    const author = control.state.members.get(envelope.header.member);
    // Where chains forked, documents have names of their own for what is accepted: nothing is shown before.
    if (author === undefined || !equalBytes(author.deviceKey, deviceKey) || chains.forked) return undefined;
    const judgement = this.judge(envelope, { trusted: true });
    if (judgement.kind !== 'accept' || judgement.verdict !== 'accepted') return undefined;
    const update = updateOf(judgement);
    return update !== undefined && this.#parts.documents.preview(envelope, update) ? judgement : undefined;
  }

  /** The verdict about an envelope that is shown: nothing but its signature was left to check. */
  confirm(envelope: Envelope, shown: Accepted): Judgement {
    return this.#isSigned(envelope) ? shown : { kind: 'refuse', why: FORGED };
  }

  /** @param options `trusted`: signed here, or checked before it was stored; the signature is not verified again */
  judge(envelope: Envelope, options: { trusted?: boolean } = {}): Judgement {
    const { control, chains, crypto, documents, forks } = this.#parts;
    const depths = (name: DocumentName) => documents.depths(name);
    const knowledgeAt = (line: Chain, seq: number) => (this.#readable ? forks.knowledgeAt(line, seq) : undefined);
    const context = { sandbox: control.sandbox, control: control.state, chains, crypto, depths, knowledgeAt };
    return judgeEnvelope(envelope, context, options);
  }

  /**
   * Enters an accepted envelope that lies at `position` in the log.
   *
   * @returns register keys whose value changed; undefined for a Y.Doc
   */
  enter(envelope: Envelope, accepted: Accepted, position: number, how: Entering): readonly string[] | undefined {
    const { chains, documents } = this.#parts;
    const { chain, content, seen, lamport } = accepted;
    const { control, member } = envelope.header;
    const document = envelope.header.document as DocumentName;
    chain.disowned ??= accepted.disowned;
    const endClock = content.kind === 'update' ? content.endClock : chain.clock(document);
    chain.append({ hash: envelope.hash, position, control, lamport, document, endClock, seen });
    chains.add(chain);
    if (content.kind === 'update') {
      documents.state(document).depths.add(chain.space, content.update, content.levels);
    }
    if (how === 'reopened') {
      documents.index(envelope, { position, lamport, member });
      return undefined;
    }
    return documents.add(envelope, { position, lamport, member }, { local: how === 'local', read: updateOf(accepted) });
  }

  /**
   * Enters one that was read back from the log. What cannot stand as the control logs are now is set aside: it stays
   * in the log and is looked at again by {@link rebuild}.
   */
  reopen(envelope: Envelope, position: number): void {
    const judgement = this.judge(envelope, { trusted: !this.#suspects.has(position) });
    if (judgement.kind === 'accept') this.enter(envelope, judgement, position, 'reopened');
    else if (judgement.kind !== 'duplicate') this.#aside.push(position);
    if (judgement.kind === 'wait') this.#awaited.add(judgement.for);
  }

  /** Whether something that is set aside waited for this envelope: what lay between was damaged and is here again. */
  releases({ head }: Chain): boolean {
    return this.#awaited.size > 0 && this.#awaited.has(awaited(head));
  }

  /**
   * The log is open: what could not be judged while it was being read is judged now.
   *
   * @param rejudged members whose rights control entries narrowed that were read after their envelopes
   */
  open(rejudged: ReadonlySet<MemberId>): void {
    this.#readable = true;
    if (this.#aside.length > 0) this.rebuild();
    else this.#parts.documents.recount(rejudged);
  }

  /** The checkpoint that stands for the envelopes before those in the log. */
  get base(): CheckpointFile | undefined {
    return this.#base;
  }

  /** Begins with a checkpoint: nothing else is here yet. */
  begin(base: CheckpointFile): void {
    this.#base = base;
    installCheckpoint(base, this.#parts.chains, this.#parts.documents);
  }

  /** Another checkpoint is what the {@link rebuild} that must follow begins with. @param has whether it stayed in the log */
  replaceBase(base: CheckpointFile, has: (position: number) => boolean): void {
    this.#aside = this.positions().filter(has);
    this.#parts.chains.clear();
    this.#base = base;
    this.lostBase = undefined;
  }

  /** Puts a checkpoint in the place of the envelopes it includes, every one of which is here; nothing else changes. */
  rebase(base: CheckpointFile): void {
    const { chains, documents } = this.#parts;
    this.#base = base;
    const included = base.manifest.chains;
    const lines = included.map(({ member, incarnation }) => chains.get(member, incarnation));
    for (const [i, chain] of lines.entries()) {
      const index = included[i] as CheckpointChain;
      chain?.prune(index.seq, seenBy(index, lines));
    }
    const kept = new Set(chains.positions());
    const bases = documentBases(base);
    for (const state of documents.all()) state.rebase(bases.get(state.name), (position) => kept.has(position));
  }

  /** An envelope that follows damage in the log. */
  suspect(position: number): void {
    this.#suspects.add(position);
  }

  /** Whether a record may be read back without verifying its signature again: verified once, or now. */
  vouchesFor(position: number): boolean {
    return !this.#suspects.has(position) || this.#isSigned(this.#parts.load(position));
  }

  /**
   * Positions of what the log keeps once a checkpoint stands for what it includes: what was accepted beyond it, and
   * what is set aside and may be accepted yet.
   */
  positionsBeyond(manifest: CheckpointManifest): number[] {
    const isIncluded = includedIn(manifest);
    const kept = this.#aside.filter((position) => {
      const { header, hash } = this.#parts.load(position);
      return !isIncluded(chainKey(header.member, header.incarnation), header.seq, hash);
    });
    for (const chain of this.#parts.chains.all()) {
      for (const [i, position] of chain.positions().entries()) {
        const seq = chain.base + 1 + i;
        if (!isIncluded(chain.key, seq, chain.shortHash(seq))) kept.push(position);
      }
    }
    return kept.sort((a, b) => a - b);
  }

  /** Positions of what is in the log: accepted after the base, or set aside. */
  positions(): number[] {
    return [...this.#aside, ...this.#parts.chains.positions()].sort((a, b) => a - b);
  }

  /** The log was written anew: what was set aside and is dead, or nobody vouches for, left it. @param has whether it stayed */
  forgetAside(has: (position: number) => boolean): void {
    this.#aside = this.#aside.filter(has);
  }

  /** Whether envelopes of a chain are in the log that are not accepted. */
  setsAside(member: MemberId, incarnation: number): boolean {
    return this.#aside.some((position) => {
      const { header } = this.#parts.load(position);
      return header.member === member && header.incarnation === incarnation;
    });
  }

  /** How many envelopes in the log are not accepted. */
  get aside(): number {
    return this.#aside.length;
  }

  /** Whether the log holds envelopes that are not accepted. */
  get hasAside(): boolean {
    return this.#aside.length > 0;
  }

  /**
   * Chains and documents anew from the log, under the control logs as they stand.
   *
   * @returns documents that are made up otherwise than before
   */
  rebuild(): DocumentName[] {
    const { chains, documents, load } = this.#parts;
    const positions = this.positions();
    this.generation++;
    return documents.reindex(() => {
      this.#aside = [];
      this.#awaited.clear();
      chains.clear();
      if (this.#base !== undefined) installCheckpoint(this.#base, chains, documents);
      for (const position of positions) this.reopen(load(position), position);
      this.#settle();
      // What was entered before its chain turned out to fork counts no more.
      documents.recount(chains.forkedMembers());
    });
  }

  /** Looks again at what is set aside: after damage an envelope may lie in the log before what it follows. */
  #settle(): void {
    for (let before = Number.POSITIVE_INFINITY; this.#aside.length > 0 && this.#aside.length < before; ) {
      before = this.#aside.length;
      const aside = this.#aside;
      this.#aside = [];
      this.#awaited.clear();
      for (const position of aside) this.reopen(this.#parts.load(position), position);
    }
  }

  parse(bytes: Uint8Array): Envelope {
    return parseEnvelope(bytes, this.#parts.crypto);
  }

  #isSigned(envelope: Envelope): boolean {
    const { control, crypto } = this.#parts;
    const author = control.state.members.get(envelope.header.member);
    return author !== undefined && verifyEnvelope(envelope, author.deviceKey, crypto);
  }
}

function updateOf({ content }: Accepted): ReadUpdate | undefined {
  return content.kind === 'update' ? content.update : undefined;
}
