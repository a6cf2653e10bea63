/** The hosted target a request is about: named, or the only live one of this host, or its paused one. */

import type { TargetId } from '#shared/ids.ts';
import type { CallContext } from '../../../pipeline/context.ts';
import { chooseTarget } from '../../../pipeline/resolve-target.ts';
import type { HostedTarget } from './hosted-target.ts';

/** @throws {SandboxError} TARGET_UNKNOWN */
export function requestedTarget(wanted: TargetId | undefined, context: CallContext): HostedTarget {
  const { engine, replica } = context.sandbox;
  if (wanted !== undefined) return engine.hosted(wanted);
  const own = engine.targets().filter(({ host }) => host === replica.self);
  const targetChoices = () =>
    own.map((target) => ({ target, pausedAt: engine.pauseOf(target.id)?.at, reachable: true }));
  return engine.hosted(chooseTarget(undefined, { target: (id) => engine.hosted(id).view, targetChoices }));
}
