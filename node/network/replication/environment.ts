/** Everything a replica takes from the outside world, so that a simulator can stand in for it. */

import { randomBytes } from 'node:crypto';
import type { Crypto } from '#protocol/crypto.ts';
import { NodeCrypto } from '../../security/crypto.ts';

export interface ReplicaEnvironment {
  readonly crypto: Crypto;
  /** Milliseconds since the epoch; for invites' expiry and display only, never for validity. */
  now(): number;
  random(bytes: number): Uint8Array;
  /** Runs `task` when the present tick is over. */
  defer(task: () => void): void;
  /** Calls back once after `ms`; the result cancels. Everything pending is cancelled when the replica stops. */
  after(ms: number, task: () => void): () => void;
}

/** The real world. */
export function nodeEnvironment(): ReplicaEnvironment {
  return {
    crypto: new NodeCrypto(),
    now: Date.now,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    defer: (task) => void setImmediate(task),
    after: (ms, task) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    },
  };
}

/** A chain of its own for every start of a daemon, so that a restored backup never reuses a slot. */
export function newIncarnation(environment: ReplicaEnvironment): number {
  const bytes = environment.random(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}
