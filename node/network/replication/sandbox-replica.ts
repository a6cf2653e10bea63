/**
 * The replica of one sandbox, composed: what is written here is signed, stored and sent by this file; what arrives
 * goes through `intake.ts`, the control log is `control-keeper.ts`, links and fetching are `peer-sessions.ts`.
 */

import type * as Y from 'yjs';
import type { ControlSigner, EntryBody } from '#protocol/control-entry.ts';
import type { ControlHead, ControlLog } from '#protocol/control-log.ts';
import { mayWrite } from '#protocol/control-state.ts';
import type { Envelope } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Accepted } from './chains/acceptance.ts';
import type { Chain } from './chains/chain.ts';
import type { ChainStore } from './chains/chain-store.ts';
import { CurrentChain } from './chains/current-chain.ts';
import { PageChains } from './chains/page-chains.ts';
import { type CheckpointHost, Checkpoints } from './checkpoints/checkpoints.ts';
import { type ControlChange, ControlKeeper, newPlaces } from './control/control-keeper.ts';
import { IdleDocuments } from './documents/idle-documents.ts';
import { LocalCommits } from './documents/local-commits.ts';
import { LocalEdits } from './documents/local-edits.ts';
import { type OwnRecords, Renewal } from './documents/renewal.ts';
import type { ReplicaEnvironment } from './environment.ts';
import { BlobRooms } from './peers/blob-rooms.ts';
import { Intake, type Received } from './peers/intake.ts';
import { PeerSessions } from './peers/peer-sessions.ts';
import { SharedBlobs } from './peers/shared-blobs.ts';
import type { SyncHost } from './peers/sync-host.ts';
import type {
  Change,
  ControlAuthority,
  ControlView,
  EnvelopeRef,
  Replica,
  ReplicaEvents,
  ReplicationLink,
} from './replica-interface.ts';
import type { SandboxReplicaParts } from './replica-parts.ts';

export class SandboxReplica implements Replica, SyncHost, CheckpointHost {
  readonly events = new Emitter<ReplicaEvents>();
  readonly environment: ReplicaEnvironment;
  readonly controlLog: ControlLog;
  readonly chains: ChainStore;
  readonly self: MemberId;
  readonly checkpoints: Checkpoints | undefined;
  readonly sharedBlobs: SharedBlobs | undefined;
  readonly blobRooms: BlobRooms;
  readonly #parts: SandboxReplicaParts;
  readonly #current: CurrentChain;
  readonly #intake: Intake;
  readonly #keeper: ControlKeeper;
  readonly renewal: Renewal;
  readonly #commits: LocalCommits;
  readonly #edits: LocalEdits;
  readonly pages: PageChains;
  readonly #sessions: PeerSessions;
  readonly #idle: IdleDocuments;
  #rebuilding = false;
  #stopped = false;

