/**
 * The replica of one sandbox: signs and stores what is written here, judges, stores and applies what arrives, and
 * keeps the control log. Links and fetching are `peer-sessions.ts`, verdicts `acceptance.ts`.
 */

import type * as Y from 'yjs';
import type { ControlEntryBody, ControlSigner } from '#protocol/control-entry.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import { type ControlState, mayWrite } from '#protocol/control-state.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { Envelope } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { collectOwnRecords, findLostRecords, type OwnRecord } from '#shared/documents/own-records.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { type AppendLog, RecordType } from '../../storage/append-log.ts';
import type { Accepted, WaitFor } from './acceptance.ts';
import { Chain, type ChainStore } from './chain-store.ts';
import { OwnerAuthority } from './control-authority.ts';
import { viewControl } from './control-view.ts';
import type { DocumentStore } from './document-store.ts';
import type { ReplicaEnvironment } from './environment.ts';
import type { Ledger } from './ledger.ts';
import { type Draft, LocalEdits } from './local-edits.ts';
import { OwnChain } from './own-chain.ts';
import { type Parked, Parking } from './parking.ts';
import { PeerSessions } from './peer-sessions.ts';
import type {
  Change,
  ControlAuthority,
  ControlView,
  EnvelopeRef,
  Replica,
  ReplicaEvents,
  ReplicationLink,
} from './replica-interface.ts';
import type { SyncHost } from './sync-host.ts';

export interface SandboxReplicaParts {
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly chains: ChainStore;
  readonly self: MemberId;
  readonly incarnation: number;
  readonly deviceSigner: Signer;
  /** Present where the owner's control key lies. */
  readonly controlSigner?: ControlSigner | undefined;
  readonly documents: DocumentStore;
  readonly ledger: Ledger;
}

