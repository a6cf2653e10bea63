/**
 * A replica without replication: members as given, registers in memory. It takes a turn of the event loop to write, as
 * the real one does.
 */

import { createHash } from 'node:crypto';
import type {
  ControlAuthority,
  ControlView,
  InviteRecord,
  MemberRecord,
  Replica,
  ReplicaEvents,
} from '#node/network/replication/replica-interface.ts';
import { Emitter } from '#shared/emitter.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';

export const SANDBOX = 'ab'.repeat(20) as SandboxId;

export interface FakeMember {
  readonly name: string;
  readonly role: Role;
  readonly removed?: boolean;
}

export interface FakeReplicaOptions {
  readonly self?: number;
  /** Member number → who it is; 1 is the owner unless said otherwise. */
  readonly members?: Readonly<Record<number, FakeMember>>;
  readonly connected?: readonly number[];
  /** Whether the control key lies here. */
  readonly owner?: boolean;
}

export interface FakeReplica extends Replica {
  readonly members: Map<MemberId, MemberRecord>;
  readonly invites: Map<string, InviteRecord>;
  put(kind: 'host' | 'notes', member: number, key: string, value: unknown): void;
}

export function fakeReplica(options: FakeReplicaOptions = {}): FakeReplica {
  const given = options.members ?? { 1: { name: 'Olga', role: 'owner' } };
  const members = new Map<MemberId, MemberRecord>();
  for (const [id, member] of Object.entries(given)) {
    const deviceKey = new Uint8Array(createHash('sha256').update(`device ${id}`).digest());
    members.set(Number(id) as MemberId, { removed: false, ...member, id: Number(id) as MemberId, deviceKey });
  }
  const invites = new Map<string, InviteRecord>();
  const registers = new Map<string, Map<string, unknown>>();
  const registersOf = (kind: string, member: number): Map<string, unknown> => {
    const key = `${kind}/${member}`;
    const known = registers.get(key) ?? new Map<string, unknown>();
    registers.set(key, known);
    return known;
  };
  const self = (options.self ?? 1) as MemberId;
  const control: ControlView = {
    name: 'shop',
    ownerKey: new Uint8Array(32),
    founding: { ownerKey: new Uint8Array(32), nonce: new Uint8Array(16), recoveryHash: new Uint8Array(32) },
    seq: 1,
    members,
    invites,
    delegates: new Map(),
    forks: [],
    memberByKey: (key) => [...members.values()].find((record) => Buffer.from(record.deviceKey).equals(key)),
  };
  return {
    sandbox: SANDBOX,
    self,
    clientId: self * 2 ** 32 + 1,
    control,
    authority: options.owner === false ? undefined : fakeAuthority(invites),
    events: new Emitter<ReplicaEvents>(),
    members,
    invites,
    put: (kind, member, key, value) => void registersOf(kind, member).set(key, value),
    document: () => unused('document'),
    edit: () => unused('edit'),
    writeRegister: async (kind, key, value) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (value === null) registersOf(kind, self).delete(key);
      else registersOf(kind, self).set(key, value);
    },
    registers: (kind, member) => registersOf(kind, member),
    controlEntries: () => unused('controlEntries'),
    heads: () => [],
    connect: () => unused('connect'),
    connected: () => (options.connected ?? []) as MemberId[],
    flush: async () => undefined,
    stop: async () => undefined,
  };
}

function fakeAuthority(invites: Map<string, InviteRecord>): ControlAuthority {
  return {
    log: 0,
    assertUnlocked: () => undefined,
    createInvite: async (options) => {
      const publicKey = Buffer.from(options.publicKey).toString('hex');
      const record: InviteRecord = { admitter: 0, addresses: [], ...options, publicKey, used: 0, revoked: false };
      invites.set(publicKey, record);
      return record;
    },
    grant: () => unused('grant'),
    setRole: () => unused('setRole'),
    revoke: () => unused('revoke'),
    revokeInvite: () => unused('revokeInvite'),
    delegate: () => unused('delegate'),
    endDelegation: () => unused('endDelegation'),
    checkpoint: () => unused('checkpoint'),
  };
}

function unused(what: string): never {
  throw new Error(`the fake replica has no ${what}()`);
}