  constructor(parts: SandboxReplicaParts) {
    this.#parts = parts;
    const { environment, control, log, documents, ledger, chains, self } = parts;
    this.environment = environment;
    this.controlLog = control;
    this.chains = chains;
    this.self = self;
    this.#current = new CurrentChain(parts);
    const flushEdits = (): void => this.flushEdits();
    this.renewal = new Renewal({
      self,
      documents,
      control: () => control.state,
      flushEdits,
      onReset: (document) => this.events.emit('reset', { document }),
      after: (ms, task) => environment.after(ms, task),
      isLinked: () => this.#sessions.linked,
      isSettled: () => this.#sessions.settled,
    });
    this.#commits = new LocalCommits({
      log,
      ledger,
      position: () => control.state.position,
      onSealed: (envelopes, chain) => this.#sealed(envelopes, chain),
      onChange: (change) => this.events.emit('change', change),
    });
    this.#edits = new LocalEdits({
      clientId: () => this.clientId,
      soon: queueMicrotask,
      defer: (task) => environment.defer(task),
      after: (ms, task) => environment.after(ms, task),
      hasReaders: () => this.#sessions.linked,
      clock: (document) => this.#current.own.chain.clock(document),
      commit: (drafts) => this.#commits.commit(this.#current.own, drafts, { how: 'local' }),
      discard: (document) => this.renewal.reset(document),
    });
    this.pages = new PageChains({
      ...parts,
      commits: this.#commits,
      folder: parts.storage?.folder,
      ownChain: (chain) => this.#current.open(chain, 'references'),
      beforeArrival: (document) => this.#sealPending(document),
      assertMayWrite: (document) => this.#assertMayWrite(document, 'crdt'),
    });
    this.#intake = new Intake({
      log,
      ledger,
      quota: parts.quota,
      onArrival: ({ header }) => this.#arrived(header),
      onEnter: (accepted, envelope, enter) => this.#enter(accepted, envelope, enter),
      onForged: (document) => this.renewal.reset(document),
      onAccepted: (accepted, change) => this.#accepted(accepted, change),
    });
    this.#keeper = new ControlKeeper({
      environment,
      log,
      control,
      self,
      stranded: parts.stranded,
      ownerSigner: parts.controlSigner,
      founded: parts.founded === true,
      frontier: () => this.heads().map(({ member, incarnation, seq }) => [member, incarnation, seq]),
      flushEdits,
      onChange: (change) => this.#controlChanged(change),
      onUnlevelled: () => this.events.emit('unlevelled', { seq: control.seq }),
    });
    this.#idle = new IdleDocuments(documents, (ms, task) => environment.after(ms, task));
    this.checkpoints = parts.storage && new Checkpoints(parts, parts.storage, this);
    this.sharedBlobs = parts.storage && new SharedBlobs(parts.storage.folder, environment);
    this.blobRooms = new BlobRooms([this.checkpoints?.exchange, this.sharedBlobs?.exchange]);
    this.#sessions = new PeerSessions({
      host: this,
      onAsked: () => this.renewal.review(),
      onPeer: (member, connected) => {
        if (connected) this.#keeper.levelled();
        this.events.emit('peer', { member, connected });
      },
    });
  }

  get sandbox(): SandboxId {
    return this.controlLog.sandbox;
  }
  get clientId(): number {
    return this.#current.clientId;
  }
  get control(): ControlView {
    return this.#keeper.view;
  }
  /** Present where a control key lies that has a say: the owner's, or a delegate's. */
  get authority(): ControlAuthority | undefined {
    return this.#keeper.authority;
  }

  get isLevel(): boolean {
    return this.#keeper.isLevel;
  }

  /** The owner's control key from now on: after a rotation. */
  adoptOwnerKey(signer: ControlSigner): void {
    this.#keeper.adoptOwnerKey(signer);
  }

  /** The key of the control log this member keeps, should the owner make it a delegate. */
  adoptDelegateKey(signer: ControlSigner): void {
    this.#keeper.adoptDelegateKey(signer);
  }

  /** Appends a rotation, signed by the recovery key. @param after the entry it follows; absent: the head */
  rotate(body: EntryBody<'rotate'>, signer: ControlSigner, after?: ControlHead): Promise<void> {
    return this.#keeper.rotate(body, signer, after);
  }

  document(name: DocumentName): Y.Doc {
    if (classifyDocument(name)?.kind !== 'crdt') throw new RangeError(`"${name}" is no Y.Doc`);
    this.#idle.touch();
    return this.#parts.documents.doc(name);
  }

  /** Of every document in which somebody wrote, or that somebody read. */
  documentNames(): DocumentName[] {
    return [...this.#parts.documents.all()].map(({ name }) => name);
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

  /** Equal at two moments: in between the document only grew, through restarts too. For this log only. */
  makeup(name: DocumentName): string {
    const { documents, lineIds, chains, ledger } = this.#parts;
    const lines = chains.forked ? [...lineIds.names()].sort(([a], [b]) => (a < b ? -1 : 1)) : [];
    return JSON.stringify([documents.makeup(name), ledger.aside, lines]);
  }

  /** Signs what is pending in a document: afterwards it shows all that is in the log file, and nothing else. */
  sealPending(document: DocumentName): void {
    this.pages.flush();
    this.#sealPending(document);
  }

  /** @throws {SandboxError} HOME_UNWRITABLE: nobody is told what this machine may have forgotten tomorrow */
  controlEntries(): readonly string[] {
    this.#parts.log.write();
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
    this.flushEdits();
    await this.#parts.log.durable();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#edits.flush();
    this.pages.stop();
    this.#stopped = true;
    this.events.emit('stopped', {});
    this.renewal.stop();
    this.#sessions.stop();
    this.#idle.stop();
    this.sharedBlobs?.stop();
    await this.checkpoints?.stop();
    await this.#keeper.stop();
    await this.#parts.log.close();
    this.#parts.documents.destroy();
    this.events.removeAll();
  }

  /**
   * Chains, documents and parking anew from the log, under the control logs as they stand: for when entries that had
   * effect have none any more, or again. Resets what changed, then levels with every peer again.
   *
   * @param before our own records that the log does not tell of any more
   */
  rebuild(before?: OwnRecords): void {
    this.renewal.around(() => {
      const changed = this.#parts.ledger.rebuild();
      this.#intake.clear();
      this.#current.resume();
      this.pages.resume();
      return changed;
    }, before);
    this.#sessions.restart();
  }

  /** See {@link Checkpoints.make}; undefined, too, where there is no folder to keep one in. */
  async makeCheckpoint(): Promise<string | undefined> {
    return await this.checkpoints?.make();
  }

  // What follows serves the peer sessions and the checkpoints.

  flushEdits(): void {
    this.#edits.flush();
    this.pages.flush();
  }

  keepsControl(): boolean {
    try {
      this.#parts.log.write();
      return true;
    } catch {
      return false;
    }
  }

  fetchMissing(): void {
    this.#sessions.fetchMissing();
  }

  envelopeBytes(position: number): Uint8Array | undefined {
    const { log } = this.#parts;
    return log.has(position) && log.isInFile(position) ? log.read(position) : undefined;
  }

  /** Watches a Y.Doc that came to life. */
  watch(name: DocumentName, doc: Y.Doc): void {
    this.#edits.watch(name, doc);
  }

  receiveEnvelopes(envelopes: readonly Uint8Array[], from: Uint8Array): Received {
    return this.#intake.receive(envelopes, from);
  }

  absentFor(heads: readonly Head[]): readonly Head[] {
    return this.#intake.absentFor(heads);
  }

  receiveControl(entries: readonly string[]): Promise<void> {
    return this.#keeper.receive(entries);
  }

  #rebuildSoon(): void {
    if (this.#rebuilding) return;
    this.#rebuilding = true;
    this.environment.defer(() => {
      this.#rebuilding = false;
      if (!this.#stopped) this.rebuild();
    });
  }

  /** Before an envelope of others takes effect. */
  #arrived(header: Envelope['header']): void {
    // What is pending in its document was written without it, and what is pending at all got its slot before it.
    if (this.#current.includes(header) || this.#edits.isPending(header.document as DocumentName)) this.#edits.flush();
  }

  #enter(accepted: Accepted, envelope: Envelope, enter: () => void): void {
    const { forks } = this.#parts;
    const { chain } = accepted;
    this.#arrived(envelope.header);
    const goOn = (): void => {
      if (this.#current.includes(chain)) this.#current.begin();
      this.pages.grew(chain);
      enter();
    };
    if (chain.parent === undefined || chain.seq > chain.after) return goOn();
    this.renewal.aroundFork(() => forks.branchOff(accepted, envelope, goOn));
  }

  #controlChanged({ before, after, moved, view }: ControlChange): void {
    if (moved || this.#parts.ledger.hasAside) this.rebuild();
    for (const { log, seq } of newPlaces(before.position, after.position))
      this.#intake.release(`control:${log}:${seq}`);
    this.renewal.rejudge(after.rejudgedSince(before));
    // Whoever was removed is told so before anybody who hears of it ends the link.
    this.#sessions.controlChanged();
    this.events.emit('control', view);
    this.checkpoints?.check();
  }

  #accepted(accepted: Accepted, change: Change): void {
    this.checkpoints?.touch();
    if (this.#parts.ledger.releases(accepted.chain)) this.#rebuildSoon();
    this.#current.own.saw(accepted.chain);
    this.events.emit('change', change);
    this.#sessions.accepted(accepted.chain);
  }

  /** Written here, by this daemon or a page of it, and in the log file. */
  #sealed(envelopes: readonly Uint8Array[], chain: Chain): void {
    this.checkpoints?.touch();
    if (chain !== this.#current.own.chain) this.#current.own.saw(chain);
    this.#sessions.push(envelopes, chain);
  }

  /** What is pending in a document was written without what comes now. */
  #sealPending(document: DocumentName): void {
    if (this.#edits.isPending(document)) this.#edits.flush();
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
