/**
 * What stands in the way of joining a sandbox by a link where its folder lies here already: a membership that goes on, or
 * one that ended and whose place a new one takes.
 */

import type { ParsedLink } from '#protocol/link.ts';
import { equalBytes } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ControlKeys } from './control-keys.ts';
import type { RunningSandbox } from './running-sandbox.ts';

/** Whether this device was removed, as far as it has heard. */
export function wasRemoved({ replica }: RunningSandbox): boolean {
  return replica.control.members.get(replica.self)?.removed !== false;
}

/** The link without this device: who decides about a sandbox need not ask itself. */
export function namingOthers(link: ParsedLink, { replica }: RunningSandbox): ParsedLink {
  const own = replica.control.members.get(replica.self)?.deviceKey;
  return { ...link, peers: link.peers.filter(({ key }) => own === undefined || !equalBytes(key, own)) };
}

/**
 * A new membership deletes the folder of the one that ended.
 *
 * @throws {SandboxError} BAD_ARGUMENT where that holds keys by which the sandbox could be taken back
 */
export function assertReplaceable(keys: ControlKeys): void {
  if (!keys.foundersLieHere) return;
  throw new SandboxError('BAD_ARGUMENT', 'Cannot join again: the keys that founded this sandbox lie here', {
    hint: 'Take it back with "sandmesh recover"; or put them aside with "sandmesh leave --archive", and join then.',
  });
}
