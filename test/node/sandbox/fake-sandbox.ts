/** An open sandbox around a {@link fakeReplica}: real consents, requests and presence, no engine. */

import type { HostedSandbox } from '#node/sandbox/hosted-sandbox.ts';
import { MemberRates } from '#node/sandbox/member-rates.ts';
import { PresenceTable } from '#node/sandbox/member-view.ts';
import { PendingRequests } from '#node/sandbox/pending-requests.ts';
import { type ConsentStorage, Consents } from '#node/security/consent.ts';
import { HostPolicy } from '#node/security/host-policy.ts';
import { SandboxPolicy } from '#node/security/policy.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { type FakeReplica, type FakeReplicaOptions, fakeReplica } from './fake-replica.ts';

export interface FakeSandbox extends HostedSandbox {
  readonly replica: FakeReplica;
}

/** `1.00000001`: the first target of member 1. */
export function targetId(host: number, n = 1): TargetId {
  return `${host}.${n.toString(16).padStart(8, '0')}` as TargetId;
}

export function fakeTarget(id: TargetId, change: Partial<Target> = {}): Target {
  return {
    id,
    host: hostOfTarget(id),
    name: `program-${id}`,
    mode: 'harness',
    state: 'running',
    pid: 4321,
    argv: ['node', 'app.js'],
    runtime: 'node v20.20.2',
    level: 'development',
    restarts: 0,
    held: false,
    startedAt: 1,
    ...change,
  };
}

/** Keeps what was written, and fails like a full disk while `full` is set. */
export function memoryStorage(stored?: unknown): ConsentStorage & { value: unknown; full: boolean; rejected: boolean } {
  return {
    value: stored,
    full: false,
    rejected: false,
    reject() {
      this.rejected = true;
    },
    read() {
      return this.value;
    },
    write(value) {
      if (this.full) throw new SandboxError('HOME_UNWRITABLE', 'Cannot write: the disk is full');
      this.value = JSON.parse(JSON.stringify(value));
    },
  };
}

export function fakeSandbox(
  options: FakeReplicaOptions & {
    targets?: readonly Target[];
    storage?: ConsentStorage;
    requests?: PendingRequests;
    hostPolicy?: HostPolicy;
  } = {},
): FakeSandbox {
  const replica = fakeReplica(options);
  const targets = options.targets ?? [];
  const consents = new Consents(options.storage ?? memoryStorage());
  return {
    id: replica.sandbox,
    replica,
    // No command under test gets as far as an engine.
    engine: undefined as never,
    project: undefined,
    names: undefined,
    consents,
    requests: options.requests ?? new PendingRequests(),
    policy: new SandboxPolicy({
      host: options.hostPolicy ?? new HostPolicy('/nowhere/policy.json'),
      control: () => replica.control,
      self: replica.self,
      consents,
    }),
    presence: new PresenceTable(),
    rates: new MemberRates(),
    reach: 'loopback',
    targetChoices: () =>
      targets.map((target) => ({
        target,
        pausedAt: target.state === 'paused' ? target.startedAt : undefined,
        reachable: true,
      })),
    target: (id) => {
      const found = targets.find((target) => target.id === id);
      if (found === undefined) throw new SandboxError('TARGET_UNKNOWN', `no target ${id}`);
      return found;
    },
  };
}
