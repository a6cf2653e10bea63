/** Step: which target is meant when the request names none, so that every later step deals with one id. */

import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';

export interface TargetChoice {
  readonly target: Target;
  /** When it paused last, by its pause register; undefined while running. */
  readonly pausedAt: number | undefined;
  /** Its host is here: what is known of the others is what they said last. */
  readonly reachable: boolean;
}

/** The targets of one sandbox, to choose from. */
export interface TargetDirectory {
  /** @throws {SandboxError} TARGET_UNKNOWN */
  target(id: TargetId): Target;
  /** Every target of every host, with when it paused. */
  targetChoices(): readonly TargetChoice[];
}

const LIVE: ReadonlySet<Target['state']> = new Set(['starting', 'running', 'paused', 'restarting']);

/**
 * The named target, else the only live one, else the one that is paused (the latest of several), else the only program:
 * its worker threads are meant when they are named, or stand. Those of hosts that are away are meant when there are no
 * others.
 *
 * @param ended where nothing lives, what began last is meant, though it has ended: what it left can be read
 * @throws {SandboxError} TARGET_UNKNOWN with the names to choose from
 */
export function chooseTarget(wanted: TargetId | undefined, directory: TargetDirectory, ended = false): TargetId {
  if (wanted !== undefined) return directory.target(wanted).id;
  const choices = directory.targetChoices();
  const live = nearest(choices.filter(({ target }) => LIVE.has(target.state)));
  const only = live[0];
  if (only === undefined) {
    const [last] = nearest(choices).toSorted((a, b) => b.target.startedAt - a.target.startedAt);
    if (ended && last !== undefined) return last.target.id;
    throw nothingLives(last !== undefined);
  }
  if (live.length === 1) return only.target.id;
  const paused = live.filter((choice) => choice.pausedAt !== undefined);
  const latest = paused.toSorted((a, b) => (b.pausedAt ?? 0) - (a.pausedAt ?? 0))[0];
  if (latest !== undefined) return latest.target.id;
  const programs = live.filter((choice) => choice.target.thread === undefined);
  if (programs[0] !== undefined && programs.length === 1) return programs[0].target.id;
  const names = live.map((choice) => `${choice.target.id} (${choice.target.name})`).join(', ');
  throw new SandboxError('TARGET_UNKNOWN', `Cannot tell which of ${live.length} targets is meant`, {
    hint: `Name one with --target: ${names}.`,
  });
}

function nearest(choices: readonly TargetChoice[]): readonly TargetChoice[] {
  const near = choices.filter((choice) => choice.reachable);
  return near.length > 0 ? near : choices;
}

function nothingLives(hasEnded: boolean): SandboxError {
  const left = hasEnded ? ' What the last one left: "sandmesh log", "sandmesh snapshot list".' : '';
  return new SandboxError('TARGET_UNKNOWN', 'Cannot do that: no program is attached in this sandbox', {
    hint: `Start one with "sandmesh run -- node app.js" or attach with "sandmesh attach".${left}`,
  });
}
