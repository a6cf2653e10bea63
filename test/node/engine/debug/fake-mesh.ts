/**
 * Members of one sandbox with real Y.Docs and no network: an edit reaches the others in the next turn of the event
 * loop, registers at once, and every replica tells its changes as the real one does.
 */

import * as Y from 'yjs';
import type {
  ControlView,
  MemberRecord,
  Replica,
  ReplicaEvents,
  SharedBlobsView,
} from '#node/network/replication/replica-interface.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { Emitter } from '#shared/emitter.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class FakeMesh {
  readonly records = new Map<MemberId, MemberRecord>();
  readonly registers = new Map<string, Map<string, unknown>>();
  readonly #replicas = new Map<MemberId, FakeReplica>();

  /** @param roles of members 1, 2, 3 … */
  constructor(...roles: Role[]) {
    for (const [index, role] of roles.entries()) {
      const id = (index + 1) as MemberId;
      const deviceKey = new Uint8Array(32).fill(id);
      this.records.set(id, { id, name: `member-${id}`, role, deviceKey, removed: false });
      this.#replicas.set(id, new FakeReplica(this, id));
    }
  }

  replica(member: number): FakeReplica {
    const replica = this.#replicas.get(member as MemberId);
    if (replica === undefined) throw new RangeError(`no member ${member}`);
    return replica;
  }

  setRole(member: number, role: Role): void {
    const id = member as MemberId;
    const record = this.records.get(id);
    if (record !== undefined) this.records.set(id, { ...record, role });
    for (const replica of this.#replicas.values()) replica.events.emit('control', replica.control);
  }

  disconnect(member: number): void {
    for (const replica of this.#replicas.values()) {
      replica.events.emit('peer', { member: member as MemberId, connected: false });
    }
  }

  registersOf(kind: string, member: MemberId): Map<string, unknown> {
    const key = `${kind}/${member}`;
    const known = this.registers.get(key) ?? new Map<string, unknown>();
    this.registers.set(key, known);
    return known;
  }

  tell(author: MemberId, document: DocumentName, deliver: (replica: FakeReplica) => void, keys?: string[]): void {
    const envelope = { member: author, incarnation: 1, seq: 1 };
    for (const replica of this.#replicas.values()) {
      const local = replica.self === author;
      if (!local) deliver(replica);
      const base = { document, author, envelope, verdict: 'accepted' as const, local };
      replica.events.emit('change', keys === undefined ? base : { ...base, keys });
    }
  }
}

export class FakeReplica implements Replica {
  readonly #mesh: FakeMesh;
  readonly #documents = new Map<string, Y.Doc>();
  readonly sandbox = 'ab'.repeat(20) as SandboxId;
  readonly self: MemberId;
  readonly clientId: number;
  readonly authority = undefined;
  sharedBlobs: SharedBlobsView | undefined;
  readonly events = new Emitter<ReplicaEvents>();

  constructor(mesh: FakeMesh, self: MemberId) {
    this.#mesh = mesh;
    this.self = self;
    this.clientId = self * 2 ** 32 + 1;
  }

  get control(): ControlView {
    const { records } = this.#mesh;
    return {
      name: 'test',
      ownerKey: new Uint8Array(32),
      founding: { ownerKey: new Uint8Array(32), nonce: new Uint8Array(16), recoveryHash: new Uint8Array(32) },
      seq: 1,
      members: records,
      invites: new Map(),
      delegates: new Map(),
      forks: [],
      memberByKey: () => undefined,
    };
  }

  document(name: DocumentName): Y.Doc {
    const known = this.#documents.get(name);
    if (known !== undefined) return known;
    const doc = new Y.Doc();
    doc.clientID = this.clientId;
    this.#documents.set(name, doc);
    return doc;
  }

  async edit(name: DocumentName, change: (doc: Y.Doc) => void): Promise<void> {
    const doc = this.document(name);
    const before = Y.encodeStateVector(doc);
    doc.transact(() => change(doc));
    const update = Y.encodeStateAsUpdate(doc, before);
    await nextTurn();
    this.#mesh.tell(this.self, name, (replica) => Y.applyUpdate(replica.document(name), update));
  }

  async writeRegister(kind: 'host' | 'notes', key: string, value: unknown): Promise<void> {
    const registers = this.#mesh.registersOf(kind, this.self);
    if (value === null) registers.delete(key);
    else registers.set(key, structuredClone(value));
    await nextTurn();
    this.#mesh.tell(this.self, `${kind}/${this.self}`, () => undefined, [key]);
  }

  registers(kind: 'host' | 'notes', member: MemberId): ReadonlyMap<string, unknown> {
    return this.#mesh.registersOf(kind, member);
  }

  heads(): readonly [] {
    return [];
  }

  controlEntries(): readonly string[] {
    return [];
  }

  connect(): void {
    throw new Error('a fake replica has no links');
  }

  connected(): readonly MemberId[] {
    return [...this.#mesh.records.keys()].filter((member) => member !== this.self);
  }

  async flush(): Promise<void> {
    await nextTurn();
  }

  async stop(): Promise<void> {
    this.events.removeAll();
  }
}
