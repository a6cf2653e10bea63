/** The scopes of a program that stands as they are now: those that came with the stop are copies of its moment. */

import type { MemberId } from '#shared/ids.ts';
import { scopesToRead } from '../../targets/prepared-looks.ts';
import { changesOf, liveScope } from '../debug/inspection/live-scopes.ts';
import { VirtualSession } from '../debug/inspection/virtual-session.ts';
import type { CallFrames } from '../debug/stops/glance.ts';
import type { TargetSession } from '../debug/targets/target-session.ts';

/**
 * @param callFrames of the stop it stands at
 * @returns the same, with what a capture reads of them read anew if code ran there since
 * @throws {SandboxError} NOT_PAUSED when it ran on meanwhile
 */
export async function withCurrentScopes(
  session: TargetSession,
  callFrames: CallFrames,
  self: MemberId,
): Promise<CallFrames> {
  const { pausedAt } = session;
  if (pausedAt?.callFrames !== callFrames || changesOf(pausedAt) === 0) return callFrames;
  const reader = new VirtualSession({
    member: self,
    process: session,
    rights: () => new Set(['view']),
    mask: () => (_, value) => value,
  });
  const places = scopesToRead(callFrames, (frame) => session.isSkipped(frame));
  const current = await Promise.all(
    places.map(async ([frame, scope]) => [`${frame} ${scope}`, await liveScope(reader, frame, scope)] as const),
  );
  const ids = new Map(current);
  return callFrames.map((each, frame) => ({
    ...each,
    scopeChain: each.scopeChain.map((scope, number) => {
      const objectId = ids.get(`${frame} ${number}`);
      return objectId === undefined ? scope : { ...scope, object: { ...scope.object, objectId } };
    }),
  }));
}