export class SandboxReplica implements Replica, SyncHost {
  readonly events = new Emitter<ReplicaEvents>();
  readonly environment: ReplicaEnvironment;
  readonly controlLog: ControlLog;
  readonly chains: ChainStore;
  readonly self: MemberId;
  readonly clientId: number;
  readonly authority: ControlAuthority | undefined;
  readonly #parts: SandboxReplicaParts;
  readonly #own: OwnChain;
  readonly #ledger: Ledger;
  readonly #parking = new Parking();
  readonly #edits: LocalEdits;
  readonly #sessions: PeerSessions;
  #view: ControlView;
  /** Control entries are verified asynchronously, one after the other. */
  #controlQueue: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: SandboxReplicaParts) {
    this.#parts = parts;
    this.environment = parts.environment;
    this.controlLog = parts.control;
    this.chains = parts.chains;
    this.self = parts.self;
    this.clientId = clientIdOf(parts.self, parts.incarnation);
    this.#ledger = parts.ledger;
    this.#own = new OwnChain({
      sandbox: parts.control.sandbox,
      chain: new Chain(parts.self, parts.incarnation),
      signer: parts.deviceSigner,
      crypto: parts.environment.crypto,
      seen: parts.chains.all(),
    });
    this.#view = viewControl(parts.control.state);
    this.#edits = new LocalEdits({
      clientId: this.clientId,
      defer: (task) => parts.environment.defer(task),
      clock: (document) => this.#own.chain.clock(document),
      commit: (drafts) => this.#commit(drafts),
      discard: (document) => this.#reset(document),
    });
    this.#sessions = new PeerSessions({
      host: this,
      onPeer: (member, connected) => this.events.emit('peer', { member, connected }),
    });
    this.authority = this.#openAuthority(parts.controlSigner);
  }

  get sandbox(): SandboxId {
    return this.controlLog.sandbox;
  }
  get control(): ControlView {
    return this.#view;
  }

  document(name: DocumentName): Y.Doc {
    if (classifyDocument(name)?.kind !== 'crdt') throw new RangeError(`"${name}" is no Y.Doc`);
    return this.#parts.documents.doc(name);
  }

  async edit(name: DocumentName, change: (doc: Y.Doc) => void): Promise<void> {
    this.#assertMayWrite(name, 'crdt');
    await this.#edits.edit(name, this.document(name), change);
  }

  async writeRegister(kind: 'host' | 'notes', key: string, value: unknown): Promise<void> {
    const name: DocumentName = `${kind}/${this.self}`;
    this.#assertMayWrite(name, 'registers');
    await this.#edits.write(name, key, value);
  }

  registers(kind: 'host' | 'notes', member: MemberId): ReadonlyMap<string, unknown> {
    return this.#parts.documents.table(`${kind}/${member}`).values;
  }

  controlEntries(): readonly string[] {
    return this.controlLog.entries();
  }

  heads(): readonly EnvelopeRef[] {
    return this.chains.heads().map(({ member, incarnation, seq }) => ({ member, incarnation, seq }));
  }

  connect(link: ReplicationLink): void {
    if (this.#stopped) return link.close('this side has stopped');
    this.#sessions.connect(link);
  }

  connected(): readonly MemberId[] {
    return this.#sessions.members();
  }

  async flush(): Promise<void> {
    this.#edits.flush();
    await this.#parts.log.durable();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#edits.flush();
    this.#stopped = true;
    this.#sessions.stop();
    await this.#controlQueue;
    await this.#parts.log.close();
    this.#parts.documents.destroy();
    this.events.removeAll();
  }

  // What follows serves the peer sessions.

  envelopeBytes(position: number): Uint8Array {
    return this.#parts.log.read(position);
  }

  /** Watches a Y.Doc that came to life. */
  watch(name: DocumentName, doc: Y.Doc): void {
    this.#edits.watch(name, doc);
  }

  receiveEnvelopes(envelopes: readonly Uint8Array[]): readonly Head[] {
    const heads: Head[] = [];
    try {
      for (const bytes of envelopes) {
        const envelope = this.#ledger.parse(bytes);
        this.#ingest({ envelope, bytes });
        const { member, incarnation, seq } = envelope.header;
        heads.push({ member, incarnation, seq, hash: envelope.hash });
      }
    } finally {
      this.#parts.log.write();
    }
    return heads;
  }

  receiveControl(from: number, entries: readonly string[]): Promise<void> {
    return this.#exclusive(async () => {
      const before = this.controlLog.seq;
      try {
        for (const [i, entry] of entries.entries()) await this.#takeControl(from + i, entry);
      } finally {
        if (this.controlLog.seq > before) this.#controlGrew(before);
      }
    });
  }

  async #takeControl(seq: number, entry: string): Promise<void> {
    if (this.#stopped || seq > this.controlLog.seq + 1) return;
    if (seq <= this.controlLog.seq) {
      if (this.controlLog.entries(seq, seq)[0] === entry) return;
      throw new SandboxError('BAD_CONTROL_ENTRY', `Cannot accept control entry ${seq}: another one stands there`);
    }
    // What is being typed here was typed before the entry took effect.
    this.#edits.flush();
    await this.controlLog.append(entry);
    this.#parts.log.append(RecordType.control, new TextEncoder().encode(entry));
  }

  #exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#controlQueue.then(task);
    // The next in line runs whatever became of this one; the caller of this one hears of it.
    this.#controlQueue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #openAuthority(signer: ControlSigner | undefined): ControlAuthority | undefined {
    if (signer === undefined) return undefined;
    return new OwnerAuthority({
      signer,
      state: this.controlLog.state,
      now: () => this.environment.now(),
      frontier: () => this.heads().map(({ member, incarnation, seq }) => [member, incarnation, seq]),
      append: (key, decide) => this.#appendOwn(key, decide),
    });
  }

  #appendOwn(signer: ControlSigner, decide: (state: ControlState) => ControlEntryBody | undefined): Promise<void> {
    return this.#exclusive(async () => {
      // What is being typed counts as written before the decision.
      this.#edits.flush();
      const before = this.controlLog.seq;
      const body = decide(this.controlLog.state);
      if (body === undefined) return;
      await this.#takeControl(before + 1, await this.controlLog.sign(body, signer, this.environment.now()));
      this.#controlGrew(before);
      await this.#parts.log.durable();
    });
  }

  #controlGrew(before: number): void {
    this.#parts.log.write();
    this.#view = viewControl(this.controlLog.state);
    for (let seq = before + 1; seq <= this.controlLog.seq; seq++) this.#release(`control:${seq}`);
    this.#applyNarrowings(before);
    this.events.emit('control', this.#view);
    this.#sessions.controlChanged();
  }

  /** Rebuilds every document in which something no longer counts, and writes our own lost records again. */
  #applyNarrowings(before: number): void {
    const members = this.controlLog.state.narrowedSince(before);
    if (members.size === 0) return;
    // What is pending belongs into the documents before they are rebuilt.
    this.#edits.flush();
    for (const name of this.#parts.documents.changedSince(members, before)) {
      const crdt = classifyDocument(name)?.kind === 'crdt';
      const records = crdt ? collectOwnRecords(this.#parts.documents.docBefore(name, before), this.self) : [];
      this.#reset(name);
      if (records.length > 0) this.#reissue(name, records);
    }
  }

  #reissue(name: DocumentName, records: readonly OwnRecord[]): void {
    const role = this.controlLog.state.roleNow(this.self);
    const doc = this.document(name);
    const lost = findLostRecords(doc, records);
    if (lost.length === 0 || role === null || !mayWrite(role, this.self, name)) return;
    doc.transact(() => {
      for (const { root, key, value } of lost) doc.getMap(root).set(key, value);
    });
  }

  /** Judges one envelope and whatever waited for it. @throws {SandboxError} BAD_ENVELOPE when it is refused */
  #ingest(first: Parked): void {
    const queue: Parked[] = [first];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const judgement = this.#ledger.judge(next.envelope);
      switch (judgement.kind) {
        case 'accept':
          this.#accept(next, judgement);
          queue.push(...this.#parking.release(`chain:${judgement.chain.key}:${judgement.chain.seq}`));
          break;
        case 'wait':
          this.#parking.park(judgement.for, { envelope: next.envelope, bytes: new Uint8Array(next.bytes) });
          break;
        case 'refuse':
          // One that waited was brought by another peer, who is not to blame for this one.
          if (next === first) throw refused(next.envelope, judgement.why);
          break;
        case 'duplicate':
        case 'fork':
          break;
        default:
          judgement satisfies never;
      }
    }
  }

  #release(waitFor: WaitFor): void {
    for (const parked of this.#parking.release(waitFor)) {
      try {
        this.#ingest(parked);
      } catch (error) {
        // It waited here and its bringer may be gone: it is dropped, which is all a refusal asks for.
        if (!(error instanceof SandboxError)) throw error;
      }
    }
  }

  #accept(parked: Parked, accepted: Accepted): void {
    const position = this.#parts.log.append(RecordType.envelope, parked.bytes);
    const keys = this.#ledger.enter(parked.envelope, accepted, position, 'received');
    this.#own.saw(accepted.chain);
    this.events.emit('change', describeChange(parked.envelope, accepted, keys, false));
    this.#sessions.accepted(accepted.chain.head);
  }

  /** Signs drafts, writes them to the log, then sends them. Resolves when they are durable. */
  #commit(drafts: readonly Draft[]): Promise<void> {
    const sent: Uint8Array[] = [];
    const changes: Change[] = [];
    try {
      for (const draft of drafts) {
        const { bytes, envelope } = this.#own.seal(draft, this.controlLog.seq);
        const judgement = this.#ledger.judge(envelope, { trusted: true });
        if (judgement.kind !== 'accept') throw unshareable(draft, judgement.kind === 'refuse' ? judgement.why : '');
        const position = this.#parts.log.append(RecordType.envelope, bytes);
        const accepted = { ...judgement, chain: this.#own.chain };
        const keys = this.#ledger.enter(envelope, accepted, position, 'local');
        this.#own.sealed();
        sent.push(bytes);
        changes.push(describeChange(envelope, accepted, keys, true));
      }
    } finally {
      this.#parts.log.write();
      if (sent.length > 0) this.#sessions.push(sent, this.#own.chain.head);
      for (const change of changes) this.events.emit('change', change);
    }
    return this.#parts.log.durable();
  }

  #reset(document: DocumentName): void {
    this.#parts.documents.drop(document);
    this.events.emit('reset', { document });
  }

  #assertMayWrite(name: DocumentName, kind: 'crdt' | 'registers'): void {
    if (this.#stopped) throw new SandboxError('CANCELLED', `Cannot write "${name}": the sandbox is closed`);
    if (classifyDocument(name)?.kind !== kind) throw new RangeError(`"${name}" is not written this way`);
    const role = this.controlLog.state.roleNow(this.self);
    if (role === null) {
      throw new SandboxError('FORBIDDEN', `Cannot write "${name}": this device was removed from the sandbox`);
    }
    if (!mayWrite(role, this.self, name)) {
      throw new SandboxError('FORBIDDEN', `Cannot write "${name}": your role is "${role}"`, {
        hint: 'Ask the owner for a role that may.',
      });
    }
  }
}

function describeChange(
  envelope: Envelope,
  accepted: Accepted,
  keys: readonly string[] | undefined,
  local: boolean,
): Change {
  const { document, member, incarnation, seq } = envelope.header;
  const change = {
    document: document as DocumentName,
    author: member,
    envelope: { member, incarnation, seq },
    verdict: accepted.verdict,
    local,
  };
  return keys === undefined ? change : { ...change, keys };
}

function refused(envelope: Envelope, why: string): SandboxError {
  const { member, seq } = envelope.header;
  return new SandboxError('BAD_ENVELOPE', `Cannot accept envelope ${seq} of member ${member}: ${why}`);
}

function unshareable(draft: Draft, why: string): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot share this edit of "${draft.document}": ${why}`, {
    hint: 'Documents hold plain JSON values, texts, maps and arrays.',
  });
}
