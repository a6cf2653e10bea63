/** The targets of every member as they are known here: those of this host at first hand, others by the registers of their hosts. */

import { type BreakpointId, hostOfTarget, type MemberId, type TargetId } from '#shared/ids.ts';
import type { Lease, Pause } from '#shared/model/pause.ts';
import type { Target } from '#shared/model/target.ts';
import type { Replica } from '../../../network/replication/replica-interface.ts';
import { parseRegisterKey, readLease, readPause, readTarget, targetsOf } from '../published/host-registers.ts';
import type { HostedTargets } from './hosted-targets.ts';

export interface KnownTargetsParts {
  readonly replica: Replica;
  readonly hosted: HostedTargets;
  onTarget(target: Target): void;
  onPause(target: TargetId, pause: Pause | null): void;
  onLease(lease: Lease): void;
  /** Something became of a breakpoint. */
  onStatus(breakpoint: BreakpointId): void;
}

export class KnownTargets {
  readonly #parts: KnownTargetsParts;

  constructor(parts: KnownTargetsParts) {
    this.#parts = parts;
  }

  /** This host's first. Whoever was removed has no programs here any more: nobody will ever hear of their end. */
  all(): Target[] {
    const { replica, hosted } = this.#parts;
    const targets = hosted.all().map(({ view }) => view);
    const others = [...replica.control.members.values()].filter(({ id, removed }) => !removed && id !== replica.self);
    for (const host of [replica.self, ...others.map(({ id }) => id)]) {
      for (const target of targetsOf(replica.registers('host', host), host)) {
        if (hosted.get(target.id) === undefined) targets.push(target);
      }
    }
    return targets;
  }

  target(id: TargetId): Target | undefined {
    const here = this.#parts.hosted.get(id);
    return here === undefined ? readTarget(this.#registersOf(id), hostOfTarget(id), id) : here.view;
  }

  pauseOf(id: TargetId): Pause | undefined {
    const here = this.#parts.hosted.get(id);
    return here === undefined ? readPause(this.#registersOf(id), id) : here.pause;
  }

  leaseOf(id: TargetId): Lease | undefined {
    const here = this.#parts.hosted.get(id);
    return here === undefined ? readLease(this.#registersOf(id), id) : here.driving.lease.state;
  }

  /** Another host wrote one of its registers: tells what that was about. */
  registerChanged(host: MemberId, key: string): void {
    const subject = parseRegisterKey(host, key);
    if (subject === undefined) return;
    const { onTarget, onPause, onLease, onStatus } = this.#parts;
    const { target: id } = subject;
    switch (subject.kind) {
      case 'target': {
        const target = this.target(id);
        if (target !== undefined) onTarget(target);
        return;
      }
      case 'pause':
        return onPause(id, this.pauseOf(id) ?? null);
      case 'lease': {
        const lease = this.leaseOf(id);
        if (lease !== undefined) onLease(lease);
        return;
      }
      case 'armed':
        return onStatus(subject.breakpoint);
      default:
        subject satisfies never;
    }
  }

  #registersOf(id: TargetId): ReadonlyMap<string, unknown> {
    return this.#parts.replica.registers('host', hostOfTarget(id));
  }
}
