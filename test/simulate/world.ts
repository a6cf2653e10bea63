/** What the actors of one run share: time, network, who is there, what was promised, and what went wrong. */

import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import type { ControlSigner } from '#protocol/control-entry.ts';
import type { Crypto } from '#protocol/crypto.ts';
import type { SandboxFounding } from '#protocol/sandbox-id.ts';
import { toHex } from '#shared/bytes.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Daemon } from './daemon.ts';
import type { Acknowledged } from './edits.ts';
import { isExpected, NO_ROOM } from './expected-errors.ts';
import type { HomeCopy } from './home.ts';
import { type Closing, Network } from './network.ts';
import type { Random } from './random.ts';
import { Registry } from './registry.ts';
import type { Rogue, Underworld } from './rogue.ts';
import { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

export interface Problem {
  /** Which invariant broke. */
  readonly invariant: string;
  readonly what: string;
  readonly atMs: number;
}

export class World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly registry: Registry;
  readonly crypto: Crypto = new RememberingCrypto();
  readonly daemons: Daemon[] = [];
  readonly rogues: Rogue[] = [];
  readonly acknowledged: Acknowledged[] = [];
  readonly problems: Problem[] = [];
  /** Records that rogues wrote last, in whose stead their rightful daemons may write again. */
  readonly spoilt: { readonly daemon: Daemon; readonly key: string }[] = [];
  /** Copies of homes, to be restored some day. */
  readonly backups = new Map<Daemon, HomeCopy>();
  /** Every control entry that an honest authority signed. */
  readonly signedEntries = new Set<string>();
  /** Every key that was, or may yet become, the one that signs the owner's log, by its public half in hex. */
  readonly ownerKeys = new Map<string, ControlSigner>();
  /** Which recovery key goes with a hash that the log promises. */
  readonly #recoveries = new Map<string, number>();
  /** How often the recovery key was used. */
  recoveries = 0;
  /** Faults and deeds are over. */
  calm = false;
  sandbox = '' as SandboxId;
  founding: SandboxFounding | undefined;
  readonly #trace: Trace;
  readonly #underworld: Underworld;

  constructor(random: Random, trace: Trace, underworld: Underworld) {
    this.random = random;
    this.#trace = trace;
    this.#underworld = underworld;
    this.registry = new Registry(this.crypto);
    this.scheduler = new Scheduler(trace, (error, what) => this.fail('no crash', `${what}: ${describe(error)}`));
    this.network = new Network(this.scheduler, random.fork('network'), (closing) => this.#closed(closing));
  }

  /** The first daemon founds the sandbox and decides who may do what. */
  get owner(): Daemon {
    return this.daemons[0] as Daemon;
  }

  /** The log may name this recovery key by its hash from now on. */
  promise(recoveryKey: Uint8Array, generation: number): void {
    this.#recoveries.set(toHex(this.crypto.sha256(recoveryKey)), generation);
  }

  /** @param hash SHA-256 of a recovery key, hex */
  recoveryOf(hash: string): number | undefined {
    return this.#recoveries.get(hash);
  }

  /** Something that is part of the misadventures: it does not happen any more once they are over. */
  later(ms: number, what: string, task: () => void): void {
    this.scheduler.after(ms, what, () => {
      if (!this.calm) task();
    });
  }

  trace(what: string): void {
    this.#trace.line(this.scheduler.now, what);
  }

  fail(invariant: string, what: string): void {
    this.trace(`BROKEN ${invariant}: ${what}`);
    this.problems.push({ invariant, what, atMs: this.scheduler.now });
  }

  /** An honest daemon's control log as it stands. */
  decided(replica: SandboxReplica): void {
    if (this.rogues.length > 0) this.#underworld.learnControl(toldEntries(replica));
  }

  /** The member of that key, by the longest log anybody has. */
  memberOf(key: Uint8Array): MemberId | undefined {
    let best: { seq: number; id: MemberId | undefined } = { seq: 0, id: undefined };
    for (const { replica } of this.daemons) {
      if (replica === undefined) continue;
      const seq = replica.controlLog.entries().length;
      if (seq > best.seq) best = { seq, id: replica.control.memberByKey(key)?.id };
    }
    return best.id;
  }

  /** What a device that is a member gets when it joins again: the longest log of those that run. */
  admitterFor(daemon: Daemon): { entries: readonly string[]; founding: SandboxFounding } | undefined {
    const { founding } = this;
    if (founding === undefined) return undefined;
    const key = toHex(daemon.publicKey);
    const logs = this.daemons
      .filter((other) => other !== daemon)
      .flatMap(({ replica }) => (replica === undefined ? [] : [replica]))
      .filter(({ control }) => [...control.members.values()].some((member) => toHex(member.deviceKey) === key))
      .map(toldEntries)
      .filter((entries) => entries.length > 0)
      .sort((a, b) => b.length - a.length);
    const entries = logs[0];
    return entries === undefined ? undefined : { entries, founding };
  }

  /** Whose disk was damaged depends on the others: notes who of them still holds what was promised before. */
  excuseLost(): void {
    const held = new Map(this.daemons.map((daemon) => [daemon, daemon.held()]));
    for (const ack of this.acknowledged) {
      if (ack.daemon.damagedAtMs < ack.atMs) continue;
      const holders = [...(ack.holders ?? this.daemons)];
      ack.holders = new Set(holders.filter((daemon) => (held.get(daemon)?.get(ack.chain) ?? 0) >= ack.seq));
    }
  }

  #closed({ by, to, reason }: Closing): void {
    this.trace(`${by.name} drops ${to.name}: ${reason}`);
    const honest = (end: unknown): boolean => this.daemons.some((daemon) => daemon === end);
    if (honest(by) && honest(to) && !ORDINARY.test(reason)) {
      this.fail('no honest daemon refuses another', `${by.name} drops ${to.name}: ${reason}`);
    }
  }
}

/** Why honest daemons may drop each other. */
const ORDINARY =
  /this side|its member was removed|its grant has no effect|did not become a level member in time|the disk is full/;

/** The real thing, each signature verified once in a run and not once per daemon. */
class RememberingCrypto implements Crypto {
  readonly #crypto = new NodeCrypto();
  readonly #verdicts = new Map<string, boolean>();

  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    return this.#crypto.sha256(...parts);
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const question = `${toHex(publicKey)}${toHex(message)}${toHex(signature)}`;
    let verdict = this.#verdicts.get(question);
    if (verdict === undefined) {
      verdict = this.#crypto.verify(publicKey, message, signature);
      this.#verdicts.set(question, verdict);
    }
    return verdict;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The control entries that a daemon tells; none while its disk has no room for the last of them. */
export function toldEntries(replica: SandboxReplica): readonly string[] {
  try {
    return replica.controlEntries();
  } catch (error) {
    if (isExpected(error, [NO_ROOM])) return [];
    throw error;
  }
}
