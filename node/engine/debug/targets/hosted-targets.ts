/** The targets that this daemon hosts, and which of them a process is. */

import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import type { Replica } from '../../../network/replication/replica-interface.ts';
import type { AttachedProcess } from '../../../targets/attached-process.ts';
import type { FileNames, Project } from '../../source/project.ts';
import { targetsOf } from '../published/host-registers.ts';
import type { Timers } from '../timers.ts';
import type { HostedTarget } from './hosted-target.ts';
import { kinship, newTarget } from './target-identity.ts';

export interface HostedTargetsParts {
  readonly replica: Replica;
  readonly project: Project | undefined;
  readonly names: FileNames | undefined;
  readonly timers: Timers;
  /** Makes a target that has no process yet. */
  open(target: Target): HostedTarget;
}

export class HostedTargets {
  readonly #parts: HostedTargetsParts;
  readonly #targets = new Map<TargetId, HostedTarget>();

  constructor(parts: HostedTargetsParts) {
    this.#parts = parts;
  }

  get(id: TargetId): HostedTarget | undefined {
    return this.#targets.get(id);
  }

  /** @throws {SandboxError} TARGET_UNKNOWN */
  mustGet(id: TargetId): HostedTarget {
    const hosted = this.#targets.get(id);
    if (hosted !== undefined) return hosted;
    throw new SandboxError('TARGET_UNKNOWN', `Cannot find the target "${id}" on this machine`, {
      hint: 'List them with "sandmesh targets".',
    });
  }

  /** All of them, the ended ones too. */
  all(): readonly HostedTarget[] {
    return [...this.#targets.values()];
  }

  /** Those of one launched command line. */
  ofLaunch(launch: string): readonly HostedTarget[] {
    return this.all().filter(({ former }) => former?.launch === launch);
  }

  /** The target that a process belongs to: its own from before, its program's when a watcher started that again, or a new one. */
  slotFor(process: AttachedProcess): { hosted: HostedTarget; restarted: boolean } {
    for (const hosted of this.#targets.values()) {
      if (hosted.isLive || hosted.former === undefined) continue;
      const relation = kinship(hosted.former, process);
      if (relation !== 'stranger') return { hosted, restarted: relation === 'restart' };
    }
    const hosted = this.#parts.open(this.#formerTarget(process) ?? this.#newTarget(process));
    this.#targets.set(hosted.view.id, hosted);
    return { hosted, restarted: false };
  }

  /** A process that an earlier run of this daemon was attached to keeps its id. */
  #formerTarget(process: AttachedProcess): Target | undefined {
    const { replica } = this.#parts;
    const ended = targetsOf(replica.registers('host', replica.self), replica.self);
    return ended.find(({ id, pid, thread, argv, startedAt }) => {
      if (this.#targets.has(id) || process.startedAt === undefined) return false;
      return kinship({ pid, thread, argv, startedAt, launch: undefined, entry: undefined }, process) === 'same';
    });
  }

  #newTarget(process: AttachedProcess): Target {
    const { replica, project, names, timers } = this.#parts;
    const taken = new Set(this.all().map((hosted) => hosted.view.name));
    const entry = process.entry === undefined ? undefined : names?.toSourceFile(process.entry);
    return newTarget(process, { host: replica.self, project, taken, entry, now: timers.now() });
  }
}
